"""What is said becomes documents: each once, linked to the entities it names and to the story it tells.

What comes in: sources, as `sources.yaml` names them, and the watchlist. What goes out: the topic `documents`, a heartbeat
per source in `sources`, and what could not become a document in `documents.dead`, with its reason.

Promises: an item is published exactly once, through kill -9 at any time (a lease with fencing per source; cursor, ids
and end offsets of `documents` saved together; what lies beyond them is read back after a crash). Nothing is dropped or
changed in silence: each has a reason that is counted. A text, an id, a story is the same whichever process made it. In a
replay event time passes by itself, and `documents` never runs more than a set number ahead of the scorer.

Read in this order. Pure: `dates`, `normalise` (an item to a draft), `link` (entities), `cluster` (stories), `pipeline`
(the three composed). Of replays: `replay` and `parquet` (rows of a file), `survey` (what a file promises), `schedule` (when a
row is due), `batch` (what of a batch is new), `heartbeat`. Of live sources: `port` (what each must be able to do), `intervals`
(when it is looked at again), `rhythm` (what it normally brings at this hour), `feed` and `json_items` (bytes to items),
`addresses` (where it may lie), `dead_items`. What `sources.yaml` says: `source_kinds`, `secret_values`, `sources_file`.

Shells: `story_store` (stories in Redis), `cursor` (lease and cursor in Redis), `documents_log` (what is on the log), `publisher`;
`source` (the loop of one replay); `fetch` (HTTP), `rss`, `http_json`, `websocket`, `push` (the live kinds), `live_sources` (made
from what the file says), `outlet` (the log as they share it), `ownership` (one live source between its lease and its last
save), `live` (when each is looked at); `app` (all sources of one process).

A new kind of live source is: a type in `source_kinds.KINDS`, a class with `poll` and `close` as `port.LiveSource` has them, and
a line in `live_sources.make`. Lease, cursor, ids, backoff, pauses, heartbeats and dead letters come with its owner.

Known gaps: a process that was frozen between its last look at the lease and its send may publish one batch twice, and ids are
remembered for a while only (`cursor`); the aggregator's claims on document ids are the second net for both. A live source that
Redis forgot altogether reads `documents` back from its beginning. The Idempotency-Keys of push are compared with their first
request in one process only; after a restart the ids that follow from a key still make each document one.
"""
