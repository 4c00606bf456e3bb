"""The command `tocsin` and nothing else: composition roots, the local stack, doctor, demo.

What comes in: a command line, four files that `tocsin init` writes, the environment (`TOCSIN_...`). What goes out:
running processes, tables for people, JSON lines for programs.

Promises: a mistake on the command line or in a file is one line and exit code 2, never a traceback; anything
unexpected is a traceback and never swallowed; `tocsin --help` loads neither Kafka nor a model.

Read in this order: `cli` (the commands), `run` (one process per stage: what is built from what), `stack` (Kafka,
Redis and the stages on one machine), `commands` (one file per command).
"""
