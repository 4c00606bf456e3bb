"""The page where alerts are read: a live board, the evidence behind each alert, and the read API.

What comes in: the topics `alerts`, `scores` and `sources`. What goes out: pages, a stream of events to browsers, JSON.

Promises: the database is a projection; it can be killed at any moment and rebuilt from the log. A board that is not fed
says so and since when. Nothing is shown without its source: every number leads to the documents behind it. Text from the
open web is never markup, and no page loads anything from elsewhere.

Read in this order: `projection` (messages to rows), `store`, `queries`, `rows`, `schema` and `database` (what is kept),
`feed` and `kafka_feed` (the only module that talks to Kafka), `notices` (whether the board may look calm), `board`, `evidence`
and `documents` (what the pages show), `names`, `figures`, `charts` and `markup` (words, numbers, pictures, safe text), `hub`
and `live` (how news reaches the browsers), `headers`, `api`, `app` and `server` (the shell), `rebuild`. There is no login
yet, so the desk serves this machine only.
"""
