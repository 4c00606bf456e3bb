"""`sources.yaml` read: which sources there are, each as the type of its kind (`source_kinds`), or one clear line.

sources:
  - name: fed-press
    kind: rss
    url: https://www.federalreserve.gov/feeds/press_all.xml
  - catalogue: ecb-press
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from contracts.config_file import read_yaml
from contracts.errors import UserError
from ingest.source_kinds import KINDS, ReplaySource, SourceSpec

_FILE_FORMS = {"missing": "is missing", "extra_forbidden": "is no setting of this kind of source"}
_ABOUT = ("terms", "about")  # what the catalogue says beside what a source needs


def read_sources(path: Path) -> list[SourceSpec]:
    """The sources of a `sources.yaml`.

    Raises:
        UserError: naming the file, the entry, the field and what to do.
    """
    content = read_yaml(path)
    rows = content.get("sources") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise UserError(f"{path}: expected a list under `sources:`")
    sources: list[SourceSpec] = []
    for number, row in enumerate(rows, 1):
        source = _entry(path, number, row)
        if source.name in (other.name for other in sources):
            raise UserError(f"{path}: source {number} repeats the name {source.name!r}; a name belongs to one source")
        if isinstance(source, ReplaySource):
            source = source.model_copy(update={"path": (path.parent / source.path).resolve()})
        sources.append(source)
    return sources


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[str, Any]]:
    """The ready public sources by name: what `sources.yaml` would say of them, with `about` and `terms`."""
    rows = yaml.safe_load(resources.files("ingest").joinpath("catalogue.yaml").read_text(encoding="utf-8"))
    return {row["name"]: row for row in rows}


def _entry(path: Path, number: int, row: Any) -> SourceSpec:
    if not isinstance(row, dict):
        raise UserError(f"{path}: source {number} is {row!r}; write `- name: ...` with its settings below")
    where = f"{path}: source {number} ({row.get('name', row.get('catalogue', 'without a name'))!r})"
    if "catalogue" in row:
        row = _from_catalogue(where, row)
    kind = row.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise UserError(f"{where}, kind: {kind!r} is not known; the kinds are: {', '.join(KINDS)}")
    try:
        return model.model_validate(row)
    except ValidationError as error:
        raise UserError(f"{where}, {said(error)}") from error


def said(error: ValidationError) -> str:
    """The first mistake of an entry: its field, and why."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "entry"
    return f"{field}: {_FILE_FORMS.get(first['type'], first['msg'].removeprefix('Value error, '))}"


def _from_catalogue(where: str, row: dict[str, Any]) -> dict[str, Any]:
    name = row["catalogue"]
    ready = catalogue().get(name) if isinstance(name, str) else None
    if ready is None:
        raise UserError(f"{where}, catalogue: there is no {name!r}; `tocsin sources list --catalogue` shows the names")
    own = {key: value for key, value in row.items() if key != "catalogue"}
    return {key: value for key, value in ready.items() if key not in _ABOUT} | own


def live(sources: Sequence[SourceSpec]) -> list[SourceSpec]:
    """Those that are not replayed."""
    return [source for source in sources if not isinstance(source, ReplaySource)]
