"""The words of Tocsin as types. Imports nothing of ours; every stage imports this.

What comes in: nothing. What goes out: message models, topic specifications, settings, metrics, clocks and errors.

Promises: a field of a message is only ever added with a default; anything else is a new schema version, and the JSON
Schema and golden example of every version are committed beside this file (`schemas/`, `examples/`).

Read in this order: `messages` (what flows), `evidence` (what an alert carries), `series` (what is counted),
`topics` (where it flows and how long it is kept), `codec` (how it looks on the wire), `settings`, `watchlist`,
`metrics`, `clock`, `errors`.
"""
