"""The watchlist as a type: which entities are watched and by what names. `watchlist.yaml` is a list of these.

Linking reads the names, the evaluator reads the session and since when an entity is watched, the desk shows the name.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.config_file import read_yaml
from contracts.errors import UserError


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
    content = read_yaml(path)
    rows = content.get("entities") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise UserError(f"{path}: expected a list of entities under `entities:`")
    entities: list[WatchedEntity] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        try:
            entity = WatchedEntity.model_validate(row)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "entry"
            name = row.get("id", "?") if isinstance(row, dict) else row
            raise UserError(f"{path}: entity {number} ({name!r}), {field}: {first['msg']}") from error
        if entity.id in seen:
            raise UserError(f"{path}: entity {number} repeats the id {entity.id!r} of entity {seen[entity.id]}")
        seen[entity.id] = number
        entities.append(entity)
    return entities
