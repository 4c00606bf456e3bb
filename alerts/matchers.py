"""Matchers over an alert's labels, with Alertmanager's syntax and meaning: `severity="critical"`, `entity=~"ftx|alameda.*"`.

Operators are `=`, `!=`, `=~` and `!~`; regular expressions match the whole value; a label that an alert does not have is the
empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.messages import Transition
from contracts.series import entity_of, topic_of

Labels = Mapping[str, str]
NAMES = ("alert", "entity", "topic", "series", "rule", "severity", "group", "state")
_MATCHER = re.compile(r'^\s*([a-z_]+)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s=~!][^"\s]*))\s*$')


def labels_of(transition: Transition) -> dict[str, str]:
    """What matchers see of an alert. A pair has both entity and topic."""
    return {
        "alert": transition.alert,
        "entity": entity_of(transition.series) or "",
        "topic": topic_of(transition.series) or "",
        "series": transition.series,
        "rule": transition.rule,
        "severity": transition.severity,
        "group": transition.group,
        "state": transition.state,
    }


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label."""

    name: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """A matcher from its text.

        Raises:
            ValueError: the text is no matcher, names no label that alerts have, or its expression does not compile.
        """
        found = _MATCHER.match(text)
        if not found:
            raise ValueError(f'{text!r} is no matcher; write it like severity="critical" or entity=~"ftx|alameda"')
        name, operator, quoted, bare = found.groups()
        if name not in NAMES:
            raise ValueError(f"alerts have no label {name!r}; they have {', '.join(NAMES)}")
        value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted) if operator in ("=", "!=") else quoted
        if operator in ("=~", "!~"):
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"{text!r}: the expression does not compile: {error}") from error
        return cls(name, operator, value)

    def matches(self, labels: Labels) -> bool:
        """Whether labels meet it."""
        have = labels.get(self.name, "")
        equal = have == self.value if self.operator in ("=", "!=") else re.fullmatch(self.value, have) is not None
        return equal is (self.operator in ("=", "=~"))

    def __str__(self) -> str:
        return f'{self.name}{self.operator}"{self.value}"'


def all_match(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether every matcher is met; no matchers match everything."""
    return all(matcher.matches(labels) for matcher in matchers)
