from __future__ import annotations

import socket
from pathlib import Path

import pytest

from contracts.errors import UserError
from tocsin.commands.init import write
from tocsin.stack import checks, jars
from tocsin.stack.checks import Check
from tocsin.stack.stages import CONFIG_FILES

GB = 1_000_000_000


def test_too_little_disk_says_how_much_where_and_what_to_do(tmp_path: Path) -> None:
    check = checks.disk(tmp_path / "not" / "there" / "yet", free_bytes=GB // 2)
    assert not check.ok
    assert check.found == (
        f"0.5 GB free in {tmp_path}, 2 GB are needed; make room or choose another folder: --home DIR"
    )


def test_enough_disk_is_asked_of_the_system(tmp_path: Path) -> None:
    assert checks.disk(tmp_path).found.endswith(f"GB free in {tmp_path}")


def test_too_little_memory_says_what_to_do() -> None:
    check = checks.memory(available_bytes=GB)
    assert not check.ok
    assert "1.0 GB of memory available, 1.5 GB are needed" in check.found
    assert "--kafka" in check.found


def test_a_taken_port_names_who_holds_it_and_the_way_out() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        check = checks.free_port("the desk", port)
    assert not check.ok
    assert f"port {port}, wanted for the desk, is taken" in check.found
    assert "--port-base" in check.found


def test_missing_files_are_named_with_the_command_that_writes_them(tmp_path: Path) -> None:
    for name in CONFIG_FILES[1:]:
        (tmp_path / name).touch()
    check = checks.configuration(tmp_path)
    assert not check.ok
    assert "has no sources.yaml;" in check.found
    assert "tocsin init" in check.found


def test_the_starter_files_are_enough(tmp_path: Path) -> None:
    write(tmp_path, force=False)
    check = checks.configuration(tmp_path)
    assert check.ok
    assert check.found.startswith("0 sources, ")


@pytest.mark.parametrize("name", CONFIG_FILES)
def test_a_file_that_no_stage_could_read_is_named_before_anything_starts(tmp_path: Path, name: str) -> None:
    write(tmp_path, force=False)
    (tmp_path / name).write_text("- no: such\n  thing: [\n")
    check = checks.configuration(tmp_path)
    assert not check.ok
    assert name in check.found


def test_jars_that_are_not_cached_yet_are_no_failure(tmp_path: Path) -> None:
    check = checks.kafka_jars(tmp_path, jars.locked())
    assert check.ok
    assert "will be downloaded" in check.found


def test_the_java_of_the_wheel_runs_here() -> None:
    assert checks.java().ok


def test_the_first_failing_check_is_what_the_user_reads() -> None:
    with pytest.raises(UserError, match=r"^second$"):
        checks.demand([Check("a", True, "first"), Check("b", False, "second"), Check("c", False, "third")])
