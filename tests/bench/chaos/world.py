"""A made-up world whose truth is written into its texts: what every document must count for can be read off its title.

Forty companies of Zipf popularity, four topics, sentiment forced by a directive that the deterministic session obeys, a
handful of crises (many negative texts on one company within minutes) in the last third of the time.
"""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

START_MS = 1_700_000_040_000  # a whole minute in November 2023
COMPANIES = 40
TOPICS = ("company_product", "legal_regulation", "market_moves", "politics")
SENTIMENTS = ("negative", "neutral", "positive")
SYLLABLES = ("ba", "co", "du", "fe", "gi", "ho", "ju", "ka", "li", "mo", "nu", "pe", "ri", "so", "tu", "va", "we", "xi")


def company(number: int) -> tuple[str, str]:
    """Id and name of a company."""
    return f"firm-{number:02d}", f"Firm{number:02d} Holdings"


@dataclass(frozen=True, slots=True)
class World:
    """What a seed stands for.

    Attributes:
        seed: of everything random.
        documents: how many, crises included.
        hours: of event time.
        crises: how many spikes are injected.
    """

    seed: int
    documents: int
    hours: int = 96
    crises: int = 8

    def _words(self, rng: random.Random) -> str:
        """Words that no other text has, so that stories stay apart."""
        return " ".join("".join(rng.choices(SYLLABLES, k=4)) for _ in range(9))

    def rows(self) -> list[dict[str, object]]:
        """The rows of the replayed file, in order of time."""
        rng = random.Random(self.seed)
        popularity = list(itertools.accumulate(1 / (n + 1) for n in range(COMPANIES)))
        span_ms = self.hours * 3_600_000
        moments: list[tuple[int, int | None]] = []
        for _ in range(self.crises):
            begin = START_MS + int(span_ms * rng.uniform(0.66, 0.97))
            victim = rng.randrange(5, COMPANIES)
            moments += [(begin + rng.randrange(12 * 60_000), victim) for _ in range(rng.randrange(15, 30))]
        while len(moments) < self.documents:
            moments.append((START_MS + rng.randrange(span_ms), None))
        moments.sort(key=lambda moment: moment[0])
        rows = []
        for number, (at_ms, victim) in enumerate(moments):
            who = victim if victim is not None else rng.choices(range(COMPANIES), cum_weights=popularity)[0]
            sentiment = "negative" if victim is not None else rng.choices(SENTIMENTS, weights=(2, 6, 2))[0]
            title = f"{company(who)[1]} {self._words(rng)} [[{sentiment}]] [[topic:{rng.choice(TOPICS)}]]"
            rows.append({"id": f"d{number}", "ts": at_ms, "source": f"wire-{number % 3}", "title": title, "lang": "en"})
        return rows

    def write(self, folder: Path, *, fetched_twice: float = 0.01) -> Path:
        """The four files of a configuration and the stream, of which a share of the rows comes twice."""
        rng = random.Random(self.seed + 1)
        stream = folder / "stream.jsonl"
        with stream.open("w", encoding="utf-8") as out:
            again: list[tuple[int, str]] = []
            for number, row in enumerate(self.rows()):
                line = json.dumps(row)
                out.write(line + "\n")
                if rng.random() < fetched_twice:
                    again.append((number + rng.randrange(1, 200), line))
                for due in [pair for pair in again if pair[0] <= number]:
                    again.remove(due)
                    out.write(due[1] + "\n")
        watchlist = [{"id": company(n)[0], "name": company(n)[1]} for n in range(COMPANIES)]
        (folder / "watchlist.yaml").write_text(json.dumps({"entities": watchlist}))
        source = {
            "name": "chaos", "kind": "replay", "path": str(stream), "speed": 0,
            "map": {"time": "ts", "id": "id", "source": "source", "title": "title", "lang": "lang"},
            "learn_until": datetime.fromtimestamp((START_MS + self.hours * 1_800_000) / 1000, UTC).isoformat(),
        }  # fmt: skip
        (folder / "sources.yaml").write_text(json.dumps({"sources": [source]}))
        return stream

    @property
    def end_ms(self) -> int:
        """Event time at which the stream ends, at the latest."""
        return START_MS + self.hours * 3_600_000
