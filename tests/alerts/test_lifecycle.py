"""The life of an alert, step by step, and what holds in every life."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alerts.lifecycle import ALERT_BYTES, COOLING, FIRING, NONE, PENDING, Alert, Now, Step, unpack_alert
from alerts.rules import RuleSettings

SETTINGS = RuleSettings()
START = 1_650_000_000
MINUTE = 60


def scored(
    alert: Alert,
    at_s: int,
    score: float,
    *,
    window: int = 60,
    learning: bool = False,
    page: bool = True,
    onset: int | None = None,
) -> list[Step]:
    rang = window if score >= SETTINGS.open_at(window) else 0
    now = Now(at_s, learning, page)
    return alert.scored(SETTINGS, now, score, rang, at_s // 60 if onset is None else onset, "warning")


def quiet(alert: Alert, from_s: int, minutes: int, score: float = 0.0, *, page: bool = True) -> list[Step]:
    steps: list[Step] = []
    for minute in range(from_s // 60 + 1, from_s // 60 + 1 + minutes):
        steps += alert.passed(SETTINGS, Now(minute * 60, learning=False, page=page), score)
    return steps


def fired(score: float = 11.0, **how: bool) -> Alert:
    alert = Alert("negative")
    assert [step.state for step in scored(alert, START, score, **how)] == ["firing"]  # type: ignore[arg-type]
    return alert


def test_far_beyond_the_threshold_it_fires_at_once() -> None:
    alert = Alert("negative")
    assert scored(alert, START, 10.5) == [Step("firing", START, page=True, late=False, learning=False)]
    assert (alert.state, alert.number, alert.fired_s) == (FIRING, 1, START)


def test_just_beyond_it_waits_for_one_more_text() -> None:
    alert = Alert("negative")
    assert [(s.state, s.page) for s in scored(alert, START, 9.6)] == [("pending", False)]
    assert [s.state for s in scored(alert, START + 90, 9.7)] == ["firing"]
    assert alert.number == 2


def test_a_text_that_takes_it_below_the_threshold_confirms_nothing() -> None:
    alert = Alert("negative")
    scored(alert, START, 9.6)
    assert scored(alert, START + 60, 9.0) == []
    assert alert.state == PENDING


def test_when_nobody_confirms_it_is_dropped_without_a_page() -> None:
    alert = Alert("negative")
    scored(alert, START, 9.6)
    steps = quiet(alert, START, 4)
    assert [(s.state, s.page) for s in steps] == [("resolved", False)]
    assert steps[0].at_s > START + SETTINGS.hold_s
    assert (alert.state, alert.fired_s) == (NONE, 0)


def test_a_dropped_one_costs_no_cool_down_but_the_next_is_another_alert() -> None:
    alert = Alert("negative")
    scored(alert, START, 9.6, onset=START // 60 - 3)
    first = alert.onset
    quiet(alert, START, 4)
    assert [s.state for s in scored(alert, START + 5 * MINUTE, 11.0, onset=START // 60 - 3)] == ["firing"]
    assert alert.onset == first + 1
    assert alert.number == 1


def test_a_slow_window_waits_20_minutes_whether_its_story_is_only_repeated() -> None:
    alert = Alert("negative")
    assert [s.state for s in scored(alert, START, 8.1, window=1440)] == ["pending"]
    assert quiet(alert, START, 20, 8.1) == []
    after = Now(START + 21 * MINUTE, learning=False, page=True)
    assert [s.state for s in alert.passed(SETTINGS, after, 8.1)] == ["firing"]


def test_a_slow_window_whose_copies_came_never_fires() -> None:
    alert = Alert("negative")
    scored(alert, START, 8.1, window=1440)
    after = Now(START + 21 * MINUTE, learning=False, page=True)
    assert [s.state for s in alert.passed(SETTINGS, after, 2.0)] == ["resolved"]
    assert not alert.fired_s


def test_a_slow_window_does_not_keep_a_fast_one_waiting() -> None:
    alert = Alert("negative")
    steps = alert.scored(SETTINGS, Now(START, learning=False, page=True), 12.0, 1440, START // 60, "warning", 10.6)
    assert [s.state for s in steps] == ["firing"]
    assert alert.window == 1440


def test_it_resolves_after_half_an_hour_below_close() -> None:
    alert = fired()
    assert [s.state for s in quiet(alert, START, 29)] == []
    assert [s.state for s in quiet(alert, START + 29 * MINUTE, 1)] == ["resolved"]
    assert alert.state == COOLING


def test_between_close_and_open_it_stays() -> None:
    alert = fired()
    assert quiet(alert, START, 500, 6.0) == []


def test_quiet_starts_anew_with_every_hot_text() -> None:
    alert = fired()
    quiet(alert, START, 29)
    scored(alert, START + 29 * MINUTE, 7.0)
    assert quiet(alert, START + 29 * MINUTE, 29) == []


def test_an_alert_of_a_slow_window_is_looked_at_less_often() -> None:
    alert = Alert("negative")
    scored(alert, START, 9.0, window=1440)
    assert [s.state for s in quiet(alert, START, 21, 9.0)] == ["firing"]
    looked = [Now(START + minute * MINUTE, learning=False, page=True) for minute in (48, 72)]
    assert alert.passed(SETTINGS, looked[0], 0.0) == []
    assert [s.state for s in alert.passed(SETTINGS, looked[1], 0.0)] == ["resolved"]


def test_it_is_told_again_once_when_it_gets_much_worse() -> None:
    alert = fired(10.5)
    assert scored(alert, START + 10, 13.4) == []
    assert [(s.state, s.page) for s in scored(alert, START + 20, 13.5)] == [("firing", True)]
    assert scored(alert, START + 30, 20.0) == []
    assert alert.peak == 20.0
    assert alert.score == 10.5


def test_after_it_resolved_it_is_silent_for_an_hour() -> None:
    alert = fired()
    quiet(alert, START, 30)
    ended = alert.ended_s
    assert scored(alert, ended + 59 * MINUTE, 12.0) == []
    assert [s.state for s in scored(alert, ended + 60 * MINUTE, 12.0)] == ["firing"]


def test_unless_it_is_much_worse_than_before() -> None:
    alert = fired(11.0)
    quiet(alert, START, 30)
    assert [s.state for s in scored(alert, alert.ended_s + MINUTE, 14.0)] == ["firing"]


def test_what_fires_while_a_replay_teaches_pages_nobody_even_later() -> None:
    alert = fired(11.0, learning=True)
    assert alert.caught_up(Now(START + 60, learning=False, page=True)) == []
    steps = quiet(alert, START, 40)
    assert [(s.state, s.page, s.late) for s in steps] == [("resolved", False, False)]


def test_unless_it_gets_worse_when_the_teaching_is_over() -> None:
    alert = fired(11.0, learning=True)
    assert [(s.state, s.page) for s in scored(alert, START + 60, 14.0)] == [("firing", True)]
    assert [(s.state, s.page) for s in quiet(alert, START + 60, 40)] == [("resolved", True)]


def test_what_fires_during_catch_up_pages_when_it_is_over() -> None:
    alert = fired(11.0, page=False)
    assert alert.caught_up(Now(START + 60, learning=False, page=False)) == []
    steps = alert.caught_up(Now(START + 60, learning=False, page=True))
    assert [(s.state, s.page) for s in steps] == [("firing", True)]
    assert alert.caught_up(Now(START + 61, learning=False, page=True)) == []


def test_what_is_over_by_then_is_recorded_late() -> None:
    alert = fired(11.0, page=False)
    assert [(s.state, s.page, s.late) for s in quiet(alert, START, 40, page=False)] == [("resolved", False, True)]


def test_the_end_of_what_was_paged_is_told_even_during_catch_up() -> None:
    alert = fired(11.0)
    assert [(s.state, s.page, s.late) for s in quiet(alert, START, 40, page=False)] == [("resolved", True, False)]


EVENTS = st.lists(
    st.tuples(
        st.integers(1, 4000),
        st.sampled_from([0.0, 5.0, 6.5, 8.2, 9.6, 10.6, 13.0, 17.0]),
        st.sampled_from([5, 60, 360, 1440]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=60,
)


@given(EVENTS, st.integers(0, 20_000))
def test_in_every_life_numbers_follow_each_other_and_alerts_do_not_overlap(
    events: list[tuple[int, float, int, bool, bool]], learn: int
) -> None:
    alert = Alert("negative")
    at_s = START
    lives: dict[int, list[tuple[int, Step]]] = {}
    order: list[int] = []
    for gap, score, window, minute, page in events:
        at_s += gap
        now_learning = at_s < START + learn
        if minute:
            at_s = at_s // 60 * 60
            steps = alert.passed(SETTINGS, Now(at_s, now_learning, page), score)
        else:
            steps = scored(alert, at_s, score, window=window, learning=now_learning, page=page)
        assert len(alert.pack()) == ALERT_BYTES
        assert unpack_alert(alert.pack()).pack() == alert.pack()
        # A step that ends one alert and begins another carries the old onset first.
        for step in steps:
            onset = alert.onset if step is steps[-1] else (order[-1] if order else alert.onset)
            if onset not in order:
                order.append(onset)
            lives.setdefault(onset, []).append((alert.number if step is steps[-1] else 0, step))
    assert order == sorted(order)
    for life in lives.values():
        states = [step.state for _, step in life]
        assert states[0] in ("pending", "firing")
        assert "resolved" not in states[:-1]
        assert states.count("pending") <= 1
        assert [number for number, _ in life if number] == [at + 1 for at, (number, _) in enumerate(life) if number]
        assert all(not step.page for _, step in life if step.learning and step.state == "firing")
        for earlier, later in pairwise(life):
            assert earlier[1].at_s <= later[1].at_s
