"""`tocsin routes test` and `tocsin sinks test`, as an operator runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TREE = """
sinks: {log: {kind: log}, night: {kind: log}, hook: {kind: webhook, url: 'http://127.0.0.1:9/x', secret_file: hook.secret}}
time_intervals: [{name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '07:00'}]}]}]
route:
  sink: log
  routes: [{sink: [night, hook], matchers: [severity="critical"], mute_time_intervals: [night], repeat_interval: 4h}]
"""


def tocsin(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tocsin", *words, "--config", str(folder)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_routes_test_says_who_gets_an_alert_and_what_keeps_it_back(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(TREE)
    done = tocsin(
        tmp_path, "routes", "test", "severity=critical", "entity=ftx", "--at", "2026-01-31T23:00+00:00", "--json"
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["sink"], row["route"], row["muted"]) for row in rows] == [
        ("night", "route.routes[0]", "muted during night"),
        ("hook", "route.routes[0]", "muted during night"),
    ]
    shown = tocsin(tmp_path, "routes", "test", "entity=ftx")
    assert "log" in shown.stdout
    assert "at once" in shown.stdout


def test_a_label_or_time_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(TREE)
    for words in (["colour=red"], ["--at", "yesterday"], ["--at", "2026-01-31T23:00"]):
        done = tocsin(tmp_path, "routes", "test", *words)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_sinks_test_says_how_it_went(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(TREE)
    (tmp_path / "hook.secret").write_text("k")
    assert tocsin(tmp_path, "sinks", "test", "log").stdout.endswith("log took it\n")
    away = tocsin(tmp_path, "sinks", "test", "hook")
    assert away.returncode == 1
    assert "hook did not take it: ConnectError" in away.stderr
    unknown = tocsin(tmp_path, "sinks", "test", "pager")
    assert unknown.returncode == 2
    assert "sinks are hook, log, night" in unknown.stderr
