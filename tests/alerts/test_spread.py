"""Overdispersion, learned hour by hour."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.spread import PHI, RHO, RHO_LOW, Spread, unpack_spread


def test_without_evidence_it_is_what_is_believed() -> None:
    assert Spread().phi() == pytest.approx(PHI)
    assert Spread().rho() == pytest.approx(RHO)
    assert Spread().rho(0.05) == pytest.approx(0.05)


def test_hours_with_few_texts_say_little() -> None:
    random, spread = np.random.default_rng(2), Spread()
    for _ in range(24):
        texts = int(random.poisson(3.0))
        spread.note_count(texts, 3.0, PHI)
        spread.note_share(random.binomial(texts, 0.25), texts, 0.25, RHO)
    assert spread.phi() == pytest.approx(PHI, rel=0.3)
    assert spread.rho() == pytest.approx(RHO, rel=0.3)


@pytest.mark.parametrize(("phi", "rho"), [(0.02, 0.005), (0.1, 0.05)])
def test_what_hours_show_is_found_again(phi: float, rho: float) -> None:
    random = np.random.default_rng(1)
    spread = Spread()
    for _ in range(3000):
        texts = int(random.poisson(random.gamma(1 / phi, 300.0 * phi)))
        worth = 1.0 / rho - 1.0
        negative = random.binomial(texts, random.beta(0.2 * worth, 0.8 * worth))
        spread.note_count(texts, 300.0, phi)
        spread.note_share(negative, texts, 0.2, rho)
    assert spread.phi() == pytest.approx(phi, rel=0.2)
    assert spread.rho() == pytest.approx(rho, rel=0.2)


def test_a_steady_share_is_worth_more_but_not_without_end() -> None:
    spread = Spread()
    for _ in range(3000):
        spread.note_share(60.0, 300.0, 0.2, RHO)
    assert spread.rho() == RHO_LOW


def test_one_crisis_teaches_little() -> None:
    spread = Spread()
    for _ in range(100):
        spread.note_share(62.0, 300.0, 0.2, RHO)
    before = spread.rho()
    spread.note_share(290.0, 300.0, 0.2, RHO)
    assert spread.rho() < before + 0.01


def test_it_is_packed_exactly() -> None:
    spread = Spread(0.1, 2.0, 0.3, 4.0)
    spread.fade(1 / 3)
    assert unpack_spread(b"x" + spread.pack(), 1).pack() == spread.pack()
