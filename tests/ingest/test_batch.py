from __future__ import annotations

from contracts.errors import Rejected
from ingest.batch import Due, link_batch, sort_out
from ingest.pipeline import Pipeline
from ingest.replay import Broken, Row

NOON = 1_667_908_800_000


def _row(line: int, title: str, when: object = NOON) -> Row:
    return Row(line, {"time": when, "title": title})


def test_what_is_dead_keeps_its_line_its_reason_and_its_content() -> None:
    broken = Broken(3, Rejected("undecodable", "line 3: not UTF-8"), b"\xff")
    batch = [Due(_row(2, "FTX"), 0), Due(broken, None), Due(_row(4, "  "), 1), Due(_row(5, "soon", "soon"), None)]
    linked, dead = link_batch(batch, "file", [NOON, NOON], Pipeline([]).link)
    assert [one.draft.title for one in linked] == ["FTX"]
    assert [(letter.rejected.reason, letter.rejected.detail[:6]) for letter in dead] == [
        ("undecodable", "line 3"), ("empty", "line 4"), ("time", "line 5"),
    ]  # fmt: skip
    assert dead[2].raw == b'{"time":"soon","title":"soon"}'


def test_each_id_is_published_once_and_never_again() -> None:
    pipeline = Pipeline([])
    linked, _ = link_batch(
        [Due(_row(line, title), 0) for line, title in enumerate(["a", "b", "c", "b", "d"], 2)],
        "file",
        [NOON],
        pipeline.link,
    )
    ids = {one.draft.title: one.draft.id for one in linked}
    fresh, found = sort_out(linked, saved={ids["a"]}, read_back={ids["c"]})
    assert [one.draft.title for one in fresh] == ["b", "d"]
    assert found == {ids["c"]: NOON}
