"""What the pages ask the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from contracts.messages import SourceHeartbeat, Transition
from desk.database import Database
from desk.projection import Unreadable
from desk.rows import AlertRow, Bar, DocumentRow, Newest

ALERT_COLUMNS = tuple(AlertRow.__slots__)
ORIGIN = "origin "  # facts named `origin P`: the offset behind the last scored document of partition P
_ALERTS = f"select {', '.join(ALERT_COLUMNS)} from alerts"  # noqa: S608
_DOCUMENT = "d.id, d.source, d.kind, d.lang, d.story, d.position, d.url, d.snippet, d.published_ms, d.topic"


def _alert(row: tuple[Any, ...]) -> AlertRow:
    columns = dict(zip(ALERT_COLUMNS, row, strict=True))
    columns["page"], columns["recorded"] = bool(columns["page"]), bool(columns["recorded"])
    return AlertRow(**columns)


def _document(row: tuple[Any, ...]) -> DocumentRow:
    columns = dict(zip(DocumentRow.__slots__, row, strict=True))
    return DocumentRow(**columns | {"negative": bool(columns["negative"]), "copy": bool(columns["copy"])})


class Queries(Database):
    """The readers' side of the store."""

    def open_alerts(self) -> list[AlertRow]:
        """Firing and pending ones: by severity, firing before pending, newest onset first."""
        where = "where state in ('firing', 'pending') and not recorded"
        return self._alerts(f"{where} order by severity desc, state, onset_ms desc, alert")

    def recent_alerts(self, limit: int) -> list[AlertRow]:
        """Resolved and withdrawn ones, the newest end first."""
        where = "where state in ('resolved', 'withdrawn') and not recorded"
        return self._alerts(f"{where} order by at_ms desc, alert limit {int(limit)}")

    def recorded_alerts(self, limit: int) -> list[AlertRow]:
        """Those that were only recorded, newest onset first."""
        return self._alerts(f"where recorded order by onset_ms desc, alert limit {int(limit)}")

    def recorded_total(self) -> int:
        """How many were only recorded."""
        return int(self.connection().execute("select count(*) from alerts where recorded").fetchone()[0])

    def alerts(self, *, state: str | None, before: tuple[int, str] | None, limit: int) -> list[AlertRow]:
        """Newest onset first, for the read API.

        Args:
            state: only these, None = all.
            before: (onset_ms, alert) of the last one already seen.
            limit: at most this many.
        """
        onset, alert = before or (2**62, "")
        return self._alerts(
            "where (? is null or state = ?) and (onset_ms, alert) < (?, ?) order by onset_ms desc, alert desc limit ?",
            (state, state, onset, alert, limit),
        )

    def _alerts(self, rest: str, arguments: Sequence[object] = ()) -> list[AlertRow]:
        return [_alert(row) for row in self.connection().execute(f"{_ALERTS} {rest}", arguments)]

    def alert(self, alert: str) -> AlertRow | None:
        """One alert, or None."""
        found = self._alerts("where alert = ?", (alert,))
        return found[0] if found else None

    def transitions(self, alert: str) -> list[Transition]:
        """An alert's life, in order."""
        rows = self.connection().execute("select body from transitions where alert = ? order by number", (alert,))
        return [Transition.model_validate_json(body) for (body,) in rows]

    def documents(self, ids: Sequence[str], series: str) -> dict[str, DocumentRow]:
        """Documents by id, judged towards `series` where they count for it. Ids that are gone are left out."""
        rows = self.connection().execute(
            f"""select {_DOCUMENT}, coalesce(a.p_negative, d.p_negative), coalesce(a.negative, d.p_negative >= 0.5),
            coalesce(a.copy, 0) from documents d join json_each(?) j on d.id = j.value
            left join appearances a on a.series = (select id from series where name = ?)
            and a.published_ms = d.published_ms and a.document = d.row""",  # noqa: S608
            (orjson.dumps(list(ids)).decode(), series),
        )
        return {found.id: found for found in map(_document, rows)}

    def documents_of(
        self, series: str, from_ms: int, until_ms: int, limit: int, *, negative: bool
    ) -> list[DocumentRow]:
        """Documents that count for `series` and were published in [from_ms, until_ms), newest first.

        With `negative` only those that are negative towards it, copies left out: what the count of negatives counts.
        """
        rows = self.connection().execute(
            f"""select {_DOCUMENT}, a.p_negative, a.negative, a.copy from appearances a join documents d on d.row = a.document
            where a.series = (select id from series where name = ?) and a.published_ms >= ? and a.published_ms < ?
            and (not ? or (a.negative and not a.copy)) order by a.published_ms desc, d.id limit ?""",  # noqa: S608
            (series, from_ms, until_ms, negative, limit),
        )
        return [_document(row) for row in rows]

    def bars(self, series: str, from_ms: int, until_ms: int, bar_ms: int) -> list[Bar]:
        """Counts of `series` in bars of `bar_ms` from `from_ms`; both must be multiples of 5 minutes."""
        bars = [Bar()] * max(0, -(-(until_ms - from_ms) // bar_ms))
        rows = self.connection().execute(
            """select (start_ms - ?) / ? as bar, sum(texts), sum(negative), sum(copies) from counts
            where series = (select id from series where name = ?) and start_ms >= ? and start_ms < ? group by bar""",
            (from_ms, bar_ms, series, from_ms, until_ms),
        )
        for bar, texts, negative, copies in rows:
            bars[bar] = Bar(texts, negative, copies)
        return bars

    def sources(self) -> list[SourceHeartbeat]:
        """The last heartbeat of every source, by name."""
        rows = self.connection().execute("select body from sources order by source")
        return [SourceHeartbeat.model_validate_json(body) for (body,) in rows]

    def newest(self) -> Newest:
        """How far the scores have come."""
        facts = dict(self.connection().execute("select name, value from facts").fetchall())
        origins = {int(name.removeprefix(ORIGIN)): value for name, value in facts.items() if name.startswith(ORIGIN)}
        return Newest(facts.get("published_ms", 0), facts.get("appended_ms", 0), origins)

    def unreadable(self, limit: int) -> list[Unreadable]:
        """Messages that broke their schema, the last ones by offset first."""
        rows = self.connection().execute("select * from unreadable order by place desc limit ?", (limit,))
        return [Unreadable(*row) for row in rows]

    def unreadable_total(self) -> int:
        """How many messages broke their schema."""
        return int(self.connection().execute("select count(*) from unreadable").fetchone()[0])

    def marks(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> the offset to read next."""
        rows = self.connection().execute("select topic, partition, next from marks")
        return {(topic, partition): following for topic, partition, following in rows}

    def generations(self) -> dict[str, str]:
        """Topic -> Kafka's id of the topic that its marks belong to."""
        return dict(self.connection().execute("select topic, id from generations").fetchall())
