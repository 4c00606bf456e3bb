"""JSON to items by JMESPath: pure. What an API or a stream calls its fields, `sources.yaml` maps to ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from contracts.errors import Rejected
from ingest.batch import Dead
from ingest.normalise import Item, item_from

RAW_MAX_BYTES = 64 * 1024


@dataclass(slots=True)
class JsonMapping:
    """How the JSON of one source is read.

    Attributes:
        source: its name.
        items: JMESPath of the list of items, or of one.
        fields: our field -> JMESPath within an item.
        where: JMESPath that is true for the items wanted; empty = all are.
    """

    source: str
    items: str
    fields: Mapping[str, str]
    kind: str
    language: str
    zone: str
    where: str = ""
    _items: Any = field(init=False)
    _fields: dict[str, Any] = field(init=False)
    _where: Any = field(init=False)

    def __post_init__(self) -> None:
        self._items = jmespath.compile(self.items)
        self._fields = {name: jmespath.compile(path) for name, path in self.fields.items()}
        self._where = jmespath.compile(self.where) if self.where else None

    def read(self, content: Any, fetched_ms: int) -> tuple[list[Item], list[Dead]]:
        """The items of an answer, and what in it cannot be one.

        Raises:
            Rejected: `malformed` when there are no items where they should be.
        """
        try:
            found = self._items.search(content)
        except JMESPathError as error:
            raise Rejected("malformed", f"items: {error}") from error
        if isinstance(found, dict):
            found = [found]
        if found is None:
            found = []
        if not isinstance(found, list):
            raise Rejected("malformed", f"items: {self.items!r} gives {type(found).__name__}, not a list")
        items: list[Item] = []
        dead: list[Dead] = []
        for one in found:
            try:
                if self._where is None or self._where.search(one):
                    items.append(self._item(one, fetched_ms))
            except (JMESPathError, Rejected) as error:
                # The mapped fields are not known, so that nothing can be masked: only what shape it had is kept.
                shape = sorted(one)[:50] if isinstance(one, dict) else type(one).__name__
                dead.append(Dead(orjson.dumps({"keys": shape}), Rejected("malformed", str(error)[:500])))
        return items, dead

    def _item(self, one: Any, fetched_ms: int) -> Item:
        if not isinstance(one, dict):
            raise Rejected("malformed", f"an item is {type(one).__name__}, not an object")
        values = {name: path.search(one) for name, path in self._fields.items()}
        values.setdefault("lang", None)
        values["lang"] = self.language or values["lang"]
        values.setdefault("kind", None)
        values["kind"] = values["kind"] or self.kind
        return item_from(values, source=self.source, fetched_ms=fetched_ms, zone=self.zone)


def text_of(value: Any) -> str:
    """A cursor as it goes into a query; empty for none."""
    if value is None or isinstance(value, (dict, list, bool)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
