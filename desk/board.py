"""What the live board shows: every cell as the words and numbers that stand in it. Pure but for reading the store.

The page and the stream of events are made from the same cells, so a row looks the same whichever way it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from contracts.clock import DAY_MS, HOUR_MS
from contracts.messages import SourceHeartbeat
from desk import figures, names
from desk.charts import Spark, spark, spark_bar_ms
from desk.names import Names
from desk.notices import Notice, Outlook, ReplayBanner, is_over, is_silent
from desk.projection import BUCKET_MS
from desk.queries import Queries
from desk.rows import AlertRow, Bar

SEVERITIES = ("info", "warning", "critical")
RECENT, RECORDED = 20, 10


@dataclass(frozen=True, slots=True)
class Cells:
    """A row of the board. All of it is ready to be shown; `when` is the age, or how long ago it ended."""

    id: str
    number: int
    severity: str
    severity_words: str
    name: str
    detail: str
    rule: str
    why: str
    seen: str
    window: str
    expected: str
    times: str
    score: str
    state: str
    state_words: str
    when: str
    since: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class SourceCells:
    """A source in the strip below the board. State is `alive`, `silent`, `stopped` or `over`."""

    name: str
    state: str
    state_words: str
    newest: str
    newest_iso: str
    rate: str


@dataclass(frozen=True, slots=True)
class Board:
    """All that the board shows at one moment."""

    outlook: Outlook
    open: tuple[Cells, ...]
    recent: tuple[Cells, ...]
    recorded: tuple[Cells, ...]
    recorded_total: int
    sources: tuple[SourceCells, ...]

    @property
    def head(self) -> dict[str, object]:
        """What the stream sends besides rows: plain words and numbers."""
        outlook = self.outlook
        return {
            "summary": outlook.summary,
            "newest": figures.utc(outlook.newest_ms) if outlook.newest_ms else "",
            "newest_iso": figures.iso(outlook.newest_ms) if outlook.newest_ms else "",
            "open": len(self.open),
            "title": f"({len(self.open)}) " if self.open else "",
            "mood": outlook.mood,
            "recorded": self.recorded_total,
            "notices": [_notice(notice) for notice in outlook.notices],
            "replay": _replay(outlook.replay) if outlook.replay else None,
            "sources": [asdict(source) for source in self.sources],
        }

    @property
    def now(self) -> dict[str, str]:
        """The time that the board belongs to."""
        as_of = self.outlook.as_of_ms
        return {"as_of": figures.utc(as_of), "as_of_iso": figures.iso(as_of)}

    @property
    def rows(self) -> dict[str, Cells]:
        """Every row by alert id."""
        return {cells.id: cells for cells in (*self.open, *self.recent, *self.recorded)}

    @property
    def order(self) -> dict[str, list[str]]:
        """Which rows stand where."""
        return {
            "open": [cells.id for cells in self.open],
            "recent": [cells.id for cells in self.recent],
            "recorded": [cells.id for cells in self.recorded],
        }


def _notice(notice: Notice) -> dict[str, str]:
    since = notice.since_ms
    return {
        "level": notice.level,
        "title": notice.title,
        "text": notice.text,
        "since": figures.utc(since) if since else "",
        "since_iso": figures.iso(since) if since else "",
    }


def _replay(replay: ReplayBanner) -> dict[str, object]:
    return {
        "title": replay.title,
        "speed": replay.speed,
        "progress": round(replay.progress, 4),
        "progress_words": replay.progress_words,
        "learning": replay.learning,
    }


def read_board(store: Queries, known: Names, outlook: Outlook, sparks: Mapping[str, Spark] | None = None) -> Board:
    """The board as the store has it.

    Args:
        store: where alerts and counts are.
        known: the watchlist's names.
        outlook: how the desk stands; its `as_of_ms` is the board's now.
        sparks: spark lines that need not be drawn again, by alert id.
    """
    now, drawn = outlook.as_of_ms, sparks or {}

    def cells(rows: Sequence[AlertRow]) -> tuple[Cells, ...]:
        return tuple(row_cells(row, known, now, drawn.get(row.alert) or draw_spark(store, row, now)) for row in rows)

    return Board(
        outlook=outlook,
        open=cells(store.open_alerts()),
        recent=cells(store.recent_alerts(RECENT)),
        recorded=cells(store.recorded_alerts(RECORDED)),
        recorded_total=store.recorded_total(),
        sources=tuple(_source(source, outlook.wall_ms) for source in store.sources()),
    )


def row_cells(row: AlertRow, known: Names, now_ms: int, line: Spark) -> Cells:
    """One row of the board at `now_ms`, event time."""
    subject = known.subject(row.series)
    seen, expected, unit = _counted(row)
    severity = SEVERITIES[row.severity]
    began = row.onset_ms if row.is_open else row.at_ms
    age = figures.span(now_ms - began)
    return Cells(
        id=row.alert,
        number=row.number,
        severity=severity,
        severity_words=names.SEVERITIES[severity],
        name=subject.name,
        detail=subject.detail,
        rule=names.RULES.get(row.rule, row.rule),
        why=row.why,
        seen=figures.count(seen) if row.minutes else "",
        window=f"{unit}in {names.window_words(row.minutes)}" if row.minutes else "",
        expected=figures.amount(expected) if row.minutes else "",
        times=figures.times(seen, expected),
        score=figures.score(row.peak),
        state=row.state,
        state_words=names.STATES.get(row.state, row.state),
        when=age if row.is_open else f"{age} ago",
        since=figures.utc(began),
        before=line.before,
        after=line.since,
    )


def draw_spark(store: Queries, row: AlertRow, now_ms: int) -> Spark:
    """Counts of the 24 hours up to now, or up to the end of an alert that is over."""
    until = now_ms if row.is_open else min(now_ms, row.at_ms + HOUR_MS)
    end = (until // BUCKET_MS + 1) * BUCKET_MS
    fine = store.bars(row.series, end - DAY_MS, end, BUCKET_MS)
    values = [_height(bar, row.rule) for bar in fine]
    bar_ms = spark_bar_ms(sum(values))
    width = bar_ms // BUCKET_MS
    summed = [sum(values[at : at + width]) for at in range(0, len(values), width)]
    return spark(summed, max(0, (row.onset_ms - (end - DAY_MS)) // bar_ms))


def _height(bar: Bar, rule: str) -> int:
    return bar.copies if rule == "viral" else bar.texts if rule == "volume" else bar.negative


def _counted(row: AlertRow) -> tuple[int, float, str]:
    """What the alert's rule counts: the number, what is usual, and the unit where it is not negative texts."""
    if row.rule == "viral":
        return row.copies, row.expected_all, "copies "
    if row.rule == "volume":
        return row.all_texts, row.expected_all, "texts "
    return row.negative, row.expected, ""


def _source(source: SourceHeartbeat, wall_ms: int) -> SourceCells:
    state = (
        "over"
        if is_over(source)
        else "silent"
        if is_silent(source, wall_ms)
        else "alive"
        if source.alive
        else "stopped"
    )
    rate = f"{figures.amount(source.items_per_hour)} an hour" if source.items_per_hour else ""
    if rate and source.items_per_hour_expected:
        rate += f", usually {figures.amount(source.items_per_hour_expected)}"
    newest = figures.utc(source.newest_ms) if source.newest_ms else "nothing yet"
    newest_iso = figures.iso(source.newest_ms) if source.newest_ms else ""
    return SourceCells(source.source, state, names.SOURCE_STATES[state], newest, newest_iso, rate)
