"""ONNX Runtime: the only module that imports it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime

from inference.devices import CPU, CUDA, TENSORRT
from inference.engine import Logits, Padded

OPTIONS: Mapping[str, Mapping[str, str]] = {TENSORRT: {"trt_fp16_enable": "1"}, CUDA: {}, CPU: {}}


def offered() -> list[str]:
    """The providers that the installed ONNX Runtime was built with; that a device is there shows when one is opened."""
    return list(onnxruntime.get_available_providers())


class OnnxSession:
    """One ONNX file on one provider. On the CPU one thread: a scorer process owns one core, and more cores are more processes.

    The file's outputs are named after the heads. Inputs that the file does not have are not given to it.

    Raises:
        onnxruntime's own errors where the file is no model it can run; RuntimeError where the provider does not come up.
    """

    def __init__(self, path: Path, *, threads: int = 1, provider: str = CPU) -> None:
        if provider not in offered():
            raise RuntimeError(f"this ONNX Runtime does not offer {provider}, only {', '.join(offered())}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A thread that spins between runs takes the core from Kafka and Redis beside it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Batches differ in shape; arenas that only grow would keep the largest batch's memory for ever.
        options.enable_mem_pattern = False
        # Nodes that a GPU does not have run on the CPU; that is not a failure of the device.
        providers: list[Any] = [(provider, dict(OPTIONS[provider]))]
        providers += [CUDA] if provider == TENSORRT else []
        providers += [CPU] if provider != CPU else []
        self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=providers)
        # ONNX Runtime would go on without a provider that does not come up, and without a word of ours.
        self._session.disable_fallback()
        came_up = self._session.get_providers()[0]
        if came_up != provider:
            raise RuntimeError(f"asked for {provider}, ONNX Runtime came up with {came_up}")
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._heads = [output.name for output in self._session.get_outputs()]

    @property
    def heads(self) -> list[str]:
        """The names of the file's outputs."""
        return list(self._heads)

    def run(self, batch: Padded) -> Mapping[str, Logits]:
        """Logits per head."""
        outputs = self._session.run(self._heads, self._given(batch))
        return dict(zip(self._heads, outputs, strict=True))

    def _given(self, batch: Padded) -> dict[str, Any]:
        return {name: value for name, value in batch._asdict().items() if name in self._inputs}


class BoundSession(OnnxSession):
    """The same with I/O binding: a GPU's inputs are copied once, and outputs are allocated where they are computed.

    Args:
        device: `cuda` or `cpu`, where the outputs are allocated.
    """

    def __init__(self, path: Path, *, provider: str, device: str) -> None:
        super().__init__(path, provider=provider)
        self._device = device

    def run(self, batch: Padded) -> Mapping[str, Logits]:
        """Logits per head."""
        binding = self._session.io_binding()
        for name, value in self._given(batch).items():
            binding.bind_cpu_input(name, value)
        for head in self._heads:
            binding.bind_output(head, self._device)
        self._session.run_with_iobinding(binding)
        return dict(zip(self._heads, binding.copy_outputs_to_cpu(), strict=True))


def open_on(provider: str, path: Path) -> OnnxSession:
    """The file on a provider, as that provider runs it best."""
    return OnnxSession(path) if provider == CPU else BoundSession(path, provider=provider, device="cuda")
