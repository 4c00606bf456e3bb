"""The desk's projection of `alerts`, `scores` and `sources`: the writer's side. The readers' side is `queries.py`.

Rows and the mark of what they came from are one transaction, so a kill at any moment leaves a database that continues
exactly where it stands. All SQL of the desk is here, in `queries.py` and in `schema.py`.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import orjson

from contracts import topics
from contracts.messages import Transition
from desk.projection import BUCKET_MS, SEVERITY_RANK, Batch, ScoredDocument, Step, deciding_window
from desk.queries import ALERT_COLUMNS, ORIGIN, Queries

_ALERTS, _SCORES, _SOURCES = topics.ALERTS.name, topics.SCORES.name, topics.SOURCES.name
_UPSERT_ALERT = (
    f"insert into alerts ({', '.join(ALERT_COLUMNS)}) values ({', '.join('?' * len(ALERT_COLUMNS))}) on conflict do "  # noqa: S608
    f"update set {', '.join(f'{name} = excluded.{name}' for name in ALERT_COLUMNS[1:])} "
    "where excluded.number > alerts.number"
)


class Store(Queries):
    """The desk's database. One feed writes; pages read."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            UserError: it cannot be opened, or was written by another version of the desk.
        """
        self._series: dict[str, int] = {}
        super().__init__(path)

    def rolled_back(self) -> None:
        """Ids of series given out in a transaction that did not happen are not theirs."""
        self._series.clear()

    def apply(self, batch: Batch) -> None:
        """Write a batch and its marks. What lies below a mark is skipped, so a repeat changes nothing.

        Raises:
            Unavailable: the database is locked, full or read-only; nothing was written.
        """
        with self.transaction() as database:
            marks = self.marks()
            documents = [one for one in batch.documents if one.place >= marks.get((_SCORES, one.partition), 0)]
            self._write_documents(database, documents)
            self._write_steps(database, [s for s in batch.steps if s.place >= marks.get((_ALERTS, s.partition), 0)])
            database.executemany(
                "insert into sources values (?, ?) on conflict do update set body = excluded.body",
                [(name, body) for name, (_, body) in batch.heartbeats.items()],
            )
            database.executemany(
                "insert or ignore into unreadable values (?, ?, ?, ?, ?)",
                [(u.topic, u.partition, u.place, u.reason, u.detail) for u in batch.unreadable],
            )
            newest = max((one.score.published_ms for one in documents), default=0)
            database.executemany(
                "insert into facts values (?, ?) on conflict do update set value = max(value, excluded.value)",
                [
                    ("published_ms", newest),
                    ("appended_ms", batch.newest_append_ms),
                    *((f"{ORIGIN}{partition}", following) for partition, following in batch.origins.items()),
                ],
            )
            database.executemany(
                "insert into marks values (?, ?, ?) on conflict do update set next = max(next, excluded.next)",
                [(topic, partition, following) for (topic, partition), following in batch.marks.items()],
            )

    def _write_documents(self, database: sqlite3.Connection, documents: list[ScoredDocument]) -> None:
        ids = orjson.dumps([one.score.document for one in documents]).decode()
        known = {
            row[0]
            for row in database.execute("select d.id from documents d join json_each(?) j on d.id = j.value", (ids,))
        }
        row = database.execute("select coalesce(max(row), 0) from documents").fetchone()[0]
        rows, appearances, counted = [], [], Counter[tuple[int, int, bool, bool]]()
        for one in documents:
            score = one.score
            if score.document in known:
                continue  # ingest published it twice; it counts once
            known.add(score.document)
            row += 1
            rows.append(
                (row, score.document, one.partition, one.place, score.source, score.kind, score.lang, score.story,
                 score.position, score.author, score.url, score.snippet, score.published_ms, one.appended_ms,
                 one.topic, one.sentiment, score.sentiment.get("negative", 0.0), score.bundle)
            )  # fmt: skip
            start = score.published_ms // BUCKET_MS * BUCKET_MS
            for seen in one.appearances:
                series = self._series_id(database, seen.series)
                appearances.append((series, score.published_ms, row, seen.negative, seen.copy, seen.p_negative))
                counted[series, start, seen.negative, seen.copy] += 1
        database.executemany(f"insert into documents values ({', '.join('?' * 18)})", rows)  # noqa: S608
        database.executemany("insert into appearances values (?, ?, ?, ?, ?, ?)", appearances)
        database.executemany(
            """insert into counts values (?, ?, ?, ?, ?) on conflict do update set texts = texts + excluded.texts,
            negative = negative + excluded.negative, copies = copies + excluded.copies""",
            [
                (series, start, 0 if copy else n, n if negative and not copy else 0, n if copy else 0)
                for (series, start, negative, copy), n in counted.items()
            ],
        )

    def _series_id(self, database: sqlite3.Connection, name: str) -> int:
        found = self._series.get(name)
        if found is None:
            database.execute("insert or ignore into series (name) values (?)", (name,))
            found = database.execute("select id from series where name = ?", (name,)).fetchone()[0]
            self._series[name] = found
        return found

    def _write_steps(self, database: sqlite3.Connection, steps: list[Step]) -> None:
        database.executemany(
            "insert or ignore into transitions values (?, ?, ?, ?, ?)",
            [(s.transition.alert, s.transition.number, s.partition, s.place, s.body) for s in steps],
        )
        database.executemany(_UPSERT_ALERT, [_columns(s.transition) for s in steps])

    def belongs_to(self, topic: str, generation: str) -> None:
        """From now on the marks of `topic` belong to this generation of it."""
        with self.transaction() as database:
            database.execute("insert or replace into generations values (?, ?)", (topic, generation))

    def forget(self, topic: str) -> None:
        """Drop all that came from a topic: it was created anew, and its log tells another story."""
        with self.transaction() as database:
            self._drop(database, topic, {})

    def rebuild(self, beginnings: dict[tuple[str, int], int]) -> None:
        """Drop what the log still has, so that the feed reads it again; keep what is older than the log.

        Args:
            beginnings: (topic, partition) -> the first offset that the log still has.
        """
        with self.transaction() as database:
            for topic in {topic for topic, _ in beginnings}:
                self._drop(database, topic, {p: first for (t, p), first in beginnings.items() if t == topic})

    def _drop(self, database: sqlite3.Connection, topic: str, kept_below: dict[int, int]) -> None:
        for table in ("marks", "generations", "unreadable"):
            database.execute(f"delete from {table} where topic = ?", (topic,))  # noqa: S608
        kept = "(select 1 from json_each(?) where key = cast(partition as text) and place < value)"
        below = orjson.dumps({str(partition): first for partition, first in kept_below.items()}).decode()
        if topic == _SCORES:
            database.execute(f"delete from documents where not exists {kept}", (below,))  # noqa: S608
            database.execute("delete from appearances where document not in (select row from documents)")
            database.execute("delete from counts")
            database.execute(
                f"""insert into counts select series, published_ms / {BUCKET_MS} * {BUCKET_MS} as start, sum(not copy),
                sum(negative and not copy), sum(copy) from appearances group by series, start"""  # noqa: S608
            )
            database.execute("delete from facts")
            database.execute(
                "insert into facts select 'published_ms', max(published_ms) from documents having count(*)"
            )
        elif topic == _ALERTS:
            database.execute(f"delete from transitions where not exists {kept}", (below,))  # noqa: S608
            database.execute("delete from alerts")
            left = database.execute("select body from transitions order by number")
            rows = [_columns(Transition.model_validate_json(body)) for (body,) in left]
            database.executemany(_UPSERT_ALERT, rows)
        elif topic == _SOURCES:
            database.execute("delete from sources")


def _columns(step: Transition) -> tuple[object, ...]:
    window = deciding_window(step)
    return (
        step.alert, step.number, step.series, step.rule, step.state, SEVERITY_RANK[step.severity], step.page,
        step.learning or step.late, step.onset_ms, step.at_ms, step.fired_ms, step.resolved_ms, step.score, step.peak,
        step.why,
        window.minutes if window else 0, window.negative if window else 0, window.all if window else 0,
        window.copies if window else 0,
        window.expected_negative if window else 0.0, window.expected_all if window else 0.0,
    )  # fmt: skip
