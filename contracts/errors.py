"""Errors carry policy by type: what to do with a failure is decided by its class, never by its text.

| class | policy |
|---|---|
| `UserError` | a mistake on the command line or in a file the user wrote: one clear line, exit code 2, no traceback |
| `Rejected` | this one message is bad: dead letters with the reason, the stream goes on |
| `Unavailable` | a Kafka, Redis or sink that is merely away: wait and retry the same work |
| `Inconsistent` | the log and the state contradict each other: the process stops and says what to do |
| anything else | a bug: the process crashes loudly and its supervisor restarts it |
"""

from __future__ import annotations


class TocsinError(Exception):
    """Base of every error that Tocsin raises on purpose."""


class UserError(TocsinError):
    """A mistake in a command line or a file of the user's. The message says what, where and what to do."""


class Rejected(TocsinError):
    """A message that cannot be used.

    Attributes:
        reason: one of a small set of words, fit for a metric label (`undecodable`, `schema`, `too_large`, ...).
        detail: the sentence for the person who reads the dead letter.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Unavailable(TocsinError):
    """A service that does not answer now and is expected to answer later."""


class Inconsistent(TocsinError):
    """State that contradicts its log: a gap, a mark ahead of the log, another generation of a topic."""


class Rewind(TocsinError):
    """Redis went back behind what this process has read: start again from the position in Redis."""


class Fenced(TocsinError):
    """Another process took over the lease of this one. Whoever sees this stops writing at once."""
