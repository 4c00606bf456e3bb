"""What a person sees at the command line. Every test here runs the real command in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.cli import COMMANDS


def _tocsin(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tocsin", *arguments],
        cwd=cwd,
        env=os.environ | {"TERM": "dumb", "COLUMNS": "200", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def test_help_names_every_command_and_loads_none_of_them(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom tocsin.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'kafka', 'aiokafka', 'faust', 'redis', 'onnxruntime', 'numpy', 'fastapi', 'torch'} & set(sys.modules)\n"
        "print('LOADED', sorted(heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(name in done.stdout for name in COMMANDS)
    assert "LOADED []" in done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(tmp_path: Path, name: str) -> None:
    done = _tocsin(name, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    # The line in the table of commands is all of `tocsin --help`: the command has no completion options of its own.
    assert "--install-completion" not in done.stdout


def test_an_unknown_command_is_told_what_it_may_have_meant(tmp_path: Path) -> None:
    done = _tocsin("statsu", cwd=tmp_path)
    assert done.returncode == 2
    assert "status" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_without_files_says_which_command_writes_them(tmp_path: Path) -> None:
    line = _one_line(_tocsin("up", cwd=tmp_path))
    assert "tocsin init" in line
    assert not (tmp_path / ".tocsin").exists()


def test_up_on_a_taken_port_is_one_line_and_starts_nothing(tmp_path: Path) -> None:
    assert _tocsin("init", cwd=tmp_path).returncode == 0
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        done = _tocsin("up", "--port-base", str(port), cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"port {port}, wanted for the desk, is taken" in done.stderr.splitlines()[-1]
    assert not (tmp_path / ".tocsin" / "run" / "state.json").exists()


def test_up_without_network_or_jars_is_one_line_and_starts_nothing(tmp_path: Path) -> None:
    assert _tocsin("init", cwd=tmp_path).returncode == 0
    nowhere = {
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "https_proxy": "http://127.0.0.1:1",
        "XDG_CACHE_HOME": str(tmp_path),
    }
    done = _tocsin("up", "--port-base", "0", cwd=tmp_path, environment=nowhere)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "could not be downloaded" in done.stderr.splitlines()[-1]


def test_up_with_a_kafka_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert _tocsin("init", cwd=tmp_path).returncode == 0
    done = _tocsin("up", "--port-base", "0", "--kafka", "127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 2
    assert "no Kafka answers at 127.0.0.1:1" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", [["status"], ["logs"]])
def test_looking_where_nothing_runs_says_how_to_start(tmp_path: Path, command: list[str]) -> None:
    assert "tocsin up" in _one_line(_tocsin(*command, cwd=tmp_path))


def test_down_where_nothing_runs_is_no_error(tmp_path: Path) -> None:
    done = _tocsin("down", cwd=tmp_path)
    assert done.returncode == 0
    assert "Nothing ran" in done.stderr


def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    assert _tocsin("init", cwd=tmp_path).returncode == 0
    line = _one_line(_tocsin("up", cwd=tmp_path, environment={"TOCSIN_KAFKA__PARTITIONS": "many"}))
    assert "TOCSIN_KAFKA__PARTITIONS" in line


def test_the_doctor_lists_what_it_looked_at_and_fails_when_up_would(tmp_path: Path) -> None:
    done = _tocsin("doctor", "--json", "--port-base", "0", cwd=tmp_path)
    checks = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert not checks["configuration"]["ok"]
    assert {"disk", "memory", "java", "kafka", "redis"} <= set(checks)
    assert _tocsin("init", cwd=tmp_path).returncode == 0
    assert _tocsin("doctor", "--port-base", "0", cwd=tmp_path).returncode == 0
