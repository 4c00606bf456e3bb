"""Writes what is derived from the contracts: run `python -m contracts.generate` after changing a message or a metric.

`schemas/` has the JSON Schema of every message, `deploy/METRICS.md` the list of all metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
from prometheus_client.metrics import MetricWrapperBase

from contracts import metrics
from contracts.messages import MESSAGES, Message

HERE = Path(__file__).parent


def schema_file(model: type[Message]) -> str:
    """`document-1.json` for schema `document/1`."""
    return model.SCHEMA.replace("/", "-") + ".json"


def schema(model: type[Message]) -> bytes:
    """The JSON Schema of a message, in a stable order."""
    content = model.model_json_schema() | {"$id": model.SCHEMA}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def declared() -> Iterator[MetricWrapperBase]:
    """Every metric of `contracts/metrics.py`, in its order."""
    return (value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase))


def metrics_list() -> str:
    """All metrics as a Markdown table."""
    rows = [
        "# Metrics",
        "",
        "Every process serves its own at `/metrics`; Prometheus adds `instance` and `job`.",
        "This file is written by `python -m contracts.generate`.",
        "",
        "| metric | type | labels | what |",
        "|---|---|---|---|",
    ]
    for metric in declared():
        described = next(iter(metric.describe()))
        name = f"{described.name}_total" if described.type == "counter" else described.name
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 - the library offers no other way
        rows.append(f"| `{name}` | {described.type} | {labels} | {described.documentation} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    (HERE.parent / "deploy" / "METRICS.md").write_text(metrics_list(), encoding="utf-8")
    for message in MESSAGES:
        (HERE / "schemas" / schema_file(message)).write_bytes(schema(message))
