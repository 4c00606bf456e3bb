"""Dead letters keep what is needed to see why and to try again; too many of them stop the stage."""

from __future__ import annotations

import base64
import hashlib

from contracts.errors import Rejected
from stream.dead_letters import KEPT_BYTES, DeadLetterLimit, dead_letter
from stream.records import Record


def test_a_dead_letter_keeps_the_beginning_and_the_whole_size_and_digest() -> None:
    value = b"x" * (KEPT_BYTES + 1)
    letter = dead_letter("documents", Record(3, 9, b"key", value), "scorer", Rejected("schema", "title: missing"), 77)
    assert base64.b64decode(letter.value) == value[:KEPT_BYTES]
    assert (letter.size, letter.sha256) == (len(value), hashlib.sha256(value).hexdigest())
    assert (letter.topic, letter.partition, letter.offset) == ("documents", 3, 9)
    assert (letter.stage, letter.reason, letter.detail, letter.at_ms) == ("scorer", "schema", "title: missing", 77)
    assert base64.b64decode(letter.key or "") == b"key"


def test_a_null_key_and_value_have_a_dead_letter_too() -> None:
    letter = dead_letter("documents", Record(0, 0, None, None), "scorer", Rejected("empty_value"), 0)
    assert letter.key is None
    assert letter.size == 0


def test_the_limit_needs_a_full_window_and_looks_at_the_last_messages_only() -> None:
    limit = DeadLetterLimit(ratio=0.5, window=4)
    for _ in range(3):
        limit.add(dead=True)
    assert not limit.exceeded
    limit.add(dead=False)
    assert limit.exceeded
    limit.add(dead=False)
    assert not limit.exceeded, "two of the last four"
