from __future__ import annotations

from pathlib import Path

import pytest

from contracts.clock import ManualClock
from contracts.errors import UserError
from tocsin.stack import local
from tocsin.stack.state import SOCKET_PATH_MAX, Home, Process, State

STATE = State(
    supervisor_pid=1,
    started_ms=2,
    config="/c",
    kafka="127.0.0.1:8701",
    redis="redis://127.0.0.1:8703/0",
    desk="http://127.0.0.1:8700",
    processes=(Process("scorer-a", "scorer", "a", 8705, "/l/scorer-a.log"),),
)


def test_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    assert home.read_state() is None
    home.write_state(STATE)
    assert home.read_state() == STATE
    home.forget_state()
    assert home.read_state() is None


def test_only_the_user_may_read_what_may_hold_a_password(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    home.write_state(STATE)
    assert home.run.stat().st_mode & 0o077 == 0
    assert (home.run / "state.json").stat().st_mode & 0o077 == 0


def test_a_folder_with_other_files_is_not_taken_for_a_home(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UserError, match="already holds files that are not Tocsin's"):
        Home(tmp_path).make()


def test_a_folder_that_tocsin_did_not_make_is_never_wiped(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UserError, match="was not made by tocsin"):
        local.down(tmp_path, ManualClock(), wipe=True)
    assert (tmp_path / "thesis.txt").exists()


def test_wiping_deletes_the_whole_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    (home.kafka / "data").mkdir()
    assert local.down(home.path, ManualClock(), wipe=True) is False
    assert not home.path.exists()


def test_down_where_nothing_ever_ran_changes_nothing(tmp_path: Path) -> None:
    assert local.down(tmp_path / "nowhere", ManualClock(), wipe=True) is False
    assert not (tmp_path / "nowhere").exists()


def test_a_long_path_gets_a_socket_that_the_system_can_take(tmp_path: Path) -> None:
    near = Home(Path("/short"))
    far = Home(tmp_path / ("x" * 120))
    assert near.socket == Path("/short/run/supervisor.sock")
    assert len(bytes(far.socket)) <= SOCKET_PATH_MAX
    assert far.socket != Home(tmp_path / ("y" * 120)).socket


def test_a_process_is_found_by_its_name_or_its_stage() -> None:
    assert STATE.process("scorer") == STATE.process("scorer-a") == STATE.processes[0]
    with pytest.raises(UserError, match="there are scorer-a"):
        STATE.process("scores")
