"""The keys that alerts keep in Redis. `{series}` is a series' name.

| key | holds | written by |
|---|---|---|
| `pos`, `mark` | hashes by partition: next offset of `scores`, last origin counted | `lua/count.lua` |
| `seen`, `appended` | hashes by partition: visible time and append time reached, ms | `lua/count.lua` |
| `claim:{document}` | origin of a counted document, for an hour | `lua/count.lua` |
| `t:{series}` | tail: packed entries not evaluated yet | `lua/count.lua`, `lua/commit.lua` |
| `dirty` | hash: series -> version, raised with every count | `lua/count.lua`, `lua/commit.lua` |
| `n:{series}`, `o:{series}` | references to negative and other documents of the last day | `lua/count.lua` |
| `w:{series}` | windows, baseline and alert of a series, packed (alerts/evaluation.py) | `lua/commit.lua` |
| `book`, `evaluated` | what the evaluator keeps for all series; event time it has reached, seconds | `lua/commit.lua` |
| `unsent` | hash: transitions that are durable here and not yet in the topic `alerts` | `lua/commit.lua` |
| `lease:evaluator`, `epoch:evaluator` | who leads, and the fencing epoch | `stream/lua` |
| `a:{series}` | hash: counts per minute, only with the setting `aggregator.audit` | `lua/count.lua` |
| `generation` | hash: topic -> id and partition count that all this belongs to | `alerts/installation.py` |
"""

from __future__ import annotations

POSITION, MARK, SEEN, APPENDED = "pos", "mark", "seen", "appended"
DIRTY, BOOK, EVALUATED, UNSENT, GENERATION = "dirty", "book", "evaluated", "unsent", "generation"
LEASE = "evaluator"


def tail(series: str) -> str:
    """Entries not evaluated yet."""
    return f"t:{series}"


def state(series: str) -> str:
    """Windows, baseline and alert."""
    return f"w:{series}"


def negatives(series: str) -> str:
    """References to negative documents."""
    return f"n:{series}"


def others(series: str) -> str:
    """References to documents that are not negative."""
    return f"o:{series}"
