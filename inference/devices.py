"""Which device runs a bundle, and what happens when it fails: the next one takes over, loudly.

The order is TensorRT, CUDA, CPU: what `offered` names of it is tried in turn. GPUs run the 16-bit file; a bundle
without one runs on the CPU. Pure but for the openers that are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

from contracts import metrics
from inference.engine import Logits, Padded, Session

TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
Precision = Literal["int8", "fp16"]
PRECISION_OF: Mapping[str, Precision] = {TENSORRT: "fp16", CUDA: "fp16", CPU: "int8"}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider that can run the bundle, and how to open the bundle on it."""

    provider: str
    open: Callable[[], Session]


@dataclass(frozen=True, slots=True)
class Plan:
    """The providers to try in turn, and why the others are not among them."""

    providers: tuple[str, ...]
    why_not: Mapping[str, str]


def plan(offered: Sequence[str], precisions: Sequence[str]) -> Plan:
    """What to try.

    Args:
        offered: the providers that the installed ONNX Runtime says it has.
        precisions: those of the bundle whose files are there.

    >>> plan(["CPUExecutionProvider"], ["int8"]).providers
    ('CPUExecutionProvider',)
    """
    chosen, why_not = [], {}
    for provider, precision in PRECISION_OF.items():
        if provider not in offered:
            why_not[provider] = "this ONNX Runtime does not offer it"
        elif precision not in precisions:
            why_not[provider] = f"the bundle has no {precision} file"
        else:
            chosen.append(provider)
    return Plan(tuple(chosen), why_not)


class NoDevice(Exception):
    """Nothing that was tried could open the network; the message says what each said."""


class DeviceSession:
    """A session on the first candidate that opens; where it fails in a run, the next one takes over for good.

    A run that no device can do is the batch's fault: its error is raised and the device stays.

    Args:
        bundle: the bundle's name, for the log and the metric.
        candidates: in the order of preference, at least one.

    Raises:
        NoDevice: no candidate opens.
    """

    def __init__(self, bundle: str, candidates: Sequence[Candidate]) -> None:
        self._bundle = bundle
        self._left = list(candidates)
        self._session = self._open_first([])

    @property
    def provider(self) -> str:
        """What runs the network now."""
        return self._left[0].provider

    def run(self, batch: Padded) -> Mapping[str, Logits]:
        """Logits per head."""
        try:
            return self._session.run(batch)
        # Each provider raises bare exceptions of its own; what they mean is decided by whether the next one can do it.
        except Exception as error:
            if len(self._left) == 1:
                raise
            return self._on_the_next(batch, error)

    def _on_the_next(self, batch: Padded, error: Exception) -> Mapping[str, Logits]:
        session, left = self._session, list(self._left)
        failed = self._left.pop(0)
        try:
            self._session = self._open_first([f"{failed.provider}: {error}"])
            logits = self.run(batch)
        except Exception:
            self._session, self._left = session, left
            raise
        self._dropped(failed.provider, error)
        return logits

    def _open_first(self, said: list[str]) -> Session:
        while self._left:
            try:
                return self._left[0].open()
            except Exception as error:  # noqa: BLE001 - as above; the last one's is raised with all that was said
                said.append(f"{self._left[0].provider}: {error}")
                if len(self._left) > 1:
                    self._dropped(self._left[0].provider, error)
                self._left.pop(0)
        raise NoDevice("; ".join(said))

    def _dropped(self, provider: str, error: Exception) -> None:
        metrics.DEVICE_DROPS.labels(self._bundle, provider).inc()
        log.error(
            "a device failed and was dropped: the bundle runs on the next one, slower",
            bundle=self._bundle,
            dropped=provider,
            error=str(error),
            do="see the driver's log; a restart of the scorer tries the device again",
        )
