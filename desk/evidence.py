"""What the evidence page shows of one alert. Pure but for reading the store.

Everything comes from the transition, in which it was frozen; from the desk's own database come only the texts of the
contributing documents beyond the five that the transition carries.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from contracts.clock import MINUTE_MS
from contracts.evidence import Evidence, TimelinePoint, WindowEvidence
from contracts.messages import Transition
from desk import figures, names
from desk.charts import NARROW, WIDE, evidence_chart
from desk.documents import DocumentCells, documents_link, kept_document, top_document
from desk.figures import counted
from desk.names import Names, Subject
from desk.projection import SEVERITY_RANK, deciding_window
from desk.queries import Queries
from desk.rows import OPEN_STATES, DocumentRow

SHOWN = 60  # contributing documents on the page; all of them are one link away
_STEP_WORDS = {"pending": "Noticed", "firing": "Fired", "resolved": "Resolved", "withdrawn": "Withdrawn"}


@dataclass(frozen=True, slots=True)
class WindowCells:
    """A row of the table of windows. `negative_link` and `all_link` lead to the documents that were counted."""

    words: str
    decided: bool
    negative: str
    all: str
    copies: str
    expected: str
    expected_all: str
    times: str
    p_count: str
    p_share: str
    share: str
    usual_share: str
    mass: str
    score: str
    negative_link: str
    all_link: str


@dataclass(frozen=True, slots=True)
class StepCells:
    """A transition in an alert's life."""

    number: int
    words: str
    state: str
    at_ms: int
    decided_ms: int
    severity: str
    score: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure with what it means, and where its documents are."""

    label: str
    value: str
    note: str
    link: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the evidence page shows."""

    step: Transition
    subject: Subject
    rule: str
    severity: str
    severity_rank: int
    state: str
    evidence: Evidence
    facts: tuple[Fact, ...]
    windows: tuple[WindowCells, ...]
    chart: Markup
    chart_narrow: Markup
    tips: tuple[tuple[int, int, str], ...]
    documents: tuple[DocumentCells, ...]
    others: tuple[DocumentCells, ...]
    contributing: str
    missing: int
    novel: str
    concentration: tuple[str, ...]
    sources: tuple[tuple[str, str, str], ...]
    life: tuple[StepCells, ...]
    times: tuple[tuple[str, int, str], ...]
    documents_link: str
    documents_base: str
    story_shown: str


def read_page(store: Queries, known: Names, alert: str) -> Page | None:
    """The evidence page of an alert as its newest transition has it, or None when there is no such alert."""
    life = store.transitions(alert)
    if not life:
        return None
    step = life[-1]
    evidence = step.evidence
    # A step that ends an alert carries the evidence that made it ring: its windows end where that was frozen.
    proof = next((one for one in reversed(life) if one.state in OPEN_STATES and one.evidence == evidence), step)
    kept = store.documents(evidence.contributing, step.series)
    top = [document.id for document in evidence.documents]
    others = [kept[one] for one in evidence.contributing if one in kept and one not in top]
    others.sort(key=lambda document: (-document.p_negative, document.published_ms))
    total = max(evidence.contributing_total, len(evidence.contributing), len(evidence.documents))
    heaviest = max((document.weight for document in evidence.documents), default=0.0)
    chart, narrow, tips = _charts(step)
    return Page(
        step=step,
        subject=known.subject(step.series),
        rule=names.RULES.get(step.rule, step.rule),
        severity=names.SEVERITIES[step.severity],
        severity_rank=SEVERITY_RANK[step.severity],
        state=names.STATES[step.state],
        evidence=evidence,
        facts=_facts(proof),
        windows=tuple(_window(proof, window) for window in sorted(evidence.windows, key=lambda window: window.minutes)),
        chart=chart,
        chart_narrow=narrow,
        tips=tips,
        documents=tuple(top_document(document, kept.get(document.id), heaviest) for document in evidence.documents),
        others=tuple(kept_document(document) for document in others[:SHOWN]),
        contributing=counted(total, "document", "documents"),
        missing=max(0, total - len(top) - len(others)),
        novel=_novel(kept),
        concentration=_concentration(evidence),
        sources=_sources(evidence),
        life=tuple(_step(one) for one in life),
        times=_times(step),
        documents_link=documents_link(step.series, *_reach(proof), negative=True),
        documents_base=f"/documents?{urlencode({'series': step.series, 'negative': 1})}",
        story_shown=_story_shown(evidence),
    )


