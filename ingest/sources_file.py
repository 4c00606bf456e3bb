"""`sources.yaml` as a type: which sources there are, and what each needs.

sources:
  - name: crypto-2022
    kind: replay
    path: streams/crypto_2022_en_3src.csv.gz
    map: {time: ts, source: source, title: title}
    speed: 3600
    phases: [{until: 2022-11-05T00:00:00Z, speed: 0}]
    learn_until: 2022-11-05T00:00:00Z
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from contracts.config_file import read_yaml
from contracts.errors import UserError
from ingest.dates import parse_time_ms
from ingest.replay import FIELDS
from ingest.schedule import Phase, Schedule

KINDS = ("replay",)
_FILE_FORMS = {"missing": "is missing", "extra_forbidden": "is no setting of this kind of source"}


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PhaseEntry(_Entry):
    """A part of a replay: until when (event time), and how fast."""

    until: int
    speed: float = Field(ge=0.0, allow_inf_nan=False)

    @field_validator("until", mode="before")
    @classmethod
    def _time(cls, value: object) -> int:
        return _time_ms(value)


class ReplaySource(_Entry):
    """A file of history, published in event time.

    Attributes:
        path: CSV or JSONL, gzipped or not; relative to the folder of `sources.yaml`.
        map: our field -> the file's column.
        speed: event seconds per wall second; 0 = as fast as it goes.
        phases: speeds of the parts before.
        learn_until: nothing before this event time pages anyone; milliseconds, 0 = everything may.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    kind: Literal["replay"]
    path: Path
    map: dict[str, str]
    speed: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    phases: list[PhaseEntry] = Field(default_factory=list)
    learn_until: int = 0

    @field_validator("learn_until", mode="before")
    @classmethod
    def _time(cls, value: object) -> int:
        return 0 if value in (None, 0) else _time_ms(value)

    @field_validator("map")
    @classmethod
    def _fields(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - set(FIELDS))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no field of a document; the fields are {', '.join(FIELDS)}")
        if "time" not in value or not {"title", "body"} & set(value):
            raise ValueError("needs `time`, and `title` or `body`")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> ReplaySource:
        self.schedule(0)
        return self

    def schedule(self, start_ms: int) -> Schedule:
        """The pace of the replay, given the event time of its first row."""
        return Schedule(start_ms, self.speed, tuple(Phase(entry.until, entry.speed) for entry in self.phases))


def read_sources(path: Path) -> list[ReplaySource]:
    """The sources of a `sources.yaml`.

    Raises:
        UserError: naming the file, the entry, the field and what to do.
    """
    content = read_yaml(path)
    rows = content.get("sources") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise UserError(f"{path}: expected a list under `sources:`")
    sources: list[ReplaySource] = []
    for number, row in enumerate(rows, 1):
        source = _entry(path, number, row)
        if source.name in (other.name for other in sources):
            raise UserError(f"{path}: source {number} repeats the name {source.name!r}; a name belongs to one source")
        sources.append(source.model_copy(update={"path": (path.parent / source.path).resolve()}))
    return sources


def _entry(path: Path, number: int, row: Any) -> ReplaySource:
    if not isinstance(row, dict):
        raise UserError(f"{path}: source {number} is {row!r}; write `- name: ...` with its settings below")
    where = f"{path}: source {number} ({row.get('name', 'without a name')!r})"
    kind = row.get("kind")
    if kind not in KINDS:
        raise UserError(f"{where}, kind: {kind!r} is not known; the kinds are: {', '.join(KINDS)}")
    try:
        return ReplaySource.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "entry"
        why = _FILE_FORMS.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise UserError(f"{where}, {field}: {why}") from error


def _time_ms(value: object) -> int:
    when = parse_time_ms(value)
    if when is None:
        raise ValueError(f"{value!r} is no time; write one like 2022-11-05T00:00:00Z")
    return when
