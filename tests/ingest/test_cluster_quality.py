"""A labelled mini set for clustering: pairs of the 2022 stream, and some of our own writing."""

from __future__ import annotations

import pytest

from ingest.cluster import MemoryStoryIndex, Sighting
from ingest.normalise import document_id
from text.story import telling

SAME = [
    ("FTX Files Chapter 11 Bankruptcy, SBF Steps Down as CEO", "FTX Files for Chapter 11 Bankruptcy, SBF Steps Down"),
    ("Three Arrows Capital Founders Break Their Silence, Look to Move to Dubai: Report", "Three Arrows Capital Founders Break Their Silence, Reportedly Look to Move to Dubai"),
    ("How Web3 Can Change Hollywood: Decentralized Pictures CEO", "gm: Decentralized Pictures CEO on How Web3 Can Change Hollywood"),
    ("Founder of Turkish Crypto Exchange Thodex Arrested in Albania", "CEO of Turkish Crypto Exchange 'Thodex' Arrested"),
    ("UPDATE 1-Tesla recalls 1.1 million vehicles over windows that may pinch fingers", "Tesla recalls 1.1 million vehicles over windows that may pinch fingers"),
    ("Tesla recalls 1.1 mln vehicles over windows that may pinch fingers - regulator", "Tesla recalls 1.1 million vehicles over windows that may pinch fingers"),
    ("平安银行三季度净利润同比增长百分之二十五", "平安银行前三季度净利润同比增长百分之二十五"),
    ("证监会对恒大地产立案调查 涉嫌财务造假", "证监会立案调查恒大地产 涉嫌财务造假"),
    ("Kraken Cuts 30% of Workforce Amid Crypto Winter", "KRAKEN CUTS 30% OF WORKFORCE AMID CRYPTO WINTER"),
]  # fmt: skip
OTHER = [
    ("FTX halts withdrawals", "FTX founder arrested in the Bahamas"),
    ("Apple beats profit estimates for third quarter", "Apple sued over App Store fees by developers"),
    ("Crypto Exchange AAX Suspends Withdrawals as FTX Failure Reverberates", "Hong Kong Crypto Exchange AAX Reopening Hinges on Capital Raise"),
    ("Crypto Exchange Coinify Obtains Regulatory Approval to Operate in Italy", "Crypto.com granted regulatory approval in the UK"),
    ("Dogecoin, SHIB Plummet as Crypto Market Sheds $44B Overnight", "Bitcoin, Ethereum Plummet as Crypto Market Falls Below $1 Trillion Overnight"),
    ("Market Wrap: Cryptos Decline Amid Choppy Trading, DeFi Tokens Underperform", "Market Wrap: Cryptos Climb Amid Lower Volatility; Sentiment Improves"),
    ("平安银行三季度净利润同比增长", "平安银行行长辞职"),
    ("贵州茅台股价跌破千元", "贵州茅台宣布分红方案"),
    ("Citigroup cuts 20,000 jobs", "Citigroup names new head of markets"),
    ("CoinDesk Confidential: Bradley Miles", "CoinDesk Confidential: Ambre Soubiran"),
]  # fmt: skip


def _positions(first: str, second: str) -> int:
    index = MemoryStoryIndex()
    sightings = [
        Sighting(
            document_id(f"s{n}", own_id="", url=None, published_ms=n, title=text),
            "xx",
            1_667_865_600_000 + n,
            telling(text),
        )
        for n, text in enumerate((first, second))
    ]
    return index.place(sightings)[1].position


@pytest.mark.parametrize(("first", "second"), SAME)
def test_two_ways_to_tell_one_story_are_one_story(first: str, second: str) -> None:
    assert _positions(first, second) == 2


@pytest.mark.parametrize(("first", "second"), OTHER)
def test_two_stories_of_one_name_are_two(first: str, second: str) -> None:
    assert _positions(first, second) == 1
