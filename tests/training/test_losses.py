"""What pulls the logits, by worked example."""

from __future__ import annotations

import math

import pytest
import torch

from training.batches import UNLABELLED, Batch, share_of
from training.config import Distillation, Head
from training.losses import batch_loss

pytestmark = pytest.mark.train

HEAD = Head(name="mood", labels=["bad", "good"])
EVEN = {"mood": torch.ones(2)}


def batch(targets: list[int], soft: list[tuple[float, ...] | None] | None = None) -> Batch:
    n = len(targets)
    return Batch(
        [[2, 3]] * n, [[]] * n, {"mood": targets}, {"mood": [1.0] * n}, {"mood": soft or [None] * n}, frozenset()
    )


def loss_of(z: list[list[float]], b: Batch, head: Head = HEAD, distil: Distillation | None = None) -> float:
    return float(batch_loss({"mood": torch.tensor(z)}, b, [head], EVEN, 0.0, distil))


def test_without_a_label_and_a_teacher_nothing_is_lost() -> None:
    assert loss_of([[3.0, -1.0]], batch([UNLABELLED])) == 0.0


def test_an_example_that_is_nearly_right_counts_less_with_focal_loss() -> None:
    focal = HEAD.model_copy(update={"focal_gamma": 2.0})
    p = 1 / (1 + math.exp(-2.0))
    assert loss_of([[2.0, 0.0]], batch([0])) == pytest.approx(-math.log(p), abs=1e-6)
    assert loss_of([[2.0, 0.0]], batch([0]), focal) == pytest.approx(-((1 - p) ** 2) * math.log(p), abs=1e-6)


def test_a_student_that_says_what_its_teacher_says_loses_nothing_whatever_the_label() -> None:
    distil = Distillation.model_validate({"teacher": "x", "weight": 1.0, "temperature": 3.0})
    assert loss_of([[2.0, -1.0]], batch([1], [(2.0, -1.0)]), distil=distil) == pytest.approx(0.0, abs=1e-6)


def test_the_teacher_teaches_where_there_is_no_label_and_shares_where_there_is_one() -> None:
    distil = Distillation.model_validate({"teacher": "x", "weight": 0.25, "temperature": 1.0})
    apart = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)  # KL of (.5, .5) from (.9, .1)
    z = [[math.log(0.9), math.log(0.1)]]
    assert loss_of(z, batch([UNLABELLED], [(0.0, 0.0)]), distil=distil) == pytest.approx(0.25 * apart, abs=1e-5)
    wanted = 0.25 * apart - 0.75 * math.log(0.9)
    assert loss_of(z, batch([0], [(0.0, 0.0)]), distil=distil) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
def test_the_shares_of_a_batch_lose_together_what_the_batch_loses(processes: int) -> None:
    torch.manual_seed(5)
    mention = Head(name="who", reads="mention", labels=["bad", "good"])
    heads, classes = [HEAD, mention], {"mood": torch.ones(2), "who": torch.ones(2)}
    whole = Batch(
        [[2, n, 3] for n in range(4)],
        [[(1,)], [], [(1,), (0,)], []],
        {"mood": [0, 1, UNLABELLED, 1], "who": [0, 1, 1]},
        {"mood": [1.0, 2.0, 1.0, 1.0], "who": [1.0, 1.0, 3.0]},
        {"mood": [None] * 4, "who": [None] * 3},
        frozenset({"who"}),
    )
    mood, who = torch.randn(4, 2), torch.randn(3, 2)

    def loss(b: Batch) -> float:
        rows = [ids[1] for ids in b.ids]
        logits = {"mood": mood[rows], "who": who[[n for row in rows for n in {0: [0], 2: [1, 2]}.get(row, [])]]}
        return float(batch_loss(logits, b, heads, classes, 0.05))

    assert sum(loss(share_of(whole, n, processes)) for n in range(processes)) == pytest.approx(loss(whole), abs=1e-5)
