"""Pure functions on text, a leaf: imports nothing of ours.

What comes in: strings as a source gave them. What goes out: clean strings, a language, a signature.

Promises: every function is pure; `clean`, `one_line` and `canonical_url` change nothing when applied a second time;
signatures depend on the text alone, so two processes on two machines agree.

Read in this order: `normalise` (what a text looks like everywhere after ingest), `language`, `similarity` (when two
texts tell one story).
"""
