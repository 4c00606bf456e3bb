"""Every metric is declared once, named by the field's rules, and explained."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from contracts import metrics
from contracts.generate import metrics_list

DECLARED = {name: value for name, value in vars(metrics).items() if isinstance(value, MetricWrapperBase)}
UNBOUNDED = {"document", "id", "alert", "series", "title", "url", "author"}


def test_every_metric_is_ours_and_explained() -> None:
    assert DECLARED
    for metric in DECLARED.values():
        described = next(iter(metric.describe()))
        assert described.name.startswith("tocsin_")
        assert described.documentation.endswith(".")


def test_no_label_can_grow_without_bound() -> None:
    for metric in DECLARED.values():
        assert not UNBOUNDED & set(metric._labelnames)


def test_units_are_in_the_names() -> None:
    for metric in DECLARED.values():
        name = next(iter(metric.describe())).name
        if isinstance(metric, Histogram):
            assert name.endswith(("_seconds", "_messages", "_bytes")), name
        elif isinstance(metric, Gauge):
            assert not name.endswith("_total"), name
        else:
            assert isinstance(metric, Counter)


def test_the_list_of_metrics_is_what_the_code_declares() -> None:
    written = (Path(__file__).parents[2] / "deploy" / "METRICS.md").read_text(encoding="utf-8")
    assert written == metrics_list(), "run `python -m contracts.generate`"
