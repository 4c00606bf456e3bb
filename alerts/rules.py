"""`rules.yaml` as a type: when the bell rings, and how soon it stops.

A rule opens at a score S (see alerts/detector.py: 1 more means ten times less likely to be chance), closes at a lower
one, and asks for a minimum of evidence, below which no statistics help.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.errors import UserError
from contracts.messages import Rule
from contracts.series import entity_of, topic_of

HOUR = 60
OWN = ("entities", "topics")


class RuleSettings(BaseModel):
    """One rule.

    Attributes:
        enabled: whether it rings at all.
        open: S at which an alert of a window of up to an hour opens.
        open_slow: S at which one of 6 or 24 hours opens; such windows are only looked at on series about which little is
            written, and rarely.
        close: S below which an open alert is quiet.
        minimum: fewest distinct texts that may ring: negative ones for `negative`, all for `volume`, copies for `viral`.
        hold_s: between `open` and `open` + 1 an alert waits this long for one more text (longer for long windows).
        quiet_minutes: an alert resolves after this long without S of at least `close`, counted while data comes in.
        minimum_open_minutes: and never sooner than this after it fired.
        cooldown_minutes: after an alert the series stays silent this long, unless it gets much worse.
        worse: how much S must rise to be told again, or to break the silence after an alert.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    enabled: bool = True
    open: float = Field(default=9.5, ge=1.0, le=300.0)
    open_slow: float = Field(default=8.0, ge=1.0, le=300.0)
    close: float = Field(default=6.0, ge=0.0, le=300.0)
    minimum: int = Field(default=4, ge=1)
    hold_s: int = Field(default=120, ge=0, le=3600)
    quiet_minutes: int = Field(default=30, ge=1, le=1440)
    minimum_open_minutes: int = Field(default=30, ge=0, le=1440)
    cooldown_minutes: int = Field(default=60, ge=0, le=10080)
    worse: float = Field(default=3.0, gt=0.0)

    @model_validator(mode="after")
    def _closes_below_where_it_opens(self) -> RuleSettings:
        lowest = min(self.open, self.open_slow)
        if self.close >= lowest:
            raise ValueError(f"close ({self.close}) must lie below open and open_slow ({lowest}), or alerts flap")
        return self

    def open_at(self, minutes: int) -> float:
        """S at which a window of this span opens an alert."""
        return self.open if minutes <= HOUR else self.open_slow


class Tuning(BaseModel):
    """What one entity or topic has of its own.

    Attributes:
        enabled: whether anything rings for it.
        sensitivity: by how much lower an S rings for it; one more rings ten times as often by chance.
        minimum: fewest distinct texts that may ring, in place of each rule's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    enabled: bool = True
    sensitivity: float = Field(default=0.0, ge=-10.0, le=5.0)
    minimum: int | None = Field(default=None, ge=1)


class Rules(BaseModel):
    """All rules that look at single series, and what single entities and topics have of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    negative: RuleSettings = RuleSettings()
    volume: RuleSettings = RuleSettings(open=12.0, open_slow=12.0, close=8.0, minimum=8)
    viral: RuleSettings = RuleSettings(open=12.0, open_slow=12.0, close=8.0, minimum=20)
    entities: dict[str, Tuning] = {}
    topics: dict[str, Tuning] = {}

    def of(self, series: str) -> dict[Rule, RuleSettings]:
        """The rules as they hold for a series: an entity's topic is tuned as both are, the larger minimum holds."""
        found: dict[Rule, RuleSettings] = {"negative": self.negative, "volume": self.volume, "viral": self.viral}
        for name, tunings in ((entity_of(series), self.entities), (topic_of(series), self.topics)):
            tuning = tunings.get(name) if name is not None else None
            if tuning is not None:
                found = {rule: tuned(settings, tuning) for rule, settings in found.items()}
        return found

    @property
    def least(self) -> tuple[int, int, int]:
        """Fewest distinct texts, negative ones and copies with which any rule may ring for anything."""
        own = [one.minimum for one in (*self.entities.values(), *self.topics.values()) if one.minimum is not None]
        return (
            min(self.volume.minimum, *own, self.volume.minimum),
            min(self.negative.minimum, *own, self.negative.minimum),
            min(self.viral.minimum, *own, self.viral.minimum),
        )


def tuned(settings: RuleSettings, tuning: Tuning) -> RuleSettings:
    """A rule as it holds for an entity or a topic."""
    opens = max(1.0, settings.open - tuning.sensitivity)
    slow = max(1.0, settings.open_slow - tuning.sensitivity)
    return settings.model_copy(
        update={
            "enabled": settings.enabled and tuning.enabled,
            "open": opens,
            "open_slow": slow,
            "close": min(settings.close, min(opens, slow) - 0.5),
            "minimum": settings.minimum if tuning.minimum is None else tuning.minimum,
        }
    )


def opens_text(rules: Rules) -> str:
    """Where each rule opens, in a line: `negative opens at S 9.1 (slow windows 7.6), volume ...`."""
    return ", ".join(
        f"{name} opens at S {settings.open:.2f} (slow windows {settings.open_slow:.2f})"
        for name, settings in (("negative", rules.negative), ("volume", rules.volume), ("viral", rules.viral))
        if settings.enabled
    )


def read_rules(path: Path) -> Rules:
    """The rules of a `rules.yaml`; what it leaves out keeps its default, an empty file is all defaults.

    Raises:
        UserError: naming the file, the line and what to do.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; `tocsin init` writes one") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise UserError(f"{path}{line}: not YAML: {problem}; check indentation and colons") from error
    if content is None:
        return Rules()
    if not isinstance(content, dict):
        raise UserError(f"{path}:1: expected rules by name, such as `negative:`, found {type(content).__name__}")
    defaults = Rules()
    for name in Rules.model_fields:
        if name not in OWN and isinstance(content.get(name), dict):
            content[name] = getattr(defaults, name).model_dump() | content[name]
    try:
        return Rules.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = [str(part) for part in first["loc"]]
        at = _line_of(text, place)
        raise UserError(
            f"{path}:{at}: {'.'.join(place) or 'rules'}: {_remedy(first['type'], first['msg'], place)}"
        ) from error


def _remedy(kind: str, message: str, place: list[str]) -> str:
    if kind == "extra_forbidden":
        known = (
            Rules.model_fields
            if len(place) == 1
            else Tuning.model_fields
            if place[0] in OWN
            else RuleSettings.model_fields
        )
        return f"there is no such field; take it out, or use one of {', '.join(known)}"
    return message.removeprefix("Value error, ")


def _line_of(text: str, place: list[str]) -> int:
    """The line on which a key stands, 1 if it cannot be found."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for part in place:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == part:
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line
