"""Feeds as they are in the world: every dialect, whole, broken and hostile."""

from __future__ import annotations

import pytest

from contracts.clock import WallClock
from ingest.feed import Feed, read_feed
from ingest.normalise import normalise
from ingest.port import SourceTrouble
from tests.ingest.publisher_site import ENTITY_BOMB, FILE_ENTITY, rss

NOON = 1_667_908_800_000  # 2022-11-08 12:00 UTC


def read(body: bytes, content_type: str = "application/rss+xml", zone: str = "UTC") -> Feed:
    headers = {"Content-Type": content_type}
    return read_feed(body, headers, source="s", fetched_ms=NOON, zone=zone, lang="", kind="news")


RSS_20 = rss("FTX halts withdrawals", "Older")
RSS_091 = b"<rss version='0.91'><channel><title>t</title><item><title>A headline</title><link>http://x.example/1</link></item></channel></rss>"
RDF = b"""<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="http://x.example/"><title>t</title></channel>
 <item rdf:about="http://x.example/1"><title>A headline</title><link>http://x.example/1</link>
 <dc:date>2022-11-08T10:00:00+01:00</dc:date><dc:creator>Jo</dc:creator></item></rdf:RDF>"""
ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="zh"><title>证监会</title>
 <entry><id>urn:1</id><title type="html">&lt;b&gt;证监会&lt;/b&gt;立案调查</title><link href="http://x.example/1"/>
 <updated>2022-11-08T17:00:00+08:00</updated><summary>摘要</summary><content type="html">&lt;p&gt;正文更长一些&lt;/p&gt;</content></entry></feed>""".encode()


@pytest.mark.parametrize(
    ("body", "title", "published_ms"),
    [(RSS_20, "Older", 1_667_917_800_000), (RSS_091, "A headline", None), (RDF, "A headline", 1_667_898_000_000), (ATOM, "<b>证监会</b>立案调查", 1_667_898_000_000)],
    ids=["rss2", "rss091", "rdf", "atom"],
)  # fmt: skip
def test_every_dialect_is_read(body: bytes, title: str, published_ms: int | None) -> None:
    first = read(body).items[0]
    assert first.title == title
    draft, changes = normalise(first, b"key")
    if published_ms is None:
        assert draft.published_ms == NOON
        assert "undated" in changes
    else:
        assert draft.published_ms == min(published_ms, NOON)


def test_items_come_oldest_first_and_the_longest_text_is_the_body() -> None:
    assert [item.title for item in read(RSS_20).items] == ["Older", "FTX halts withdrawals"]
    draft, _ = normalise(read(ATOM).items[0], b"key")
    assert (draft.title, draft.body, draft.lang) == ("证监会立案调查", "正文更长一些", "zh")


def test_tracking_is_taken_off_an_address() -> None:
    draft, _ = normalise(read(RSS_20).items[1], b"key")
    assert draft.url == "https://news.example/0"


@pytest.mark.parametrize("declared", ["gb2312", "utf-8", ""])
@pytest.mark.parametrize("sent", ["text/xml; charset=utf-8", "application/xml"])
def test_a_character_set_that_is_declared_wrongly_does_not_garble(declared: str, sent: str) -> None:
    """What the header says, what the XML says and what is there may all differ."""
    prolog = f"<?xml version='1.0' encoding='{declared}'?>" if declared else "<?xml version='1.0'?>"
    text = f"{prolog}<rss version='2.0'><channel><title>t</title><item><title>平安银行被罚款五百万元</title><guid>1</guid></item></channel></rss>"
    actual = "gb18030" if declared == "gb2312" else "utf-8"
    if declared == "gb2312" and "charset" in sent:
        sent = "application/xml"  # header and content contradict each other with nothing to tell which is right
    assert read(text.encode(actual), sent).items[0].title == "平安银行被罚款五百万元"


def test_broken_xml_is_mended_and_told() -> None:
    body = rss("A & B rise", "Next").replace(b"</item>", b"", 1) + b"<trailing>"
    feed = read(body)
    assert {item.title for item in feed.items} >= {"Next"}
    assert feed.broken


@pytest.mark.parametrize(
    "body", [b"", b"   ", b"<!DOCTYPE html><html><body>Maintenance</body></html>", b"\x00\x01\x02", b"{}"]
)
def test_what_is_no_feed_is_a_trouble(body: bytes) -> None:
    with pytest.raises(SourceTrouble, match="no_feed"):
        read(body)


def test_entities_neither_grow_nor_read_files() -> None:
    before = WallClock().wall_ms()
    assert all("lol" not in item.title or len(item.title) < 100 for item in read(ENTITY_BOMB).items)
    assert all("root:" not in item.title for item in read(FILE_ENTITY).items)
    assert WallClock().wall_ms() - before < 30_000


def test_an_address_in_place_of_a_feed_is_not_opened() -> None:
    with pytest.raises(SourceTrouble, match="no_feed"):
        read(b"file:///etc/passwd")


def test_a_publishers_template_is_taken_off() -> None:
    body = "A real paragraph.&lt;p&gt;The post &lt;a href='x'&gt;T&lt;/a&gt; appeared first on &lt;a href='y'&gt;Site&lt;/a&gt;.&lt;/p&gt;"
    feed = read(rss("a").replace(b"</item>", f"<description>{body}</description></item>".encode()))
    assert normalise(feed.items[0], b"key")[0].body == "A real paragraph."


def test_a_date_without_a_zone_lies_in_the_sources_zone() -> None:
    feed = read(rss("a", date="2022-11-08 17:00:00"), zone="Asia/Shanghai")
    assert normalise(feed.items[0], b"key")[0].published_ms == 1_667_898_000_000


def test_how_long_it_asks_to_be_left_alone_is_heard() -> None:
    assert read(rss("a", extra="<ttl>60</ttl>")).ttl_s == 3_600