def window_span(proof: Transition, window: WindowEvidence) -> tuple[int, int]:
    """[from, until) of a window in event time: as its evidence tells, else the minutes up to the one it was frozen in."""
    if window.end_ms:
        return window.start_ms, window.end_ms
    until = (proof.at_ms // MINUTE_MS + 1) * MINUTE_MS
    return until - window.minutes * MINUTE_MS, until


def _reach(proof: Transition) -> tuple[int, int]:
    """The longest window's span."""
    longest = max(proof.evidence.windows, key=lambda window: window.minutes, default=None)
    return window_span(proof, longest) if longest else (proof.onset_ms, proof.at_ms + 1)


def _window(proof: Transition, window: WindowEvidence) -> WindowCells:
    deciding = deciding_window(proof)
    span = window_span(proof, window)
    return WindowCells(
        words=names.window_words(window.minutes),
        decided=deciding is not None and window.minutes == deciding.minutes,
        negative=figures.count(window.negative),
        all=figures.count(window.all),
        copies=figures.count(window.copies),
        expected=figures.amount(window.expected_negative),
        expected_all=figures.amount(window.expected_all),
        times=figures.times(window.negative, window.expected_negative),
        p_count=figures.p_value(window.p_count),
        p_share=figures.p_value(window.p_share),
        share=figures.percent(window.share),
        usual_share=figures.percent(window.usual_share),
        mass=f"{figures.amount(window.negative_mass_low)} to {figures.amount(window.negative_mass_high)}"
        if window.negative_mass_high
        else "",
        score=figures.score(window.score),
        negative_link=documents_link(proof.series, *span, negative=True),
        all_link=documents_link(proof.series, *span, negative=False),
    )


def _facts(proof: Transition) -> tuple[Fact, ...]:
    evidence, window = proof.evidence, deciding_window(proof)
    facts = []
    if window:
        reach = window_span(proof, window)
        bad, everything = (documents_link(proof.series, *reach, negative=negative) for negative in (True, False))
        span = names.window_words(window.minutes)
        times = figures.times(window.negative, window.expected_negative)
        usual = f"in {span}; expected {figures.amount(window.expected_negative)}{f', {times} that' if times else ''}"
        everyone = f"in {span}; expected {figures.amount(window.expected_all)}"
        facts = [
            Fact("Negative texts", figures.count(window.negative), usual, bad),
            Fact("All texts", figures.count(window.all), everyone, everything),
            Fact(
                "Negative share",
                figures.percent(window.share),
                f"usually {figures.percent(window.usual_share)}",
                everything,
            ),
        ]
    margin = f"{evidence.margin:+.1f}".replace("-", "\N{MINUS SIGN}")
    facts.append(
        Fact(
            "Score S",
            figures.score(window.score if window else proof.peak),
            f"threshold {figures.score(evidence.threshold)}, margin {margin}",
            "#windows",
        )
    )
    facts.append(
        Fact(
            "Authors",
            figures.count(evidence.authors),
            f"the busiest wrote {figures.percent(evidence.largest_author_share)}",
            "#documents",
        )
        if evidence.authors
        else Fact("Sources", figures.count(len(evidence.sources)), ", ".join(list(evidence.sources)[:3]), "#documents")
    )
    return tuple(facts)


def _charts(step: Transition) -> tuple[Markup, Markup, tuple[tuple[int, int, str], ...]]:
    points = sorted(step.evidence.timeline, key=lambda point: point.start_ms)
    if not points:
        return Markup(), Markup(), ()
    peak = max(points, key=lambda point: point.negative)
    description = (
        f"From {figures.utc(points[0].start_ms)} on. The highest bar, {figures.day_minute(peak.start_ms)} UTC, counts "
        f"{peak.negative} in {names.window_words(peak.minutes)}, where the baseline expects {figures.amount(peak.expected)}."
    )
    words = ("Negative texts against the baseline", description)
    wide, narrow = (
        evidence_chart(points, step.onset_ms, step.fired_ms, box, name=name, words=words)
        for box, name in ((WIDE, "wide"), (NARROW, "narrow"))
    )
    return wide, narrow, tuple(_tip(point) for point in points)


def _tip(point: TimelinePoint) -> tuple[int, int, str]:
    words = (
        f"{figures.day_minute(point.start_ms)} UTC, {names.window_words(point.minutes)}: {point.negative} negative of "
        f"{point.all}, expected {figures.amount(point.expected)} ({figures.amount(point.low)} to {figures.amount(point.high)})"
    )
    return point.start_ms, point.start_ms + point.minutes * MINUTE_MS, words


def _novel(kept: dict[str, DocumentRow]) -> str:
    if not kept:
        return ""
    novel = sum(1 for document in kept.values() if document.position == 1)
    spread = len(kept) - novel
    spreading = counted(spread, "text that spreads", "texts that spread")
    return f"{counted(novel, 'novel text', 'novel texts')}, {spreading} a story"


def _concentration(evidence: Evidence) -> tuple[str, ...]:
    out = []
    if evidence.largest_story:
        story = evidence.largest_story
        out.append(
            f"The largest story has {counted(story.documents, 'document', 'documents')}, {figures.percent(story.share)} of all."
        )
    if evidence.authors:
        busiest = figures.percent(evidence.largest_author_share)
        out.append(f"{counted(evidence.authors, 'author', 'authors')}; the busiest wrote {busiest}.")
    return tuple(out)


def _story_shown(evidence: Evidence) -> str:
    """The shown document that tells the largest story, or nothing."""
    if evidence.largest_story is None:
        return ""
    return next((one.id for one in evidence.documents if one.story == evidence.largest_story.story), "")


def _sources(evidence: Evidence) -> tuple[tuple[str, str, str], ...]:
    """(source, state, documents), those with most documents first."""
    everyone = sorted({*evidence.sources, *evidence.sources_alive, *evidence.sources_silent})
    everyone.sort(key=lambda source: -evidence.sources.get(source, 0))
    return tuple(
        (
            source,
            "silent" if source in evidence.sources_silent else "alive" if source in evidence.sources_alive else "",
            counted(evidence.sources[source], "document", "documents") if source in evidence.sources else "",
        )
        for source in everyone
    )


def _times(step: Transition) -> tuple[tuple[str, int, str], ...]:
    out = [("Onset", step.onset_ms, "")]
    if step.fired_ms is not None:
        out.append(("Fired", step.fired_ms, f"after {figures.span(step.fired_ms - step.onset_ms)}"))
    if step.resolved_ms is not None:
        out.append(("Resolved", step.resolved_ms, f"after {figures.span(step.resolved_ms - step.onset_ms)}"))
    return tuple(out)


def _step(step: Transition) -> StepCells:
    notes = [f"by {step.actor}"] if step.actor else []
    notes += ["recorded while learning, not paged"] if step.learning else []
    notes += ["over before it could be told, recorded"] if step.late else []
    notes += ["not paged"] if not step.page and not step.learning and not step.late else []
    return StepCells(
        number=step.number,
        words=_STEP_WORDS[step.state],
        state=step.state,
        at_ms=step.at_ms,
        decided_ms=step.decided_ms,
        severity=names.SEVERITIES[step.severity],
        score=figures.score(step.peak),
        notes=tuple(notes),
    )
