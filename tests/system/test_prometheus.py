"""Debian's Prometheus scrapes every process of the stack and keeps what the project declares."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

STAGES = {"ingest", "scorer", "aggregator", "evaluator", "notify", "desk"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _query(port: int, expression: str) -> list[dict[str, Any]]:
    address = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(expression)}"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())["data"]["result"]
            return found
    except OSError:
        return []  # it does not listen yet


def test_every_process_is_scraped_and_names_its_stage(running_stack: Any, tmp_path: Path) -> None:
    targets = [f"127.0.0.1:{row['metrics_port']}" for row in running_stack.state()["processes"] if row["metrics_port"]]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "tocsin", "static_configs": [{"targets": targets}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    port = _free_port()
    words = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
             f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    with (tmp_path / "log").open("w") as log, subprocess.Popen(words, stdout=log, stderr=log) as prometheus:
        try:
            began = time.monotonic()
            while len(_query(port, 'up{job="tocsin"} == 1')) < len(targets):
                assert prometheus.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() - began < 60, _query(port, "up")
                time.sleep(0.5)
            said = {row["metric"]["stage"] for row in _query(port, "tocsin_build_info")}
        finally:
            prometheus.terminate()
    assert said == STAGES
