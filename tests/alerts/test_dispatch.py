"""What one sink is told, and when: grouping, storms, repetition, acknowledgements, and the laws that hold for all of them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from alerts.dispatch import Circumstances, Decision, Dispatch
from alerts.routes import Routes
from contracts import codec
from contracts.messages import Severity, Silence, Transition

EXAMPLE = Transition.model_validate_json((Path(codec.__file__).parent / "examples" / "transition-1.json").read_bytes())


def step(alert: int = 1, number: int = 2, **changes: object) -> Transition:
    return EXAMPLE.model_copy(update={"alert": f"{alert:032x}", "number": number, **changes})


def routes(**top: object) -> Routes:
    storm = top.pop("storm", {"alerts": 3, "within": 600})
    return Routes.model_validate({"sinks": {"hook": {"kind": "log"}}, "route": {"sink": "hook", **top}, "storm": storm})


def decide(dispatch: Dispatch, transition: Transition, now_ms: int = 0, told: int = 0, **buckets: int) -> Decision:
    return dispatch.decide(transition, Circumstances(), now_ms, told, buckets)


def test_what_pages_is_sent_and_what_does_not_is_not() -> None:
    dispatch = Dispatch("hook", routes())
    assert decide(dispatch, step()).action == "send"
    assert decide(dispatch, step(page=False)).reason == "not_for_people"
    assert decide(dispatch, step(state="pending")).reason == "not_for_people"
    assert decide(dispatch, step(number=2), told=2).reason == "repeat"
    assert Dispatch("other", routes()).decide(step(), Circumstances(), 0, 0, {}).reason == "not_routed"


def test_an_end_is_told_to_whom_the_beginning_was() -> None:
    dispatch = Dispatch("hook", routes())
    over = step(number=3, state="resolved")
    assert decide(dispatch, over, told=2).action == "send"
    assert decide(dispatch, over, told=0).reason == "untold"
    assert decide(Dispatch("hook", routes(resolved=False)), over, told=2).reason == "not_routed"
    withdrawn = step(number=3, state="withdrawn")
    assert decide(Dispatch("hook", routes(resolved=False)), withdrawn, told=2).action == "send", (
        "a false alarm is taken back"
    )


def test_alerts_of_one_group_wait_for_each_other_and_critical_ones_for_nobody() -> None:
    dispatch = Dispatch("hook", routes(group_by=["group"], group_wait="30s"))
    first = decide(dispatch, step(1, severity="warning"), now_ms=1_000)
    assert (first.action, first.reason, first.due_ms) == ("hold", "grouped", 31_000)
    second = decide(dispatch, step(2, severity="warning"), now_ms=20_000, **{first.bucket: 31_000})
    assert (second.bucket, second.due_ms) == (first.bucket, 31_000)
    assert decide(dispatch, step(3, severity="critical"), now_ms=20_000).action == "send"


def test_beyond_so_many_in_so_long_one_digest_holds_all_but_the_critical() -> None:
    dispatch = Dispatch("hook", routes())
    for alert in range(3):
        assert decide(dispatch, step(alert, severity="warning"), now_ms=alert).action == "send"
        dispatch.rang(alert)
    held = [decide(dispatch, step(10 + n, severity="warning"), now_ms=1_000 + n) for n in range(50)]
    assert {d.bucket for d in held} == {"storm|hook"}
    assert len({d.due_ms for d in held}) == 1
    assert decide(dispatch, step(99, severity="critical"), now_ms=2_000).action == "send"
    assert decide(dispatch, step(100, severity="warning"), now_ms=700_000).action == "send", "the storm is over"


def test_what_somebody_looks_at_or_silenced_is_not_sent_until_that_is_over() -> None:
    dispatch = Dispatch("hook", routes())
    world = Circumstances(acknowledged={f"{1:032x}": "ann"})
    assert dispatch.decide(step(1), world, 0, 0, {}).reason == "acknowledged"
    world = Circumstances(
        silences={"s": Silence(id="s", matchers=['entity="ftx"'], starts_ms=0, until_ms=100, by="ann")}
    )
    assert dispatch.decide(step(1), world, 50, 0, {}).reason == "silenced"
    assert dispatch.decide(step(1), world, 100, 0, {}).action == "send"


def test_a_firing_alert_is_told_again_after_the_interval_until_it_is_acknowledged_or_over() -> None:
    dispatch = Dispatch("hook", routes(repeat_interval="1h"))
    world = Circumstances()
    world.note(step(1))
    last = {f"{1:032x}": 0}
    assert dispatch.repeats(world, last, 3_599_999) == []
    assert [t.alert for t, _ in dispatch.repeats(world, last, 3_600_000)] == [f"{1:032x}"]
    assert dispatch.repeats(world, {}, 3_600_000) == [], "what was never told is not repeated"
    world.acknowledged[f"{1:032x}"] = "ann"
    assert dispatch.repeats(world, last, 3_600_000) == []
    world.acknowledged.clear()
    world.note(step(1, number=3, state="resolved"))
    assert dispatch.repeats(world, last, 3_600_000) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["info", "warning", "critical"])), max_size=200))
def test_a_critical_alert_is_never_held_and_no_storm_sends_more_than_its_limit(
    steps: list[tuple[int, Severity]],
) -> None:
    dispatch = Dispatch("hook", routes())
    now, sent = 0, []
    for alert, (wait_s, severity) in enumerate(steps):
        now += wait_s * 1000
        decision = decide(dispatch, step(alert, severity=severity), now_ms=now)
        if severity == "critical":
            assert decision.action == "send"
        if decision.action == "send":
            dispatch.rang(now)
            if severity != "critical":
                sent.append(now)
        for first in sent:
            assert sum(first <= other < first + 600_000 for other in sent) <= 3
