"""Whether the board may look calm, and what it says when it may not. Pure.

1. Kafka away: nothing newer can appear; loud.
2. No source ever reported, or all of them fell silent: loud. Some of them: a warning with their names.
3. Documents that lie in the log without a score, and no score for a minute: the scorer is away; loud.
4. A source that says it stopped; a log that changed; messages that could not be read; a long way to catch up: said.
A replay that is over has nothing more to say, and that is not a silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.clock import SECOND_MS
from contracts.messages import SourceHeartbeat
from desk.feed import FeedState
from desk.figures import count, counted, percent, utc
from desk.names import speed_words
from desk.rows import Newest

SOURCE_SILENT_MS = 30 * SECOND_MS  # a source reports every second
SCORES_SILENT_MS = 60 * SECOND_MS
BEHIND = 5_000  # messages; less is a normal moment of a busy stream


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the reader of a board must know.

    Attributes:
        level: `loud` (the board cannot be trusted to be complete), `warn` or `info`.
        since_ms: since when, milliseconds UTC of the wall, or None.
    """

    level: str
    title: str
    text: str
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ReplayBanner:
    """What the page says about a replay. `progress` is a share of 1."""

    title: str
    event_ms: int
    speed: str
    progress: float
    progress_words: str
    learning: str
    learns: bool
    done: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """How the desk stands.

    Attributes:
        as_of_ms: the time that what is shown belongs to: event time in a replay, else the wall's.
        wall_ms: when it was looked at.
        newest_ms: event time of the newest document, 0 = none yet.
        summary: how many sources are alive.
    """

    as_of_ms: int
    wall_ms: int
    replay: ReplayBanner | None
    notices: tuple[Notice, ...]
    newest_ms: int
    summary: str

    @property
    def mood(self) -> str:
        """What a board without alerts means: `quiet`, `learns` (nothing could have paged yet) or `blind` (not fed)."""
        if not self.fed:
            return "blind"
        return "learns" if self.replay and self.replay.learns else "quiet"

    @property
    def fed(self) -> bool:
        """Whether a board without alerts means that nothing is wrong."""
        return all(notice.level != "loud" for notice in self.notices)


def look(sources: Sequence[SourceHeartbeat], newest: Newest, feed: FeedState, unreadable: int, wall_ms: int) -> Outlook:
    """How the desk stands at `wall_ms`."""
    banner = _banner(sources)
    live = wall_ms if feed.reachable else feed.since_ms
    notices = (
        *_feed_notices(feed, unreadable),
        *_source_notices(sources, feed, wall_ms),
        *_score_notices(sources, newest, feed, wall_ms),
    )
    return Outlook(
        as_of_ms=banner.event_ms if banner else live,
        wall_ms=wall_ms,
        replay=banner,
        notices=tuple(sorted(notices, key=lambda notice: ("loud", "warn", "info").index(notice.level))),
        newest_ms=newest.published_ms,
        summary=_summary(sources, wall_ms),
    )


def is_over(source: SourceHeartbeat) -> bool:
    """Whether it is a replay that has come to its end."""
    return source.replay is not None and source.replay.done


def is_silent(source: SourceHeartbeat, wall_ms: int) -> bool:
    """Whether a source that should report does not."""
    return not is_over(source) and wall_ms - source.at_ms > SOURCE_SILENT_MS


def _feed_notices(feed: FeedState, unreadable: int) -> list[Notice]:
    found = [Notice("warn", "The log changed", warning) for warning in feed.warnings]
    if not feed.reachable:
        text = f"Nothing newer can appear on this page until Kafka is back ({feed.reason[:200]})."
        found.append(Notice("loud", "Kafka cannot be read", text, feed.since_ms))
    elif feed.behind > BEHIND:
        found.append(Notice("info", "Catching up", f"{count(feed.behind)} messages are still to be read."))
    if unreadable:
        text = f"{counted(unreadable, 'message', 'messages')} broke the schema and could not be shown; see tocsin dead-letters."
        found.append(Notice("warn", "Unreadable messages", text))
    return found


def _source_notices(sources: Sequence[SourceHeartbeat], feed: FeedState, wall_ms: int) -> list[Notice]:
    if not feed.reachable:
        return []  # what sources said cannot be heard
    if not sources:
        return [
            Notice(
                "loud",
                "Nothing comes in",
                "No source has ever reported: ingest is not running, or has no sources.",
                feed.since_ms,
            )
        ]
    silent = [source for source in sources if is_silent(source, wall_ms)]
    if silent and all(is_over(source) or source in silent for source in sources):
        text = "No source reports any more: ingest is away. A board without alerts means nothing now."
        return [Notice("loud", "Nothing comes in", text, max(source.at_ms for source in silent))]
    found = []
    if silent:
        names = ", ".join(source.source for source in silent)
        found.append(
            Notice("warn", "Silent sources", f"{names}: no sign of life.", min(source.at_ms for source in silent))
        )
    stopped = [source for source in sources if not source.alive and not is_over(source) and source not in silent]
    if stopped:
        names = ", ".join(source.source for source in stopped)
        found.append(Notice("warn", "Stopped sources", f"{names}: reachable no more, or delivering nothing."))
    return found


def _score_notices(sources: Sequence[SourceHeartbeat], newest: Newest, feed: FeedState, wall_ms: int) -> list[Notice]:
    waiting = sum(max(0, end - newest.origins.get(partition, 0)) for partition, end in _ends(sources).items())
    if not feed.reachable or not waiting or wall_ms - newest.appended_ms <= SCORES_SILENT_MS:
        return []
    text = f"{counted(waiting, 'document waits', 'documents wait')} for the model: the scorer is away."
    return [Notice("loud", "Nothing is scored", text, newest.appended_ms or None)]


def _ends(sources: Sequence[SourceHeartbeat]) -> dict[int, int]:
    ends: dict[int, int] = {}
    for source in sources:
        for partition, end in source.ends.items():
            ends[partition] = max(end, ends.get(partition, 0))
    return ends


def _banner(sources: Sequence[SourceHeartbeat]) -> ReplayBanner | None:
    replayed = [(source, source.replay) for source in sources if source.replay is not None]
    if not replayed:
        return None
    source, replay = max(replayed, key=lambda pair: max(pair[0].event_ms, pair[0].newest_ms))
    event_ms = max(source.event_ms, source.newest_ms)
    done = all(one.done for _, one in replayed)
    length = max(1, replay.end_ms - replay.start_ms)
    progress = replay.rows_done / replay.rows if replay.rows else (event_ms - replay.start_ms) / length
    progress = 1.0 if done else min(max(progress, 0.0), 1.0)
    rows = f" of {count(replay.rows)} documents" if replay.rows else ""
    learning = ""
    if replay.learn_until_ms:
        learning = (
            f"It only learns until {utc(replay.learn_until_ms)}: nothing pages before."
            if event_ms < replay.learn_until_ms
            else f"It learned until {utc(replay.learn_until_ms)}; since then alerts page."
        )
    return ReplayBanner(
        title="The replay is over" if done else "This is a replay",
        event_ms=event_ms,
        speed=speed_words(replay),
        progress=progress,
        progress_words=f"{percent(progress)}{rows}",
        learning=learning,
        learns=event_ms < replay.learn_until_ms,
        done=done,
    )


def _summary(sources: Sequence[SourceHeartbeat], wall_ms: int) -> str:
    alive = sum(1 for source in sources if source.alive and not is_silent(source, wall_ms) and not is_over(source))
    over = sum(1 for source in sources if is_over(source))
    return counted(alive, "source alive", "sources alive") if alive or not over else "The replay is over"
