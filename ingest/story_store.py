"""The story index in Redis, shared by all ingest processes: `cluster`'s law in one atomic script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

from ingest.cluster import BUCKET_MS, KEPT_MS, SLOT_STORIES, WINDOW_MS, Place, Sighting
from stream.scripts import Script
from text.story import BAND_BYTES, BODY_PAIRS_MIN, OPPOSITES, PENALTY, SAME, SAME_BODY, SUBJECT, WEIGHTS

# The constants of `text.story.likeness`, in the script's order.
_LIKENESS = (SAME, SAME_BODY, PENALTY, SUBJECT, BODY_PAIRS_MIN, *WEIGHTS, b"".join(up + down for up, down in OPPOSITES))
_FIND_OR_CREATE = Script("ingest.lua", "find_or_create_story")


@dataclass(frozen=True, slots=True)
class RedisStoryIndex:
    """Finds the stories of documents, or creates them. Running it again with the same documents changes nothing."""

    redis: Redis

    def place(self, sightings: Sequence[Sighting]) -> list[Place]:
        """The places of documents, in order, in one round trip."""
        if not sightings:
            return []
        arguments: list[bytes | str | int] = [WINDOW_MS, KEPT_MS, BUCKET_MS, SLOT_STORIES, BAND_BYTES, *_LIKENESS]
        for sighting in sightings:
            telling = sighting.telling
            arguments += [
                bytes.fromhex(sighting.document),
                sighting.lang,
                sighting.event_ms,
                telling.features if telling else b"",
                b"".join(telling.bands) if telling else b"",
            ]
        answers = _FIND_OR_CREATE.run(self.redis, *arguments)
        return [Place(bytes(story).hex(), int(position), repeat=bool(again)) for story, position, again in answers]
