"""Messages as the stages write them, made up: a quiet day of news, and then an exchange that fails."""

from __future__ import annotations

import hashlib
import math
import random

from contracts.clock import DAY_MS, HOUR_MS, MINUTE_MS
from contracts.codec import encode, headers
from contracts.evidence import DocumentEvidence, Evidence, StoryEvidence, TimelinePoint, WindowEvidence
from contracts.messages import MentionScore, Message, Replay, Score, SourceHeartbeat, Transition
from contracts.series import alert_id
from desk.projection import Record

NOW = 1_667_998_800_000  # 2022-11-09 13:00 UTC
HEADLINES = (
    "Binance walks away from FTX rescue, citing mishandled customer funds",
    "FTX halts withdrawals as customers ask for their money back",
    "FTX is said to face a hole of up to $8 billion",
    "Regulators in the Bahamas freeze the assets of FTX Digital Markets",
    "Sequoia marks its FTX stake down to zero",
    "Solana falls a third as Alameda is feared to sell",
    "BlockFi limits activity, cites lack of clarity on FTX",
    "Investors ask who is next after FTX",
)


def digest(*parts: object) -> str:
    return hashlib.blake2b("\n".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def score(
    n: int,
    published_ms: int,
    *,
    entity: str | None = "ftx",
    p: float = 0.93,
    topic: str = "legal_regulation",
    source: str = "CoinDesk",
    snippet: str | None = None,
    position: int = 1,
    url: str | None = "https://example.org/a",
    document: str | None = None,
    partitions: int = 8,
) -> Score:
    rest = (1 - p) / 2
    sentiment = {"negative": p, "neutral": rest, "positive": rest}
    document = document or digest("document", n)
    return Score(
        document=document, origin_partition=n % partitions, origin_offset=n // partitions, published_ms=published_ms,
        source=source, kind="news", lang="en", story=document, position=position, author=digest("author", n % 5), url=url,
        snippet=snippet or HEADLINES[n % len(HEADLINES)], bundle="en-minilm-1", topic={topic: 0.9, "general_other": 0.1},
        sentiment=sentiment, mentions=[MentionScore(entity=entity, relevance=80, sentiment=sentiment)] if entity else [],
    )  # fmt: skip


def timeline(now_ms: int, peak: int = 9, minutes: int = 60, bars: int = 48, quiet: float = 0.7) -> list[TimelinePoint]:
    rng = random.Random(5)
    points = []
    for bar in range(bars):
        start = now_ms // HOUR_MS * HOUR_MS - (bars - 1 - bar) * minutes * MINUTE_MS
        expected = quiet * (1.3 + math.sin(bar / 4))
        risen = max(0, bar - (bars - 8))
        negative = rng.choice((0, 0, 1, 1, 2)) if not risen else round(peak * (1 - 0.09 * abs(risen - 4)))
        points.append(
            TimelinePoint(start_ms=start, minutes=minutes, negative=negative, all=negative + rng.randrange(4),
                          expected=expected, low=max(0.0, expected - 1.6), high=expected + 2.6)
        )  # fmt: skip
    return points


def evidence(now_ms: int, *, documents: int = 17, factor: float = 1.0) -> Evidence:
    windows = []
    for minutes, negative, everything, expected in (
        (5, 3, 3, 0.01),
        (15, 6, 7, 0.03),
        (60, 9, 12, 0.09),
        (360, 14, 19, 0.4),
        (1440, 17, 24, 0.71),
    ):
        windows.append(
            WindowEvidence(minutes=minutes, negative=round(negative * factor), all=round(everything * factor), copies=minutes // 300,
                           expected_negative=expected, expected_all=expected * 4, p_count=10 ** -(minutes / 130 + 1.2),
                           p_share=0.04 / minutes, share=negative / everything, usual_share=0.22, score=3 + minutes / 174,
                           negative_mass=negative * 0.9, negative_mass_low=negative * 0.8, negative_mass_high=negative * 0.97)
        )  # fmt: skip
    shown = [
        DocumentEvidence(id=digest("document", n), source=("CoinDesk", "Decrypt", "The Block")[n % 3], snippet=HEADLINES[n],
                         url=f"https://example.org/{n}", author=digest("author", n), published_ms=now_ms - (5 - n) * 17 * MINUTE_MS,
                         p_negative=0.97 - 0.02 * n, weight=0.09 - 0.01 * n, story=digest("document", n), position=1,
                         highlights=[(HEADLINES[n].rfind(" ", 0, 40) + 1, len(HEADLINES[n]))])
        for n in range(5)
    ]  # fmt: skip
    return Evidence(
        windows=windows, window=1440, timeline=timeline(now_ms), documents=shown,
        contributing=[digest("document", n) for n in range(documents)], contributing_total=documents,
        authors=9, largest_author_share=0.22, largest_story=StoryEvidence(story=digest("document", 1), documents=4, share=0.24),
        sources={"CoinDesk": 8, "Decrypt": 6, "The Block": 3}, sources_alive=["CoinDesk", "Decrypt"], sources_silent=["The Block"],
        incomplete=True, bundle="en-minilm-1", threshold=9.5, margin=1.8,
        counterfactual="Fires at 14, saw 17. Without its largest story (4 documents) it would still fire.",
    )  # fmt: skip


def transition(
    series: str = "entity:ftx",
    number: int = 2,
    *,
    now_ms: int = NOW,
    state: str = "firing",
    severity: str = "critical",
    rule: str = "negative",
    onset_ms: int | None = None,
    why: str | None = None,
    factor: float = 1.0,
    **more: object,
) -> Transition:
    onset = now_ms - 7 * HOUR_MS if onset_ms is None else onset_ms
    onset = onset // MINUTE_MS * MINUTE_MS
    fired = onset + 6 * MINUTE_MS
    return Transition(
        **{
            "alert": alert_id(series, rule, onset // MINUTE_MS), "number": number, "series": series, "group": "session:crypto",
            "rule": rule, "state": state, "severity": severity, "onset_ms": onset,
            "at_ms": now_ms if state != "pending" else onset + MINUTE_MS,
            "fired_ms": fired if state != "pending" else None, "resolved_ms": now_ms if state == "resolved" else None,
            "decided_ms": now_ms + 900, "score": 9.9, "peak": 11.3 * min(factor, 1.2),
            "why": why or (
                "FTX: 17 negative of 24 distinct texts in 24 h; expected 0.71 negative (x24, p<1e-8); negative share 71% vs usual 22% "
                "(p=2.8e-05); S=11.3; mean p(negative) 0.81; volume x8.5; began 2022-11-09 06:00 UTC"
            ),
            "evidence": evidence(now_ms, factor=factor),
        }
        | more
    )  # fmt: skip


def life(series: str = "entity:ftx", *, now_ms: int = NOW, resolved: bool = False, **more: object) -> list[Transition]:
    steps = [
        transition(series, 1, now_ms=now_ms, state="pending", **more),
        transition(series, 2, now_ms=now_ms, **more),
    ]  # type: ignore[arg-type]
    return [*steps, transition(series, 3, now_ms=now_ms, state="resolved", **more)] if resolved else steps  # type: ignore[arg-type]


def heartbeat(source: str, wall_ms: int, *, replay: Replay | None = None, **more: object) -> SourceHeartbeat:
    return SourceHeartbeat(
        **{"source": source, "kind": "replay" if replay else "rss", "alive": True, "at_ms": wall_ms, "newest_ms": NOW,
           "items": 5213, "items_per_hour": 2.2, "items_per_hour_expected": 2.0, "event_ms": NOW, "replay": replay} | more
    )  # fmt: skip


def replay(**more: object) -> Replay:
    return Replay(**{"start_ms": NOW - 170 * DAY_MS, "end_ms": NOW + 20 * DAY_MS, "learn_until_ms": NOW - 5 * DAY_MS,
                     "speed": 3600.0, "rows": 34_120, "rows_done": 28_960} | more)  # fmt: skip


def a_day_of_news(now_ms: int = NOW) -> list[Score]:
    """A quiet day, then seven bad hours for FTX."""
    rng = random.Random(11)
    scores = [score(n, now_ms - (17 - n) * 21 * MINUTE_MS, source=("CoinDesk", "Decrypt", "The Block")[n % 3],
                    url=f"https://example.org/{n}", position=1 if n % 4 else 2) for n in range(18)]  # fmt: skip
    for n in range(18, 150):
        entity = rng.choice(("bitcoin", "ethereum", "ftx", None, "celsius", "solana"))
        scores.append(
            score(n, now_ms - rng.randrange(7 * HOUR_MS, DAY_MS), entity=entity, p=rng.choice((0.1, 0.2, 0.3, 0.8)),
                  topic=rng.choice(("market_moves", "company_product", "politics")), snippet=f"Quiet news number {n} about {entity or 'markets'}")
        )  # fmt: skip
    return scores


def a_board(now_ms: int = NOW) -> list[Transition]:
    """What a busy afternoon looks like: four open, three over, some recorded."""
    steps = [
        *life("entity:ftx", now_ms=now_ms),
        *life("entity:solana", now_ms=now_ms, severity="warning", onset_ms=now_ms - 2 * HOUR_MS, factor=0.6,
              why="9 negative texts of 12 in 60 min, where 0.8 are usual (11 times as many); 75 % are negative, usually 20 %."),
        *life("entity:blockfi/topic:legal_regulation", now_ms=now_ms, onset_ms=now_ms - 40 * MINUTE_MS, factor=0.5,
              why="7 negative texts of 8 in 6 h, where 0.1 are usual (70 times as many); all but one are negative."),
        transition("topic:market_moves", 1, now_ms=now_ms, state="pending", severity="warning", onset_ms=now_ms - 3 * MINUTE_MS, factor=0.8,
                   why="21 negative texts of 44 in 15 min, where 9.2 are usual (2.3 times as many)."),
        *life("entity:celsius", now_ms=now_ms - 5 * HOUR_MS, resolved=True, factor=0.6),
        *life("all", now_ms=now_ms - 11 * HOUR_MS, resolved=True, severity="warning", rule="market", why="The whole market turned: 212 negative texts in 60 min, where 90 are usual."),
        *life("entity:three_arrows", now_ms=now_ms - 26 * HOUR_MS, resolved=True, severity="info", rule="volume", why="41 texts in 24 h, where 6 are usual, at the usual share of negative ones."),
    ]  # fmt: skip
    for n, entity in enumerate(("voyager", "celsius", "terra", "tornado_cash")):
        steps += life(
            f"entity:{entity}", now_ms=now_ms - (60 + 20 * n) * DAY_MS, resolved=True, learning=True, page=False
        )
    return steps


def records(
    messages: list[Message], *, first: dict[tuple[str, int], int] | None = None, appended_ms: int = NOW
) -> list[Record]:
    """The records that the messages become, as in a log of their own."""
    following = dict(first or {})
    out = []
    for message in messages:
        topic = {Score: "scores", Transition: "alerts", SourceHeartbeat: "sources"}[type(message)]  # type: ignore[index]
        partition = message.origin_partition if isinstance(message, Score) else 0
        place = following.get((topic, partition), 0)
        following[topic, partition] = place + 1
        out.append(Record(topic, partition, place, appended_ms, encode(message), headers(message)))
    return out
