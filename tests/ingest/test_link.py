# ruff: noqa: RUF001 - full-width letters and Chinese punctuation are what is tested
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.watchlist import WatchedEntity
from ingest.link import DECLARED_RELEVANCE, Linker

WATCHLIST = [
    WatchedEntity(id="ftx", name="FTX", tickers=["FTT"], aliases=["FTX.com"]),
    WatchedEntity(id="binance", name="Binance", tickers=["BNB"]),
    WatchedEntity(id="bitcoin", name="Bitcoin", tickers=["BTC"], aliases=["比特币"]),
    WatchedEntity(id="bitcoin-cash", name="Bitcoin Cash", tickers=["BCH"]),
    WatchedEntity(id="citigroup", name="Citigroup", tickers=["C"], session="us"),
    WatchedEntity(
        id="gap", name="Gap", tickers=["GPS"], near=["retailer", "clothing", "stores"], not_near=["yield gap"]
    ),
    WatchedEntity(
        id="apple", name="Apple", tickers=["AAPL"], aliases=["苹果公司", "苹果"], not_near=["pie", "苹果树", "水果"]
    ),
    WatchedEntity(
        id="ping-an-bank", name="平安银行", tickers=["000001.SZ", "000001"], aliases=["Ping An Bank"], session="cn"
    ),
    WatchedEntity(id="jpmorgan", name="JPMorgan", aliases=["JP Morgan", "J.P. Morgan"], tickers=["JPM"]),
    WatchedEntity(id="three-arrows", name="Three Arrows Capital", aliases=["Three Arrows", "3AC"]),
]
LINKER = Linker(WATCHLIST)

# The labelled mini set: a text, and the entities it names.
CASES = [
    ("FTX halts withdrawals", {"ftx"}),
    ("FTX's collapse, FTX-linked wallets and (FTX)", {"ftx"}),
    ("Alameda sells FTT token", {"ftx"}),
    ("$FTT slides 80%", {"ftx"}),
    ("ftx and 3ac in lower case are too short to be sure", set()),
    ("FTXs and aFTX are something else", set()),
    ("@FTX_Official tweets", set()),
    ("#FTX trends", {"ftx"}),
    ("ＦＴＸ in full width", {"ftx"}),
    ("binance and BINANCE are names", {"binance"}),
    ("Bitcoin Cash forks", {"bitcoin-cash"}),
    ("Bitcoin and Bitcoin Cash part", {"bitcoin", "bitcoin-cash"}),
    ("BTCUSD is a pair", set()),
    ("Grade C students and vitamin C", set()),
    ("$C gains", {"citigroup"}),
    ("Citi (NYSE: C) gains", {"citigroup"}),
    ("shares <C.N> gained", {"citigroup"}),
    ("Mind the gap", set()),
    ("Retailer Gap cuts jobs", {"gap"}),
    ("Retailer says yield gap widens, Gap too", set()),
    ("$GPS jumps", {"gap"}),
    ("EVERY WORD IS A TICKER: GPS AND BTC FALL", set()),
    ("EVERY WORD IS A TICKER BUT $BTC IS MARKED", {"bitcoin"}),
    ("Apple sues", {"apple"}),
    ("Apple pie recipe", set()),
    ("苹果公司发布新手机", {"apple"}),
    ("苹果树开花", set()),
    ("比特币跌破2万美元，平安银行上涨", {"bitcoin", "ping-an-bank"}),
    ("平安银行（000001）上涨", {"ping-an-bank"}),
    ("共有000001人参加", set()),
    ("000001.SZ closes higher", {"ping-an-bank"}),
    ("J.P. Morgan and JP Morgan and JPMorgan", {"jpmorgan"}),
    ("Three Arrows Capital (3AC) liquidated", {"three-arrows"}),
    ("", set()),
    ("İstanbul'da Binance", {"binance"}),
]


@pytest.mark.parametrize(("text", "entities"), CASES)
def test_the_entities_of_a_text_are_found_and_none_invented(text: str, entities: set[str]) -> None:
    assert {mention.entity for mention in LINKER.link(text)} == entities


def test_spans_lie_in_title_and_body_joined_by_a_newline() -> None:
    title, body = "FTX halts", "Binance looks at FTX"
    text = f"{title}\n{body}"
    mentions = {mention.entity: mention for mention in LINKER.link(title, body)}
    assert [text[start:end] for start, end in mentions["ftx"].spans] == ["FTX", "FTX"]
    assert [text[start:end] for start, end in mentions["binance"].spans] == ["Binance"]


def test_the_longest_name_is_one_mention() -> None:
    (mention,) = LINKER.link("Three Arrows Capital falls")
    assert mention.spans == [(0, 20)]


def test_relevance_falls_from_the_title_to_the_end_of_the_body() -> None:
    body = "x " * 400
    title = LINKER.link("FTX falls", body)[0].relevance
    early = LINKER.link("Exchange falls", "FTX " + body)[0].relevance
    late = LINKER.link("Exchange falls", body + " FTX")[0].relevance
    assert 100 >= title > early > late >= 25


def test_a_passing_mention_among_many_does_not_count() -> None:
    body = "Binance " * 30 + "and FTX"
    relevance = {mention.entity: mention.relevance for mention in LINKER.link("Exchanges", body)}
    assert relevance["ftx"] < 25 < relevance["binance"]


