"""The Prometheus rules: they parse, they ring where they must, and all they name exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import yaml

from contracts.generate import declared

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "tocsin.rules.yaml"
CASES = Path(__file__).parent / "rules_test.yaml"


def rules() -> list[dict[str, object]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promtool(*words: str | Path) -> None:
    program = shutil.which("promtool")
    assert program, "promtool is missing: run `make test`, which installs Debian's prometheus"
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_rules_and_they_ring_where_they_must() -> None:
    promtool("check", "rules", RULES)
    promtool("test", "rules", CASES)


def test_every_rule_has_a_case_and_a_runbook() -> None:
    tried = {case["alertname"] for test in yaml.safe_load(CASES.read_text())["tests"]
             for case in test["alert_rule_test"] if case["exp_alerts"]}  # fmt: skip
    names = {str(rule["alert"]) for rule in rules()}
    assert names == tried
    books = {path.stem: path.read_text() for path in (ROOT / "deploy" / "runbooks").glob("*.md")}
    assert names <= set(books)
    for name in names:
        assert books[name].startswith(f"# {name}: ")
        for part in ("**Means**", "**Costs**"):
            assert part in books[name], name


def test_every_metric_that_a_rule_reads_exists() -> None:
    described = [next(iter(metric.describe())) for metric in declared()]
    known = {f"{one.name}_total" if one.type == "counter" else one.name for one in described}
    known |= {f"{one.name}_bucket" for one in described if one.type == "histogram"}
    read = {name for rule in rules() for name in re.findall(r"tocsin_[a-z_]+", str(rule["expr"]))}
    assert read <= known, read - known
