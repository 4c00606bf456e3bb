"""The watchlist as a type: which entities are watched and by what names. `watchlist.yaml` is a list of these.

Linking reads the names, the evaluator reads the session and since when an entity is watched, the desk shows the name.
`include: [world]` adds the large watchlist that ships with Tocsin (`contracts/watchlists/`), `include: [other.yaml]` a file
beside; where two have the same id, the file that includes wins. `@company` among near words stands for a list of
`word_lists`, of the file itself or of one that it includes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.config_file import read_yaml
from contracts.errors import UserError

_FIELDS = frozenset({"include", "word_lists", "entities"})


class WatchedEntity(BaseModel):
    """One company, instrument or institution.

    Attributes:
        tickers: found as written; `$ALL`, with the sign, only as a cashtag or with its exchange; codes of Chinese and
            Hong Kong exchanges with their market (600519.SH, 0700.HK).
        products: products and brands that stand for it.
        parent: id of the entity that owns it; mentioned with it, at half the relevance.
        ambiguous: the names that are also common words; all of them where only near or not_near is given.
        near: at least one of these words must stand near an ambiguous name for it to count.
        not_near: none of these words may stand near it.
        session: the market session whose season it follows; its group.
        since_ms: since when it is watched, milliseconds UTC; None = since the evaluator first ran.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    name: str = Field(min_length=1)
    tickers: list[str] = Field(default_factory=list)
    aliases: list[str] = Field(default_factory=list)
    products: list[str] = Field(default_factory=list)
    parent: str | None = None
    ambiguous: list[str] = Field(default_factory=list)
    near: list[str] = Field(default_factory=list)
    not_near: list[str] = Field(default_factory=list)
    session: str = "global"
    since_ms: int | None = None


def read_watchlist(path: Path) -> list[WatchedEntity]:
    """The entities of a `watchlist.yaml`: a top-level list, or a mapping with the list under `entities`.

    Raises:
        UserError: naming the file, the entry and what to do.
    """
    entities = _read(path, ())[0]
    for entity in entities.values():
        if entity.parent is not None and entity.parent not in entities:
            raise UserError(f"{path}: the parent {entity.parent!r} of {entity.id!r} is not on the watchlist")
    return list(entities.values())


def watchlist_version(entities: Sequence[WatchedEntity]) -> str:
    """12 hexadecimal digits that change when anything on the watchlist does; its order does not matter."""
    lines = sorted(entity.model_dump_json() for entity in entities)
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=6).hexdigest()


def watchlist_files(path: Path) -> list[Path]:
    """The file and those that it includes: what to look at for changes."""
    return _read(path, ())[2]


def shipped_watchlists() -> dict[str, Path]:
    """The watchlists that come with Tocsin, by the name to include them by."""
    folder = Path(str(resources.files("contracts").joinpath("watchlists")))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def _read(path: Path, above: tuple[Path, ...]) -> tuple[dict[str, WatchedEntity], dict[str, list[str]], list[Path]]:
    """Entities by id, word lists, and the files that were read."""
    content = read_yaml(path)
    if path.resolve() in above:
        raise UserError(f"{path}: includes itself, by way of {above[-1].name}")
    top: dict[str, Any] = content if isinstance(content, dict) else {"entities": content}
    unknown = top.keys() - _FIELDS
    if unknown:
        raise UserError(f"{path}: {', '.join(sorted(map(str, unknown)))}: known are {', '.join(sorted(_FIELDS))}")
    entities: dict[str, WatchedEntity] = {}
    words: dict[str, list[str]] = {}
    files = [path]
    for name in _names(path, top.get("include") or []):
        file = shipped_watchlists().get(name) or path.parent / name
        if not file.exists():
            known = ", ".join(shipped_watchlists())
            raise UserError(
                f"{path}: include {name!r}: no such file, and no such watchlist comes with Tocsin ({known})"
            )
        more, more_words, more_files = _read(file, (*above, path.resolve()))
        entities |= more
        words |= more_words
        files += more_files
    for name, listed in (top.get("word_lists") or {}).items():
        words[name] = _names(path, listed)
    rows = top.get("entities", [] if "include" in top else None)
    if not isinstance(rows, list):
        raise UserError(f"{path}: expected a list of entities under `entities:`")
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        entity = _entity(path, number, row, words)
        if entity.id in seen:
            raise UserError(f"{path}: entity {number} repeats the id {entity.id!r} of entity {seen[entity.id]}")
        seen[entity.id] = number
        entities[entity.id] = entity
    return entities, words, files


def _names(path: Path, listed: object) -> list[str]:
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise UserError(f"{path}: {listed!r}: expected a list of words")
    return listed


def _entity(path: Path, number: int, row: object, words: dict[str, list[str]]) -> WatchedEntity:
    try:
        entity = WatchedEntity.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "entry"
        name = row.get("id", "?") if isinstance(row, dict) else row
        raise UserError(f"{path}: entity {number} ({name!r}), {field}: {first['msg']}") from error
    stray = set(entity.ambiguous) - {entity.name, *entity.aliases, *entity.products}
    if stray:
        raise UserError(
            f"{path}: entity {number} ({entity.id!r}), ambiguous: {', '.join(sorted(stray))} is none of its names"
        )
    lists: dict[str, list[str]] = {}
    for field, listed in (("near", entity.near), ("not_near", entity.not_near)):
        unknown = [word for word in listed if word.startswith("@") and word[1:] not in words]
        if unknown:
            raise UserError(
                f"{path}: entity {number} ({entity.id!r}), {field}: there is no word list {unknown[0][1:]!r}"
            )
        lists[field] = [one for word in listed for one in (words[word[1:]] if word.startswith("@") else [word])]
    return entity.model_copy(update=lists)
