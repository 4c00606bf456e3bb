"""Personal data is masked in comments, and only there; what merely looks like it stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dead_items import raw_of
from ingest.normalise import Item, normalise
from text.masking import mask

MASKED = [
    ("write to joe.b+x@mail.example.com now", "write to [mail] now"),
    ("joe (at) example (dot) com", "[mail]"),
    ("邮箱：zhang@example.cn。", "邮箱：[mail]。"),
    ("打我手机13812345678", "打我手机[phone]"),
    ("+86 138 1234 5678", "[phone]"),
    ("电话：2345 6789", "电话：[phone]"),
    ("010-88886666", "[phone]"),
    ("客服 400-810-8888", "客服 [phone]"),
    ("+1 (415) 555-2671", "[phone]"),
    ("415-555-2671", "[phone]"),
    ("(415) 555-2671", "[phone]"),
    ("+44 20 7946 0958", "[phone]"),
    ("4111 1111 1111 1111", "[card]"),
    ("卡号6222021234567890128", "卡号[card]"),
    ("身份证11010519491231002X", "身份证[id]"),
    ("11010519491231002x", "[id]"),
    ("HKID A123456(3)", "HKID [id]"),
    ("香港身份證 G123456（A）", "香港身份證 [id]"),
    ("SSN 123-45-6789", "SSN [id]"),
    ("加微 abc12345 进群", "加微 [account] 进群"),
    ("QQ群:12345678", "QQ群:[account]"),
]  # fmt: skip
KEPT = [
    "BTC went from 20000 to 30000 on 2022-11-06",
    "price 1,234,567,890,123",
    "market cap $2,000,000,000,000",
    "600519 涨停, 0700.HK 也涨",
    "1667606400000",
    "volume 1380000000 shares",
    "11010519491231002 0",
    "A123456(7)",
    "EUR/USD 1.0712, 10Y 4.125%",
    "FY2022 revenue 12,345.67m, up 4.5%",
    "成交额1.3万亿，北向资金净流入85.6亿",
    "S&P 500 at 4,123.34; NVDA $950.02",
    "from 09:30 to 16:00",
    "@elonmusk sells",
]


@pytest.mark.parametrize(("text", "masked"), MASKED)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    assert mask(text)[0] == masked


@pytest.mark.parametrize("text", KEPT)
def test_figures_of_a_market_are_kept(text: str) -> None:
    assert mask(text) == (text, {})


@given(st.text(alphabet="0123456789 +-()@.aX（）电话qq:微信", max_size=60))
def test_masking_a_masked_text_changes_nothing(text: str) -> None:
    once = mask(text)[0]
    assert mask(once)[0] == once


def test_comments_are_masked_and_counted_by_kind_and_news_are_not() -> None:
    item = Item(
        source="s", fetched_ms=1_700_000_000_000, title="call 13812345678", body="or joe@example.com", author="Joe"
    )
    comment, changes = normalise(
        Item(**{name: getattr(item, name) for name in item.__slots__} | {"kind": "comment"}), b"key"
    )
    assert (comment.title, comment.body) == ("call [phone]", "or [mail]")
    assert {"masked_phone", "masked_mail"} <= set(changes)
    assert normalise(item, b"key")[0].title == "call 13812345678"


def test_what_goes_to_dead_letters_holds_no_author_and_no_personal_data() -> None:
    raw = raw_of(Item(source="s", fetched_ms=0, id="7", title="call 13812345678", author="Joe Bloggs", kind="comment"))
    assert b"Joe" not in raw
    assert b"13812345678" not in raw
    assert b'"id":"7"' in raw
