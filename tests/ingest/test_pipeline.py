from __future__ import annotations

from collections import Counter

from contracts.errors import Rejected
from contracts.watchlist import WatchedEntity
from ingest.pipeline import Pipeline

WATCHLIST = [WatchedEntity(id="ftx", name="FTX", session="crypto")]
ROWS = [
    (
        2,
        {
            "time": "2022-11-08 03:28:02",
            "source": "Decrypt",
            "title": "FTX Files Chapter 11 Bankruptcy, SBF Steps Down as CEO",
        },
    ),
    (
        3,
        {
            "time": "2022-11-08 03:30:00",
            "source": "Crypto Daily",
            "title": "FTX Files for Chapter 11 Bankruptcy, SBF Steps Down",
        },
    ),
    (4, {"time": "2022-11-08 03:31:00", "source": "Decrypt", "title": "&nbsp;"}),
    (5, {"time": "soon", "source": "Decrypt", "title": "No time"}),
    (
        6,
        {
            "time": "2022-11-08 03:28:02",
            "source": "Decrypt",
            "title": "FTX Files Chapter 11 Bankruptcy, SBF Steps Down as CEO",
        },
    ),
    (7, {"time": "1970-01-01", "source": "Decrypt", "title": "Long ago"}),
    (8, {"time": "2022-11-08 04:00:00", "title": "A row without a source", "entity": "FTX"}),
]


def test_rows_become_documents_each_once_in_order() -> None:
    rejected: list[tuple[int, str]] = []
    changes: Counter[str] = Counter()

    def on_rejected(number: int, why: Rejected) -> None:
        rejected.append((number, why.reason))

    pipeline = Pipeline(WATCHLIST, source="a-file", on_rejected=on_rejected, on_changes=changes.update)
    documents = dict(pipeline.documents(ROWS))

    assert list(documents) == [2, 3, 7, 8]
    assert sorted(rejected) == [(4, "empty"), (5, "time"), (6, "repeat")]
    assert documents[3].story == documents[2].id
    assert (documents[2].position, documents[3].position) == (1, 2)
    assert documents[2].mentions[0].session == "crypto"
    assert documents[7].flags == ["implausible_date"]
    assert documents[8].source == "a-file"
    assert documents[8].mentions[0].entity == "ftx"
    assert changes["implausible_date"] == 1
    assert all(document.fetched_ms == document.published_ms for document in documents.values())


def test_the_same_rows_give_the_same_documents_every_time() -> None:
    one, two = (list(Pipeline(WATCHLIST).documents(ROWS)) for _ in range(2))
    assert one == two


def test_a_row_dated_ahead_of_the_wall_stands_where_it_stands_in_the_file() -> None:
    rows = [(1, {"time": "2022-11-08", "title": "Now"}), (2, {"time": "2099-01-01", "title": "Some day"})]
    _, (_, document) = Pipeline([], not_after_ms=1_700_000_000_000).documents(rows)
    assert document.published_ms == 1_667_865_600_000
    assert document.flags == ["future_dated"]
