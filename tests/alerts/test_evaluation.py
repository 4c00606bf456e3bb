"""The state machine over all series: a function of what became visible, however it is cut, restarted or ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.evaluation import Entry, Evaluation
from alerts.rules import Rules
from alerts.state import unpack_book, unpack_series
from contracts.errors import Inconsistent
from contracts.messages import Transition
from contracts.series import alert_id
from contracts.watchlist import WatchedEntity

START = 1_650_002_400  # a full hour
DAY = 86_400
GROUPS = {
    "all": "all",
    "entity:acme": "session:us",
    "entity:acme/topic:politics": "session:us",
    "entity:other": "session:us",
}
Log = Sequence[tuple[str, Entry]]


def entry(second: int, *, minute: int | None = None, distinct: int = 1, negative: int = 0, copies: int = 0) -> Entry:
    return Entry(second, second // 60 if minute is None else minute, distinct, negative, copies, 900 * negative, 0)


class Machine:
    """An evaluator's shell in memory; `restart` is a crash after a commit."""

    def __init__(self, log: Log, watched: dict[str, WatchedEntity] | None = None) -> None:
        self.log, self.watched = log, watched or {}
        self.states: dict[str, bytes] = {}
        self.loads: list[str] = []
        self.book: bytes | None = None
        self.drafts: list[Transition] = []
        self.restart()

    def restart(self) -> None:
        def load(series: str) -> bytes | None:
            self.loads.append(series)
            return self.states.get(series)

        self.evaluation = Evaluation(Rules(), self.watched, load, self.book)

    def advance(self, until_s: int, *, learn_until_s: int = 0, page: bool = True) -> list[Transition]:
        since = self.evaluation.evaluated_until_s
        entries: dict[str, tuple[str, list[Entry]]] = {}
        for series, one in self.log:
            if (since is None or one.visible_s > since) and one.visible_s <= until_s:
                entries.setdefault(series, (GROUPS[series], []))[1].append(one)
        outcome = self.evaluation.advance(entries, until_s, learn_until_s=learn_until_s, page=page)
        self.states |= outcome.states
        self.book = outcome.book
        self.drafts += outcome.drafts
        return outcome.drafts

    @property
    def result(self) -> tuple[dict[str, bytes], bytes | None, list[Transition]]:
        return self.states, self.book, self.drafts


def told(drafts: Sequence[Transition], series: str = "entity:acme") -> list[tuple[int, str, bool]]:
    return [(one.number, one.state, one.page) for one in drafts if one.series == series and one.rule == "negative"]


def made_up(seed: int, documents: int = 600) -> list[tuple[str, Entry]]:
    """A stream with quiet days, a crisis, a flood, late documents, and a gap."""
    random, second = Random(seed), START
    log: list[tuple[str, Entry]] = []
    for number in range(documents):
        second += random.choice((1, 30, 400, 900, 2000)) if number != documents // 2 else 3 * DAY
        crisis = documents // 3 < number < documents // 3 + 40
        late = random.choice((0, 0, 0, 7, 45, 300)) * 60
        negative = int(random.random() < (0.9 if crisis else 0.2))
        copies = int(random.random() < 0.1)
        one = entry(
            second, minute=(second - late) // 60, distinct=1 - copies, negative=negative * (1 - copies), copies=copies
        )
        log.append(("all", one))
        if crisis or random.random() < 0.05:
            log += [("entity:acme", one), ("entity:acme/topic:politics", one)]
        if random.random() < 0.1:
            log.append(("entity:other", one))
    return log


LOG = made_up(7)
END = LOG[-1][1].visible_s + 2 * DAY


def whole(log: Log, until_s: int) -> Machine:
    machine = Machine(log)
    machine.advance(until_s)
    return machine


WHOLE = whole(LOG, END)


def test_the_made_up_stream_rings() -> None:
    assert "firing" in [one.state for one in WHOLE.drafts]
    assert "resolved" in [one.state for one in WHOLE.drafts]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(START, END), max_size=12), st.sets(st.integers(0, 11)))
