"""One file per command of `tocsin`; `tocsin.cli` loads only the one that is run.

What comes in: options of the command line. What goes out: tables and lines for people, JSON lines with `--json`.

Each file defines `app`, a `typer.Typer(add_completion=False)` with one command, or with several
where the command has commands of its own (`tocsin topics apply`). Options that several commands share are in `options`.
"""
