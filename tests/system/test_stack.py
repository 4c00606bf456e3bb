"""`tocsin up`, `status`, `logs` and `down` on the real thing: what dies comes back, what ends leaves nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.system

NAMES = ["redis", "kafka", "ingest", "scorer-a", "aggregator-a", "evaluator", "notify", "desk"]


def _until(what: Callable[[], Any], limit_s: float = 120.0) -> Any:
    """Poll until `what` is true; nothing here asserts how long it takes, the limit only ends a hang."""
    began = time.monotonic()
    while not (found := what()):
        assert time.monotonic() - began < limit_s, "gave up waiting"
        time.sleep(0.2)
    return found


@contextlib.contextmanager
def _started(words: list[str], environment: dict[str, str], **pipes: Any) -> Iterator[subprocess.Popen[Any]]:
    """A command as a terminal starts it: a shell that starts tests in the background makes them deaf to Ctrl-C."""
    hearing = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen([words[0], "-c", hearing, *words], env=os.environ | environment, **pipes)
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def test_status_shows_every_process_running_with_its_address(running_stack: Any) -> None:
    rows = running_stack.rows()
    assert list(rows) == NAMES
    assert {row["state"] for row in rows.values()} == {"running"}
    assert rows["scorer-a"]["lag"] == 0
    table = running_stack.run("status")
    assert table.returncode == 0
    assert running_stack.state()["desk"] in table.stdout


def test_a_second_up_in_the_same_home_is_refused_and_disturbs_nothing(running_stack: Any) -> None:
    before = sorted(running_stack.pids())
    second = running_stack.up()
    assert second.returncode == 2
    assert "already runs" in second.stderr
    assert "Traceback" not in second.stderr
    assert sorted(running_stack.pids()) == before


def test_the_topics_are_as_they_must_be(running_stack: Any) -> None:
    applied = running_stack.run("topics", "apply")
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.startswith("0 created")


@pytest.mark.parametrize("name", ["scorer-a", "evaluator", "redis", "kafka"])
def test_a_killed_process_is_back_by_itself(running_stack: Any, name: str) -> None:
    killed = running_stack.rows()[name]["pid"]
    os.kill(killed, signal.SIGKILL)

    def back() -> bool:
        row = running_stack.rows().get(name, {})
        return row.get("state") == "running" and row["pid"] != killed

    _until(back)
    _until(lambda: {row["state"] for row in running_stack.rows().values()} == {"running"})


def test_logs_show_the_last_lines_of_a_stage_and_refuse_a_stage_that_is_none(running_stack: Any) -> None:
    shown = running_stack.run("logs", "evaluator", "-n", "5")
    assert shown.returncode == 0
    assert 0 < len(shown.stdout.splitlines()) <= 5
    refused = running_stack.run("logs", "scores")
    assert refused.returncode == 2
    assert "scorer-a" in refused.stderr


def test_followed_logs_show_lines_as_they_are_written(running_stack: Any) -> None:
    log = Path(running_stack.home) / "logs" / "notify.log"
    with _started(running_stack.command("logs", "notify", "-f", "-n", "0"), {}, stdout=subprocess.PIPE) as follow:
        assert follow.stdout is not None
        os.set_blocking(follow.stdout.fileno(), False)
        seen = b""

        def arrives() -> bool:
            nonlocal seen
            # Written again and again, since nothing tells when the command has begun to follow.
            with log.open("a") as file:
                file.write("a line of this test\n")
            with contextlib.suppress(BlockingIOError):
                seen += follow.stdout.read() or b""
            return b"a line of this test" in seen

        _until(arrives)
        follow.send_signal(signal.SIGINT)
        assert follow.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_the_foreground_leaves_nothing_running(new_stack: Any, number: signal.Signals) -> None:
    words = new_stack.command("up", "--config", str(new_stack.folder), "--port-base", "0", "--foreground")
    with _started(words, new_stack.environment, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        for line in up.stderr:
            if "Ctrl-C" in line:
                break
        assert len(new_stack.pids()) > len(NAMES)
        up.send_signal(number)
        assert up.wait(120) == 0
    assert new_stack.pids() == []


def test_ctrl_c_halfway_leaves_nothing_running(new_stack: Any) -> None:
    words = new_stack.command("up", "--config", str(new_stack.folder), "--port-base", "0")
    with _started(words, new_stack.environment, stderr=subprocess.PIPE, text=True) as up:
        _until(new_stack.pids)
        up.send_signal(signal.SIGINT)
        assert up.wait(120) != 0
    assert new_stack.pids() == []


def test_a_supervisor_that_was_killed_leaves_nothing_that_down_does_not_end(new_stack: Any) -> None:
    assert new_stack.up().returncode == 0
    os.kill(new_stack.state()["supervisor_pid"], signal.SIGKILL)
    assert new_stack.pids() != []
    rows = new_stack.rows()
    assert {row["state"] for row in rows.values()} == {"stopped"}
    assert new_stack.down().returncode == 0
    assert new_stack.pids() == []


def test_a_mistake_in_a_file_is_one_line_and_leaves_nothing_running(new_stack: Any) -> None:
    (new_stack.folder / "rules.yaml").write_text("negative:\n  opne: 9\n")
    refused = new_stack.up()
    assert refused.returncode == 2
    last = refused.stderr.strip().splitlines()[-1]
    assert "rules.yaml" in last
    assert "opne" in last
    assert "Traceback" not in refused.stderr
    assert new_stack.pids() == []


def test_the_log_survives_down_and_is_gone_after_a_wipe(new_stack: Any) -> None:
    assert new_stack.up().returncode == 0
    assert new_stack.down().returncode == 0
    assert new_stack.up().returncode == 0
    assert new_stack.run("topics", "apply").stdout.startswith("0 created")
    assert new_stack.down("--wipe").returncode == 0
    assert not new_stack.home.exists()
    assert (new_stack.folder / "rules.yaml").exists()


def test_a_kafka_and_redis_that_already_run_are_used_instead(
    new_stack: Any, kafka_address: str, redis_url: str
) -> None:
    started = new_stack.up("--kafka", kafka_address, "--redis", redis_url)
    assert started.returncode == 0, started.stderr
    rows = new_stack.rows()
    assert "kafka" not in rows
    assert "redis" not in rows
    assert new_stack.state()["kafka"] == kafka_address
    assert new_stack.down().returncode == 0
    host, port = kafka_address.split(":")
    socket.create_connection((host, int(port))).close()