def test_where_time_is_cut_and_who_was_killed_changes_nothing(cuts: list[int], crashes: set[int]) -> None:
    machine = Machine(LOG)
    for number, until_s in enumerate(sorted(cuts)):
        machine.advance(until_s)
        if number in crashes:
            machine.restart()
    machine.advance(END)
    assert machine.result == WHOLE.result


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_documents_within_a_second_changes_nothing(random: Random) -> None:
    together = [(series, replace(one, visible_s=one.visible_s // 3600 * 3600 + 3599)) for series, one in LOG]
    shuffled = list(together)
    random.shuffle(shuffled)
    until_s = END + 3600
    assert whole(shuffled, until_s).result == whole(together, until_s).result


def test_entries_merged_by_the_counting_script_equal_single_ones() -> None:
    single = [("entity:acme", entry(START + 5, negative=1)) for _ in range(9)]
    merged = [("entity:acme", entry(START + 5, distinct=9, negative=9))]
    assert whole(single, START + 600).result == whole(merged, START + 600).result


def test_packed_states_and_book_are_read_again_as_they_were() -> None:
    for series, packed in WHOLE.states.items():
        assert unpack_series(series, packed).pack() == packed
    assert WHOLE.book is not None
    assert unpack_book(WHOLE.book).pack() == WHOLE.book


def test_a_series_that_is_written_about_now_and_then_takes_under_400_bytes() -> None:
    assert len(WHOLE.states["entity:other"]) < 400


def test_a_state_is_loaded_once_while_it_is_cached() -> None:
    assert sorted(WHOLE.loads) == sorted(set(WHOLE.loads))


def spike(at_s: int, texts: int = 10, series: str = "entity:acme") -> list[tuple[str, Entry]]:
    return [(series, entry(at_s + second, negative=1)) for second in range(texts)]


def test_an_alert_is_named_for_the_minute_in_which_it_began() -> None:
    machine = whole(spike(START + 5), START + 60)
    fired = machine.drafts[-1]
    assert fired.state == "firing"
    assert fired.onset_ms == START * 1000
    assert fired.alert == alert_id("entity:acme", "negative", START // 60)
    assert (fired.score, fired.evidence.threshold) == (pytest.approx(10.28, abs=0.05), 9.5)


def test_silence_of_hours_resolves() -> None:
    # A busier stream goes on, so that the silence is this company's and not the source's.
    others = [("entity:other", entry(START + 60 * minute)) for minute in range(600)]
    machine = whole(sorted(spike(START + 5) + others, key=lambda one: one[1].visible_s), START + 6 * 3600)
    states = [state for _, state, _ in told(machine.drafts)]
    assert states == ["pending", "firing", "resolved"]
    assert 30 <= (machine.drafts[-1].at_ms - machine.drafts[1].at_ms) / 60_000 <= 120


def test_missing_data_freezes_and_never_resolves() -> None:
    busy = [("entity:other", entry(START + 10 * step)) for step in range(2 * 360)]
    log = busy + spike(START + 7200, 12)
    machine = whole(log, START + 7200 + 20 * DAY)
    assert [state for _, state, _ in told(machine.drafts)] == ["pending", "firing"]
    back = START + 7200 + 20 * DAY + 60
    machine.log = [*log, *(("entity:other", entry(back + 10 * step)) for step in range(2 * 360))]
    machine.advance(back + 7200)
    assert [state for _, state, _ in told(machine.drafts)] == ["pending", "firing", "resolved"]


def test_what_a_replay_teaches_pages_nobody() -> None:
    machine = Machine(spike(START + 5))
    machine.advance(START + 600, learn_until_s=START + DAY)
    assert told(machine.drafts) == [(1, "pending", False), (2, "firing", False)]
    assert all(one.learning for one in machine.drafts)


def test_a_backlog_pages_nobody_until_it_is_caught_up() -> None:
    machine = Machine(spike(START + 5))
    machine.advance(START + 600, page=False)
    assert told(machine.drafts) == [(1, "pending", False), (2, "firing", False)]
    machine.restart()
    assert told(machine.advance(START + 660)) == [(3, "firing", True)]
    assert machine.advance(START + 720) == []


def test_what_was_over_before_the_backlog_ended_is_late() -> None:
    others = [("entity:other", entry(START + 60 * minute)) for minute in range(600)]
    machine = Machine(sorted(spike(START + 5) + others, key=lambda one: one[1].visible_s))
    machine.advance(START + 6 * 3600, page=False)
    machine.advance(START + 7 * 3600)
    assert [(one.state, one.page, one.late) for one in machine.drafts][-1] == ("resolved", False, True)


@pytest.mark.parametrize(("minutes", "states"), [(40, ["firing"]), (90, [])])
def test_late_documents_ring_if_they_are_less_than_an_hour_late(minutes: int, states: list[str]) -> None:
    at_s = START + 10 * DAY
    log = [("entity:other", entry(START + 3600 * hour)) for hour in range(10 * 24)]
    log.append(("entity:acme", entry(at_s, minute=at_s // 60 - minutes, distinct=12, negative=12)))
    machine = whole(log, at_s + 60)
    assert [state for _, state, _ in told(machine.drafts)] == states


def test_what_is_over_a_day_late_is_not_counted() -> None:
    old = entry(START + 5, minute=START // 60 - 1500, distinct=9, negative=9)
    machine = whole([("entity:acme", old)], START + 60)
    assert machine.drafts == []
    assert unpack_series("entity:acme", machine.states["entity:acme"]).windows.buckets == []


def test_time_since_the_watchlist_knows_an_entity_counts_as_evidence() -> None:
    """Four negative texts ring where a company was watched in silence for weeks, not where it was added today."""
    at_s = START + 30 * DAY
    quiet = [("entity:other", entry(START + 3600 * hour)) for hour in range(30 * 24)]
    for since_s, rings in ((START, True), (at_s - 60, False)):
        watched = {"acme": WatchedEntity(id="acme", name="Acme", since_ms=since_s * 1000)}
        machine = Machine([*quiet, *spike(at_s, 4)], watched)
        machine.advance(at_s + 60)
        assert bool(told(machine.drafts)) == rings


def test_an_entity_s_topic_does_not_ring_while_the_entity_rings() -> None:
    log = [one for series in ("entity:acme", "entity:acme/topic:politics") for one in spike(START + 5, 12, series)]
    machine = whole(sorted(log, key=lambda one: one[1].visible_s), START + 60)
    assert {one.series for one in machine.drafts} == {"entity:acme"}


def test_the_first_minutes_of_a_busy_installation_ring_for_nothing_usual() -> None:
    log = [("all", entry(START + second, distinct=2, negative=int(second % 3 == 0))) for second in range(3600)]
    assert whole(log, START + 3700).drafts == []


def test_two_alerts_of_one_series_and_rule_are_never_open_together() -> None:
    open_now: dict[tuple[str, str], str] = {}
    numbers: dict[str, int] = {}
    for one in whole(made_up(3, 900), END + 30 * DAY).drafts:
        key = (one.series, one.rule)
        assert open_now.setdefault(key, one.alert) == one.alert
        numbers[one.alert] = numbers.get(one.alert, 0) + 1
        assert one.number == numbers[one.alert]
        if one.state == "resolved":
            del open_now[key]


def test_half_a_year_of_silence_passes_at_once() -> None:
    log = made_up(5, 200)
    machine = whole(log, log[-1][1].visible_s)
    machine.advance(log[-1][1].visible_s + 180 * DAY)
    machine.log = [("all", entry(log[-1][1].visible_s + 180 * DAY + 60))]
    machine.advance(log[-1][1].visible_s + 180 * DAY + 120)
    assert machine.evaluation.evaluated_until_s == log[-1][1].visible_s + 180 * DAY + 120


def test_what_became_visible_behind_the_clock_is_evaluated_now() -> None:
    machine = whole([("all", entry(START + 100))], START + 200)
    outcome = machine.evaluation.advance({"all": ("all", [entry(START + 150)])}, START + 300)
    assert outcome.steps == 1


def test_time_does_not_run_back() -> None:
    machine = whole([("all", entry(START))], START + 10)
    with pytest.raises(Inconsistent, match="go back"):
        machine.evaluation.advance({}, START + 9)
    with pytest.raises(Inconsistent, match="becomes visible"):
        machine.evaluation.advance({"all": ("all", [entry(START + 99)])}, START + 20)


@pytest.mark.parametrize("cut", [0, 1, 30, 200])
def test_a_cut_or_foreign_state_is_refused_with_a_remedy(cut: int) -> None:
    assert WHOLE.book is not None
    state = WHOLE.states["entity:acme"]
    with pytest.raises(Inconsistent):
        unpack_series("entity:acme", state[:cut])
    with pytest.raises(Inconsistent):
        unpack_book(WHOLE.book[:cut])
    with pytest.raises(Inconsistent, match=r"layout 9.*start anew"):
        unpack_series("entity:acme", b"\x09" + state[1:])
    with pytest.raises(Inconsistent, match=r"layout 9.*start anew"):
        unpack_book(b"\x09" + WHOLE.book[1:])