def test_the_session_comes_from_the_watchlist() -> None:
    assert LINKER.link("Citigroup falls")[0].session == "us"


@pytest.mark.parametrize(
    ("declared", "entity"),
    [("ftx", "ftx"), ("FTX", "ftx"), ("BTC", "bitcoin"), ("Bitcoin Cash", "bitcoin-cash"), ("ACME Corp.", "acme-corp")],
)
def test_an_entity_that_the_source_names_is_a_full_mention(declared: str, entity: str) -> None:
    (mention,) = LINKER.link("Something happened", declared=[declared])
    assert (mention.entity, mention.relevance, mention.spans) == (entity, DECLARED_RELEVANCE, [])


def test_a_declared_entity_keeps_its_spans() -> None:
    (mention,) = LINKER.link("FTX falls", declared=["FTX"])
    assert mention.spans == [(0, 3)]


def test_an_empty_watchlist_finds_nothing() -> None:
    assert Linker([]).link("FTX halts withdrawals") == []


def test_a_body_full_of_names_is_linked_in_proportion_and_its_spans_are_bounded() -> None:
    (mention,) = LINKER.link("", "FTX " * 5_000)
    assert len(mention.spans) == 50


@given(st.text())
def test_spans_are_places_in_the_text(text: str) -> None:
    for mention in LINKER.link("", text):
        assert mention.spans
        for start, end in mention.spans:
            assert 0 <= start < end <= len(f"\n{text}")


HARD = Linker(
    [
        WatchedEntity(
            id="gap", name="Gap", tickers=["$GAP"], products=["Old Navy"], ambiguous=["Gap"], near=["retailer"]
        ),
        WatchedEntity(id="allstate", name="Allstate", tickers=["$ALL"]),
        WatchedEntity(
            id="moutai",
            name="贵州茅台",
            tickers=["600519.SH"],
            aliases=["茅台"],
            ambiguous=["茅台"],
            not_near=["茅台镇"],
        ),
        WatchedEntity(id="tencent", name="腾讯", tickers=["0700.HK"]),
        WatchedEntity(id="ford", name="Ford", products=["F-150"]),
        WatchedEntity(id="linkedin", name="LinkedIn", parent="microsoft"),
        WatchedEntity(id="microsoft", name="Microsoft"),
    ]
)


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("Old Navy owner Gap says so", {"gap"}),
        ("Gap Inc says so", {"gap"}),
        ("$GAP and Gap", {"gap"}),
        ("Gap says so", set()),
        ("Retailer warns of a gap", set()),
        ("Retailer Gap", {"gap"}),
        ("Retailer" + " and so on" * 25 + " Gap", set()),
        ("You get ALL of it (ALL)", set()),
        ("NYSE: ALL, ALL.N and $ALL", {"allstate"}),
        ("SH600519 跌了", {"moutai"}),
        ("600519.SS falls", {"moutai"}),
        ("600519今天又跌", {"moutai"}),
        ("成交600519手", set()),
        ("600519 square feet", set()),
        ("茅台镇着火", set()),
        ("贵州茅台回应茅台镇火灾", {"moutai"}),
        ("00700.HK, 700.HK", {"tencent"}),
        ("(0700) rises", {"tencent"}),
        ("Flight 0700 leaves", set()),
        ("Ford Foundation sells its bonds", set()),
        ("Ford F-150 output halted again", {"ford"}),
        ("Ford CEO says output halted", {"ford"}),
        ("Ford Foundation Sells Bonds", {"ford"}),  # in a line of capitals nobody can tell
        ("LinkedIn is down", {"linkedin", "microsoft"}),
    ],
)
def test_hard_names_are_told_apart(text: str, entities: set[str]) -> None:
    assert {mention.entity for mention in HARD.link(text)} == entities


def test_a_parent_is_mentioned_at_half_the_relevance_in_the_same_places() -> None:
    child, parent = HARD.link("LinkedIn is down")
    assert (parent.entity, parent.relevance, parent.spans) == ("microsoft", child.relevance // 2, child.spans)


def test_a_parent_that_is_named_itself_is_mentioned_once() -> None:
    mentions = HARD.link("Microsoft closes LinkedIn in China")
    assert sorted(mention.entity for mention in mentions) == ["linkedin", "microsoft"]
    assert all(len(mention.spans) == 1 for mention in mentions)


def test_what_was_found_is_explained_with_the_rule_that_kept_or_dropped_it() -> None:
    found = HARD.explain("Retailer Gap and the gap, $ALL is ALL")
    assert [(one.start, one.entity, one.kept, one.rule) for one in found] == [
        (9, "gap", True, "near one of its words"),
        (21, "gap", False, "in lower case"),
        (27, "allstate", True, "marked as a ticker"),
        (34, "allstate", False, "not marked as a ticker"),
    ]


@given(st.text())
def test_what_is_kept_is_what_is_mentioned(text: str) -> None:
    kept = {one.entity for one in HARD.explain(text) if one.kept}
    assert {mention.entity for mention in HARD.link(text)} - {"microsoft"} == kept - {"microsoft"}
