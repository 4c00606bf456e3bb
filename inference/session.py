"""ONNX Runtime on the CPU: the only module that imports it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.engine import Ids, Logits


class OnnxSession:
    """One ONNX file, one thread: a scorer process owns one core, and more cores are more processes.

    The file's outputs are named after the heads.

    Raises:
        onnxruntime's own errors where the file is no model it can run.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A thread that spins between runs takes the core from Kafka and Redis beside it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Batches differ in shape; arenas that only grow would keep the largest batch's memory for ever.
        options.enable_mem_pattern = False
        self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        self._heads = [output.name for output in self._session.get_outputs()]

    @property
    def heads(self) -> list[str]:
        """The names of the file's outputs."""
        return list(self._heads)

    def run(self, ids: Ids, mask: Ids) -> Mapping[str, Logits]:
        """Logits per head, shape (texts, labels)."""
        outputs = self._session.run(self._heads, {"input_ids": ids, "attention_mask": mask})
        return dict(zip(self._heads, outputs, strict=True))
