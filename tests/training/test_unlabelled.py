"""Text that nobody labelled, without what is measured."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tocsin.cli import app
from training.unlabelled import StreamInvalid, Unlabelled, held_out_days, held_out_texts, stream, usable

pytestmark = pytest.mark.train

STREAMS = Path(__file__).parents[2] / "tocsin" / "streams"
CRYPTO = "crypto_2022_en_3src"
MERGE = date(2022, 9, 15)


def one(text: str, day: date = date(2022, 7, 20), source: str = CRYPTO) -> Unlabelled:
    return Unlabelled(text, "en", source, day)


def test_every_known_event_is_held_out_with_a_day_either_side() -> None:
    days = held_out_days()
    with (STREAMS / "crypto_2022_known_events.csv").open(encoding="utf-8", newline="") as lines:
        known = {date.fromisoformat(row["day"]) for row in csv.DictReader(lines)}
    assert days[CRYPTO] == {day + timedelta(days=n) for day in known for n in (-1, 0, 1)}
    assert {MERGE, date(2022, 8, 8), date(2022, 9, 14)} <= days[CRYPTO]
    assert date(2015, 10, 14) in days["stocknet_tweets"]


def test_held_out_days_repeats_of_tests_and_what_was_said_before_are_left_out() -> None:
    left_out = Counter[tuple[str, str]]()
    merge = "Ethereum completes the Merge, ending mining and cutting its energy use by 99 percent"
    texts = [
        one("Gold is quiet before the weekend, dealers say"),
        one("GOLD is quiet before the weekend - dealers say", date(2022, 7, 21)),
        one(merge, MERGE),
        one(merge.replace("ending", "stopping"), date(2022, 9, 20)),
        one("Tesla recalls two million cars over autopilot safety concerns in the United States"),
        one("Tesla recalls two million cars", MERGE, "another stream"),
    ]
    tested = ["Tesla recalls two million cars over autopilot safety worries in the United States"]
    kept = usable(texts, tested, held_out_days(), left_out)
    assert [(k.source, k.text[:5]) for k in kept] == [("another stream", "Tesla"), (CRYPTO, "Gold ")]
    assert left_out == {
        (CRYPTO, "on a held-out day"): 1,
        (CRYPTO, "said before"): 1,
        (CRYPTO, "repeats a test text or a held-out day"): 2,
    }


def test_the_stream_that_ships_is_read_with_its_held_out_headlines() -> None:
    texts = list(stream(STREAMS / f"{CRYPTO}.csv.gz", CRYPTO, "title"))
    assert len(texts) == 9_366
    held = held_out_texts(texts, held_out_days())
    assert any("Tornado Cash Blacklisted" in text for text in held)
    assert 800 < len(held) < 3_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ts,title\n", "no column text"),
        (b"ts,text\nyesterday,gold\n", "row 2: ts is 'yesterday'"),
        (b"ts,text\n2022-07-20,\xff\n", "cannot be read"),
    ],
)
def test_a_stream_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "tweets.csv"
    path.write_bytes(content)
    with pytest.raises(StreamInvalid, match=said) as caught:
        list(stream(path, "s", "text"))
    assert "tweets.csv" in str(caught.value)
    with pytest.raises(StreamInvalid, match="no such file"):
        list(stream(tmp_path / "nowhere.csv", "s", "text"))


def test_the_command_writes_both_streams_without_retweet_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.sources.shipped", dict)
    monkeypatch.setattr("training.sources.finentity_texts", list)
    monkeypatch.setattr("tocsin.commands.data._crypto", lambda: ([one("Gold is quiet")], held_out_days()))
    tweets = tmp_path / "tweets.csv"
    tweets.write_text("id,ts,text\n1,2014-02-01 10:00:00+00:00,RT @a: $AAPL is up\n2,2014-01-28 10:00:00+00:00,$AAPL\n")
    out = tmp_path / "texts.jsonl.gz"
    done = CliRunner().invoke(app, ["data", "unlabelled", "--stocknet", str(tweets), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "stocknet_tweets: 1 texts; left out: 1 on a held-out day" in done.output
    with gzip.open(out, "rt", encoding="utf-8") as lines:
        written = [json.loads(line) for line in lines]
    assert [(line["text"], line["day"]) for line in written] == [
        ("Gold is quiet", "2022-07-20"),
        ("$AAPL is up", "2014-02-01"),
    ]
    done = CliRunner().invoke(app, ["data", "unlabelled", "--stocknet", str(tmp_path / "no.csv")])
    assert type(done.exception).__name__ == "UserError"
