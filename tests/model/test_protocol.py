"""The protocol as a model, through all orders of steps: nothing lost, nothing double, and every rule is needed.

Deeper, and with a history to read when a rule is off: `python tests/model --help`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from casts import NEEDED, TOGETHER, WHOLE
from protocol_model import Model
from protocol_search import search
from protocol_state import RULES

DEPTH = 11  # of the search of everybody together: a quarter of a minute of processor time


def test_every_rule_has_a_cast_that_needs_it_and_a_place_in_the_code() -> None:
    assert set(NEEDED) == set(RULES)
    for _, place in RULES.values():
        file = Path(place.split()[0].rstrip(","))
        assert file.exists(), file


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_a_history_is_found_that_goes_wrong(rule: str) -> None:
    found = search(replace(NEEDED[rule], off=frozenset([rule])))
    assert found.violation
    assert found.history


@pytest.mark.parametrize("rule", RULES)
def test_with_the_rule_the_same_cast_does_nothing_wrong_in_any_history(rule: str) -> None:
    found = search(NEEDED[rule])
    assert not found.violation, str(found)
    assert found.complete


@pytest.mark.parametrize("model", WHOLE.values(), ids=WHOLE.keys())
def test_nothing_is_lost_double_or_forgotten_in_any_history(model: Model) -> None:
    found = search(model)
    assert not found.violation, str(found)
    assert found.complete


def test_two_scorers_two_aggregators_and_two_evaluators_together_up_to_a_depth() -> None:
    found = search(TOGETHER, DEPTH)
    assert not found.violation, str(found)
    assert found.depth == DEPTH
