"""What an alert says of itself: numbers, bars, a sentence, and what would not have rung."""

from __future__ import annotations

import pytest

from alerts import detector, explain
from alerts.baseline import Baseline, Known
from alerts.detector import Look
from alerts.lifecycle import Alert, Now
from alerts.rules import Rules
from alerts.season import GroupClock
from alerts.windows import Windows
from contracts.messages import Rule

START = 27_000_000
SETTINGS = Rules().negative


def crisis(texts: int = 17, negative: int = 15) -> tuple[Windows, Known, GroupClock, detector.Test]:
    clock = GroupClock(START, shared=True)
    clock.advance(START + 20 * 1440)
    baseline, windows = Baseline(clock, START), Windows(clock.minute)
    windows.add(clock.minute - 3, texts, negative, 0, negative * 900 + (texts - negative) * 100, 0, 11)
    known = baseline.known(clock)
    looks = detector.look(windows, known, clock, clock.minute)
    test, *_ = detector.strongest("negative", looks, SETTINGS)
    assert test is not None
    return windows, known, clock, test


def test_every_window_is_shown_and_the_one_that_decided_is_named() -> None:
    windows, known, clock, test = crisis()
    shown = explain.evidence("negative", test, windows, known, clock, SETTINGS)
    assert [one.minutes for one in shown.windows] == [5, 15, 60, 360, 1440]
    decided = next(one for one in shown.windows if one.minutes == shown.window)
    assert (decided.negative, decided.all, decided.copies) == (15, 17, 0)
    assert decided.score == pytest.approx(test.score, abs=0.001)
    assert shown.margin == pytest.approx(test.score - shown.threshold, abs=0.001)
    assert decided.negative_mass == pytest.approx(13.7)
    assert decided.negative_mass_low < decided.negative_mass < decided.negative_mass_high <= decided.all


@pytest.mark.parametrize(("minutes", "bar"), [(5, 5), (60, 5), (360, 60), (1440, 60)])
def test_the_bars_of_the_timeline_lie_side_by_side_up_to_now_and_hold_all_texts(minutes: int, bar: int) -> None:
    windows, _, clock, test = crisis()
    points = explain.timeline(windows, test.usual, clock, minutes)
    starts = [point.start_ms // 60_000 for point in points]
    assert starts == list(range(starts[0], clock.minute + 1, bar))
    assert {point.minutes for point in points} == {bar}
    assert sum(point.negative for point in points) == 15
    assert all(point.low <= point.expected <= point.high or point.expected == 0 for point in points)


@pytest.mark.parametrize(
    ("rule", "counts"),
    [("negative", (17, 15, 0)), ("volume", (90, 18, 0)), ("viral", (3, 1, 90))],
)
def test_the_counterfactual_is_the_smallest_count_that_rings(rule: Rule, counts: tuple[int, int, int]) -> None:
    settings = getattr(Rules(), rule)
    _, known, _, test = crisis()
    one = Look(60, test.begin, test.end, (*counts, 0, 0, 0), 60.0, known.usual())
    strong = detector.weigh(rule, one, 3, settings.minimum)
    assert strong.score >= settings.open
    least = explain.fires_at(rule, strong, settings)
    saw = counts[detector.COLUMN[rule]]
    assert settings.minimum <= least <= saw
    text = explain.counterfactual(rule, strong, settings)
    assert text.startswith(f"fires at {least} ")
    assert text.endswith(f"in 60 min, saw {saw}")


def test_a_window_that_does_not_ring_has_no_counterfactual() -> None:
    _, known, _, test = crisis()
    calm = Look(60, test.begin, test.end, (4, 1, 0, 900, 0, 0), 60.0, known.usual())
    assert explain.counterfactual("negative", detector.weigh("negative", calm, 3, 4), SETTINGS) == ""


def test_the_sentence_says_what_happened_against_what_is_usual() -> None:
    _, _, _, test = crisis()
    alert = Alert("negative")
    alert.scored(SETTINGS, Now(START * 60, learning=False, page=True), test.score, test.minutes, START, "warning", 12.0)
    said = explain.why("firing", alert, "Acme", test)
    assert said.startswith(f"Acme: 15 negative of 17 distinct texts in {explain.span_text(test.minutes)}; expected ")
    assert "p<1e-8" in said
    assert "negative share 88% vs usual 25%" in said
    assert said.endswith("began 2021-05-03 00:00 UTC")
    assert explain.why("resolved", alert, "Acme", test).startswith("Acme: quiet again, 15 negative of 17")


def test_one_that_never_fired_says_so() -> None:
    _, _, _, test = crisis()
    alert = Alert("negative")
    alert.scored(SETTINGS, Now(START * 60, learning=False, page=True), 9.6, 60, START, "warning")
    assert "it never fired" in explain.why("resolved", alert, "Acme", test)


@pytest.mark.parametrize(
    ("series", "name"),
    [
        ("all", "All texts"),
        ("topic:legal_regulation", "legal regulation"),
        ("entity:ftx", "FTX"),
        ("entity:ftx/topic:legal_regulation", "FTX / legal regulation"),
        ("entity:unknown", "unknown"),
    ],
)
def test_series_are_called_by_the_names_that_people_use(series: str, name: str) -> None:
    assert explain.name_of(series, {"ftx": "FTX"}) == name
