"""What is said becomes documents: each once, linked to the entities it names and to the story it tells.

What comes in: sources, as `sources.yaml` names them, and the watchlist. What goes out: the topic `documents`, a heartbeat
per source in `sources`, and what could not become a document in `documents.dead`, with its reason.

Promises: an item is published exactly once, through kill -9 at any time (a lease with fencing per source; cursor, ids
and end offsets of `documents` saved together; what lies beyond them is read back after a crash). Nothing is dropped or
changed in silence: each has a reason that is counted. A text, an id, a story is the same whichever process made it. In a
replay event time passes by itself, and `documents` never runs more than a set number ahead of the scorer.

Read in this order. Pure: `dates`, `normalise` (an item to a draft), `link` (entities), `cluster` (stories), `pipeline`
(the three composed), `replay` (rows of a file), `survey` (what a file promises), `schedule` (when a row is due), `batch`
(what of a batch is new), `sources_file`, `heartbeat`. Shells: `story_store` (stories in Redis), `cursor` (lease and
cursor in Redis), `documents_log` (what is on the log), `publisher`, `source` (the loop of one source), `app` (all sources
of one process).

Known gaps: a process that was frozen between its last look at the lease and its send may publish one batch twice, and
ids are remembered for three days of event time; the aggregator's claims on document ids are the second net for both.
"""
