from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.clock import DAY_MS, MINUTE_MS
from contracts.errors import Rejected
from contracts.messages import BODY_MAX_CHARACTERS
from ingest.normalise import Item, author_hash, document_id, item_from, normalise

NOW = 1_667_877_482_000
KEY = b"a key"
ITEM = Item(source="CoinDesk", fetched_ms=NOW, published=NOW, title="FTX halts withdrawals")


def test_a_plain_item_changes_in_nothing_but_its_language() -> None:
    draft, changes = normalise(ITEM, KEY)
    assert (draft.title, draft.body, draft.lang, draft.published_ms) == ("FTX halts withdrawals", "", "en", NOW)
    assert draft.flags == ()
    assert changes == ["lang_detected"]


@pytest.mark.parametrize(
    ("published", "expected", "flag"),
    [
        (NOW + 5 * MINUTE_MS, NOW + 5 * MINUTE_MS, None),
        (NOW + 5 * MINUTE_MS + 1, NOW, "future_dated"),
        (NOW + 365 * DAY_MS, NOW, "future_dated"),
        ("1970-01-01", 0, "implausible_date"),
        ("1989-12-31", 631_065_600_000, "implausible_date"),
        ("1990-01-01", 631_152_000_000, None),
        ("soon", NOW, "undated"),
        (None, NOW, "undated"),
    ],
)
def test_a_date_that_cannot_be_true_is_flagged(published: object, expected: int, flag: str | None) -> None:
    draft, changes = normalise(replace(ITEM, published=published), KEY)
    assert draft.published_ms == expected
    assert draft.flags == ((flag,) if flag else ())
    assert (flag in changes) == (flag is not None)


@pytest.mark.parametrize(
    "text", ["", "   ", "<p></p>", "&nbsp;", "\x00\x01", "\u200b", "<!-- only a comment -->", "<script>x</script>"]
)
def test_an_item_without_text_is_rejected_as_empty(text: str) -> None:
    with pytest.raises(Rejected) as rejected:
        normalise(replace(ITEM, title=text, body=text), KEY)
    assert rejected.value.reason == "empty"


def test_a_body_is_cut_at_its_limit_and_says_so() -> None:
    draft, changes = normalise(replace(ITEM, body="x" * (BODY_MAX_CHARACTERS + 1)), KEY)
    assert len(draft.body) == BODY_MAX_CHARACTERS
    assert "truncated" in draft.flags
    assert "truncated" in changes


def test_a_body_alone_is_a_document() -> None:
    draft, _ = normalise(replace(ITEM, title="", body="FTX halts withdrawals"), KEY)
    assert draft.body == "FTX halts withdrawals"


def test_an_address_that_is_none_is_dropped_and_counted() -> None:
    draft, changes = normalise(replace(ITEM, url="javascript:alert(1)"), KEY)
    assert draft.url is None
    assert "url_dropped" in changes


@pytest.mark.parametrize(
    ("given_lang", "lang"),
    [("zh", "zh"), ("en-US", "en"), ("zh_CN", "zh"), ("english", "en"), ("", "en"), ("12", "en")],
)
def test_the_language_that_a_source_names_is_believed_when_it_is_one(given_lang: str, lang: str) -> None:
    assert normalise(replace(ITEM, lang=given_lang), KEY)[0].lang == lang


def test_an_id_comes_from_the_sources_own_id_else_the_address_else_time_and_title() -> None:
    own = {"own_id": "7", "url": "https://a.b/c", "published_ms": 1, "title": "t"}
    by_id = document_id("s", **own)
    assert by_id == document_id("s", **(own | {"url": None, "published_ms": 2, "title": "u"}))
    by_url = document_id("s", **(own | {"own_id": ""}))
    assert by_url == document_id("s", **(own | {"own_id": "", "published_ms": 2, "title": "u"}))
    by_item = document_id("s", own_id="", url=None, published_ms=1, title="t")
    assert len({by_id, by_url, by_item, document_id("other", **own)}) == 4


def test_ids_stay_the_same_for_ever() -> None:
    assert (
        document_id("CoinDesk", own_id="", url=None, published_ms=NOW, title="FTX")
        == "073b2520cd173b7d6f04e723738c23e7"
    )


def test_tracking_parameters_do_not_make_another_document() -> None:
    plain = normalise(replace(ITEM, url="https://coindesk.com/a?id=1"), KEY)[0]
    tracked = normalise(replace(ITEM, url="HTTPS://CoinDesk.com:443/a?utm_source=rss&id=1#top"), KEY)[0]
    assert plain.id == tracked.id


@given(st.text(max_size=50), st.text(max_size=50))
def test_parts_of_an_id_cannot_run_into_each_other(one: str, two: str) -> None:
    first = document_id("s" + one, own_id=two or "x", url=None, published_ms=0, title="")
    second = document_id("s", own_id=one + (two or "x"), url=None, published_ms=0, title="")
    assert (first == second) == (one == "")


def test_an_author_is_a_keyed_hash_per_source() -> None:
    name = author_hash("CoinDesk", "Sam Reporter", KEY)
    assert name == author_hash("CoinDesk", " Sam  Reporter ", KEY)
    assert (
        len({name, author_hash("Decrypt", "Sam Reporter", KEY), author_hash("CoinDesk", "Sam Reporter", b"other")}) == 3
    )
    assert author_hash("CoinDesk", "  ", KEY) is None
    assert "Sam" not in (name or "")


def _written(ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()


@given(
    st.builds(
        Item,
        source=st.text(min_size=1),
        fetched_ms=st.just(NOW),
        published=st.one_of(st.none(), st.text(), st.integers()),
        id=st.text(),
        url=st.text(),
        title=st.text(),
        body=st.text(),
        author=st.text(),
        lang=st.text(max_size=5),
        kind=st.text(max_size=8),
    )
)
def test_normalising_what_was_normalised_changes_nothing(item: Item) -> None:
    try:
        draft, _ = normalise(item, KEY)
    except Rejected as rejected:
        assert rejected.reason == "empty"  # noqa: PT017 - any other reason is a failure
        return
    again, _ = normalise(
        replace(
            item,
            title=draft.title,
            body=draft.body,
            url=draft.url or "",
            published=_written(draft.published_ms),
            lang=draft.lang,
        ),
        KEY,
    )
    assert (again.title, again.body, again.url, again.lang, again.published_ms, again.author) == (
        draft.title, draft.body, draft.url, draft.lang, draft.published_ms, draft.author,
    )  # fmt: skip


def test_a_row_becomes_an_item_by_the_names_of_its_mapping() -> None:
    row = {"time": "2022-11-08", "source": None, "title": "T", "body": None, "id": 7, "entity": "AAPL|GOOG; MSFT"}
    item = item_from(row, source="file", fetched_ms=NOW)
    assert (item.source, item.title, item.body, item.id, item.entities) == (
        "file",
        "T",
        "",
        "7",
        ("AAPL", "GOOG", "MSFT"),
    )


def test_a_replayed_row_without_a_time_has_no_place() -> None:
    with pytest.raises(Rejected) as rejected:
        item_from({"time": "soon", "title": "T"}, source="file", fetched_ms=None)
    assert rejected.value.reason == "time"
