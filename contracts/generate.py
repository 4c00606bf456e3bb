"""Writes the JSON Schema of every message to `schemas/`: run `python -m contracts.generate` after changing one."""

from __future__ import annotations

from pathlib import Path

import orjson

from contracts.messages import MESSAGES, Message

HERE = Path(__file__).parent


def schema_file(model: type[Message]) -> str:
    """`document-1.json` for schema `document/1`."""
    return model.SCHEMA.replace("/", "-") + ".json"


def schema(model: type[Message]) -> bytes:
    """The JSON Schema of a message, in a stable order."""
    content = model.model_json_schema() | {"$id": model.SCHEMA}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    for message in MESSAGES:
        (HERE / "schemas" / schema_file(message)).write_bytes(schema(message))
