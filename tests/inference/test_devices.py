"""The best device there is runs the bundle; one that fails makes room for the next, and everybody can see it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from contracts import metrics
from inference.bundle import NETWORK, shipped
from inference.devices import CPU, CUDA, TENSORRT, Candidate, DeviceSession, NoDevice, plan
from inference.engine import Logits, Padded
from inference.session import BoundSession, OnnxSession, offered

BATCH = Padded(
    np.array([[101, 2204, 102], [101, 102, 0]]),
    np.array([[1, 1, 1], [1, 1, 0]]),
    np.zeros((0, 3), np.int64),
    np.zeros(0, np.int64),
)
SAID = {"sentiment": np.zeros((2, 3), np.float32)}


class Device:
    """A session that works a number of times."""

    def __init__(self, times: int, error: str = "the device was lost") -> None:
        self.times, self.error = times, error

    def run(self, batch: Padded) -> Mapping[str, Logits]:
        if not self.times:
            raise RuntimeError(self.error)
        self.times -= 1
        return SAID


def broken() -> Device:
    raise RuntimeError("no driver")


def drops(bundle: str, provider: str) -> float:
    return metrics.DEVICE_DROPS.labels(bundle, provider)._value.get()


@pytest.mark.parametrize(
    ("there", "precisions", "tried"),
    [
        ([CPU, TENSORRT, CUDA], ["int8", "fp16"], (TENSORRT, CUDA, CPU)),
        ([CPU, CUDA], ["int8", "fp16"], (CUDA, CPU)),
        ([TENSORRT, CUDA, CPU], ["int8"], (CPU,)),
        ([CPU, "AzureExecutionProvider"], ["int8", "fp16"], (CPU,)),
    ],
)
def test_the_best_that_is_offered_and_has_its_file_comes_first(
    there: list[str], precisions: list[str], tried: tuple[str, ...]
) -> None:
    chosen = plan(there, precisions)
    assert chosen.providers == tried
    assert set(chosen.providers) | set(chosen.why_not) == {TENSORRT, CUDA, CPU}
    assert all(chosen.why_not.values())


def test_a_device_that_does_not_open_is_passed_over_and_counted() -> None:
    session = DeviceSession("a-1", [Candidate(CUDA, broken), Candidate(CPU, lambda: Device(9))])
    assert session.provider == CPU
    assert drops("a-1", CUDA) == 1


def test_a_device_that_fails_in_a_run_is_dropped_and_its_batch_is_answered_by_the_next() -> None:
    session = DeviceSession("a-2", [Candidate(CUDA, lambda: Device(2)), Candidate(CPU, lambda: Device(9))])
    assert [session.run(BATCH) is SAID for _ in range(4)] == [True] * 4
    assert session.provider == CPU
    assert drops("a-2", CUDA) == 1


def test_a_batch_that_no_device_can_run_costs_no_device() -> None:
    session = DeviceSession("a-3", [Candidate(CUDA, lambda: Device(0, "bad input")), Candidate(CPU, lambda: Device(0))])
    with pytest.raises(RuntimeError, match="the device was lost"):
        session.run(BATCH)
    assert session.provider == CUDA
    assert drops("a-3", CUDA) == 0


def test_the_last_device_s_error_is_raised_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="the device was lost"):
        DeviceSession("a-4", [Candidate(CPU, lambda: Device(0))]).run(BATCH)


def test_when_nothing_opens_all_that_was_said_is_said() -> None:
    with pytest.raises(NoDevice, match=r"CUDAExecutionProvider: no driver; CPUExecutionProvider: no driver"):
        DeviceSession("a-5", [Candidate(CUDA, broken), Candidate(CPU, broken)])


def test_cuda_answers_what_the_cpu_does_where_it_is_and_is_an_error_where_it_is_not() -> None:
    """Never the CPU in silence, which is what ONNX Runtime does by itself."""
    network = shipped("en") / "fp16.onnx"
    if CUDA in offered() and network.exists():
        on_gpu = BoundSession(network, provider=CUDA, device="cuda").run(BATCH)
        for head, said in OnnxSession(network).run(BATCH).items():
            assert on_gpu[head] == pytest.approx(said, abs=0.02)
    else:
        with pytest.raises((RuntimeError, ValueError), match=CUDA):
            OnnxSession(shipped("en") / NETWORK, provider=CUDA)


def test_bound_inputs_and_outputs_answer_what_unbound_ones_do() -> None:
    plain = OnnxSession(shipped("en") / NETWORK).run(BATCH)
    bound = BoundSession(shipped("en") / NETWORK, provider=CPU, device="cpu").run(BATCH)
    assert plain.keys() == bound.keys()
    for head in plain:
        assert bound[head] == pytest.approx(plain[head], abs=1e-6)
