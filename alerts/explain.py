"""Why the bell rang: the numbers of every window, a timeline, one sentence, and what would not have rung.

Everything is computed from the state that decided, at the moment it decided, and frozen into the transition. Documents,
authors and sources are put in by the shell, which has the references.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import sqrt

from alerts import detector
from alerts.baseline import Known, Usual
from alerts.detector import Test
from alerts.lifecycle import Alert, Step
from alerts.rules import RuleSettings
from alerts.season import GroupClock
from alerts.tails import band, odds_text
from alerts.windows import Windows, kept_from, middle_from
from contracts.clock import MINUTE_MS, SECOND_MS
from contracts.evidence import Evidence, TimelinePoint, WindowEvidence
from contracts.messages import Rule, State, Transition
from contracts.series import alert_id, entity_of, topic_of

BARS = 24


def draft(
    step: Step,
    alert: Alert,
    series: str,
    group: str,
    name: str,
    test: Test,
    windows: Windows,
    known: Known,
    clock: GroupClock,
    settings: RuleSettings,
) -> Transition:
    """A step in an alert's life as a transition; the shell puts in the documents and when it was decided.

    Args:
        step: the step.
        alert: after the step.
        series: what it is about.
        group: of the series.
        name: of the series, as people call it.
        test: the window that decided, or the one that the alert follows.
        windows: of the series, compacted to now.
        known: its baseline.
        clock: its group's.
        settings: of the rule.
    """
    return Transition(
        alert=alert_id(series, alert.rule, alert.onset),
        number=alert.number,
        series=series,
        group=group,
        rule=alert.rule,
        state=step.state,
        severity=alert.severity,
        onset_ms=alert.onset * MINUTE_MS,
        at_ms=step.at_s * SECOND_MS,
        fired_ms=alert.fired_s * SECOND_MS if alert.fired_s else None,
        resolved_ms=step.at_s * SECOND_MS if step.state == "resolved" else None,
        score=round(alert.score, 6),
        peak=round(alert.peak, 6),
        page=step.page,
        late=step.late,
        learning=step.learning,
        why=why(step.state, alert, name, test),
        evidence=evidence(alert.rule, test, windows, known, clock, settings, detector.slices_of(series)),
    )


def evidence(
    rule: Rule, test: Test, windows: Windows, known: Known, clock: GroupClock, settings: RuleSettings, slices: int = 1
) -> Evidence:
    """The evidence of an alert whose strongest window is `test`, without its documents."""
    shown = [
        detector.again(rule, minutes, windows, known, clock, settings.minimum, slices)
        for minutes in detector.ALL_WINDOWS
        if minutes != test.minutes
    ]
    shown = sorted([*shown, test], key=lambda one: one.minutes)
    return Evidence(
        windows=[_window(one) for one in shown],
        window=test.minutes,
        timeline=timeline(windows, test.usual, clock, test.minutes),
        threshold=settings.open_at(test.minutes),
        margin=round(test.score - settings.open_at(test.minutes), 3),
        counterfactual=counterfactual(rule, test, settings),
    )


def _window(test: Test) -> WindowEvidence:
    distinct, negatives, copies, mass, _, _ = test.counts
    total = mass / 1000.0
    # Only the sum of p is kept; by Jensen's inequality n * mean(p) * (1 - mean(p)) bounds the sum of p(1 - p).
    spread = 1.96 * sqrt(total * max(0.0, 1.0 - total / distinct)) if distinct else 0.0
    return WindowEvidence(
        minutes=test.minutes,
        start_ms=test.begin * MINUTE_MS,
        end_ms=(test.end + 1) * MINUTE_MS,
        negative=negatives,
        all=distinct,
        copies=copies,
        expected_negative=round(test.expected_negative, 4),
        expected_all=round(test.expected_texts, 4),
        p_count=test.p_count,
        p_share=test.p_share,
        share=round(negatives / distinct, 4) if distinct else 0.0,
        usual_share=round(test.share, 4),
        score=round(test.score, 3),
        negative_mass=round(total, 3),
        negative_mass_low=round(max(0.0, total - spread), 3),
        negative_mass_high=round(min(float(distinct), total + spread), 3),
    )


def timeline(windows: Windows, usual: Usual, clock: GroupClock, minutes: int) -> list[TimelinePoint]:
    """Bars of event time up to now with what the baseline expects in them.

    Args:
        windows: compacted to now.
        usual: what is usual at the moment of the decision.
        clock: the group's.
        minutes: of the window that decided: 5-minute bars over the last two hours for windows up to an hour, hourly bars
            over the last day for longer ones.
    """
    now = windows.now
    bar = 5 if minutes <= detector.SHORT[-1] else 60
    first = max(middle_from(now) if bar == 5 else kept_from(now), now // bar * bar - (BARS - 1) * bar)
    counts: dict[int, list[int]] = {}
    for start, distinct, negatives, *_ in windows.buckets:
        sums = counts.setdefault(start // bar * bar, [0, 0])
        sums[0] += distinct
        sums[1] += negatives
    points: list[TimelinePoint] = []
    for start in range(first, now + 1, bar):
        span = min(bar, now - start + 1)
        expected = usual.rate * usual.share * (clock.at(start + span - 1) - clock.at(start - 1))
        low, high = band(expected, usual.shape)
        distinct, negatives = counts.get(start, (0, 0))
        points.append(
            TimelinePoint(
                start_ms=start * 60_000,
                minutes=bar,
                negative=negatives,
                all=distinct,
                expected=round(expected, 4),
                low=round(low, 4),
                high=round(high, 4),
            )
        )
    return points


def fires_at(rule: Rule, test: Test, settings: RuleSettings) -> int:
    """The fewest counts (negative texts, texts, copies) with which this window would still have opened."""
    distinct, negatives, copies, *rest = test.counts
    low, high = 0, test.counts[detector.COLUMN[rule]]
    while low < high:
        count = (low + high) // 2
        if rule == "negative":
            first = (distinct - negatives + count, count, copies)
        elif rule == "volume":
            first = (count, negatives * count // distinct, copies)
        else:
            first = (distinct, negatives, count)
        fewer = detector.Look(
            test.minutes, test.begin, test.end, (*first, rest[0], rest[1], rest[2]), test.ticks, test.usual
        )
        one = detector.weigh(rule, fewer, test.looked_at, settings.minimum)
        if one.score >= settings.open_at(test.minutes):
            high = count
        else:
            low = count + 1
    return high


def counterfactual(rule: Rule, test: Test, settings: RuleSettings) -> str:
    """Says `fires at 14 negative texts in 5 min, saw 17`; empty where the window does not reach its threshold."""
    if test.score < settings.open_at(test.minutes):
        return ""
    what = {"negative": "negative texts", "volume": "texts"}.get(rule, "copies")
    saw = test.counts[detector.COLUMN[rule]]
    least = fires_at(rule, test, settings)
    return f"fires at {least} {what} in {span_text(test.minutes)}, saw {saw}"


def span_text(minutes: int) -> str:
    """60 -> `60 min`, 360 -> `6 h`."""
    return f"{minutes} min" if minutes <= 60 else f"{minutes // 60} h"


def why(state: State, alert: Alert, name: str, test: Test) -> str:
    """One sentence: what happened, against what is usual.

    Args:
        state: of the transition.
        alert: after the step.
        name: of the series, as people call it.
        test: the window that decided, or the one that the alert follows.
    """
    rule = alert.rule
    distinct, negatives, copies, mass, *_ = test.counts
    span = span_text(test.minutes)
    since = _utc(alert.onset)
    if state == "resolved" and not alert.fired_s:
        return f"{name}: no further text confirmed what began {since}; it never fired"
    if state == "resolved":
        return (
            f"{name}: quiet again, {negatives} negative of {distinct} distinct texts in {span}, expected "
            f"{_number(test.expected_negative)}; began {since}, peaked at S={alert.peak:.1f}"
        )
    many = distinct / test.expected_texts if test.expected_texts > 0.0 else 0.0
    if rule == "negative":
        times = negatives / test.expected_negative if test.expected_negative > 0.0 else 0.0
        return (
            f"{name}: {negatives} negative of {distinct} distinct texts in {span}; expected "
            f"{_number(test.expected_negative)} negative (x{_number(times)}, p{_odds(test.p_count)}); negative share "
            f"{negatives / max(1, distinct):.0%} vs usual {test.share:.0%} (p{_odds(test.p_share)}); "
            f"S={test.score:.1f}; mean p(negative) {mass / 1000 / max(1, distinct):.2f}; volume x{_number(many)}; "
            f"began {since}"
        )
    if rule == "volume":
        return (
            f"{name}: {distinct} distinct texts in {span}, expected {_number(test.expected_texts)} (x{_number(many)}, "
            f"p{_odds(test.p_count)}); negative share {negatives / max(1, distinct):.0%}, usual {test.share:.0%}; "
            f"began {since}"
        )
    return (
        f"{name}: {copies} copies in {span} beside {distinct} distinct texts, where {_number(test.expected_texts)} texts "
        f"are usual (p{_odds(test.p_count)}); few stories spread; began {since}"
    )


def _utc(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%d %H:%M UTC")


def name_of(series: str, names: dict[str, str]) -> str:
    """`entity:ftx/topic:legal_regulation` -> `FTX / legal regulation`."""
    entity, topic = entity_of(series), topic_of(series)
    parts = [names.get(entity, entity)] if entity else []
    parts += [topic.replace("_", " ")] if topic else []
    return " / ".join(parts) if parts else "All texts" if series == "all" else series


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"


def _odds(p: float) -> str:
    text = odds_text(p)
    return text if text.startswith("<") else f"={text}"
