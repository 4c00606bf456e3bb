"""What the supervisor is told, and that it understands it."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervisor.datatypes import dict_of_key_value_pairs

from contracts.errors import UserError
from tocsin.stack import processes
from tocsin.stack.processes import ProcessStatus
from tocsin.stack.programs import Program
from tocsin.stack.state import Home
from tocsin.stack.waiting import Ends


def _parsed(home: Home, *programs: Program) -> configparser.ConfigParser:
    # The supervisor reads its file with these settings (supervisor/options.py).
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.read_string(processes.configuration(home, "secret", [], programs))
    return parser


def _program(home: Home, word: str) -> Program:
    return Program("scorer-a", ("python", "-m", word), home.log("scorer-a"), {"TOCSIN_METRICS_PORT": "8705"}, 7)


def test_a_stage_is_restarted_for_ever_and_given_time_to_finish(tmp_path: Path) -> None:
    home = Home(tmp_path)
    section = _parsed(home, _program(home, "x"))["program:scorer-a"]
    assert section["autorestart"] == "true"
    assert int(section["startretries"]) >= 1_000_000
    assert section["stopsignal"] == "TERM"
    assert section["stopwaitsecs"] == "7"
    assert section["autostart"] == "false"


def test_stages_are_one_group_that_stops_before_the_stores(tmp_path: Path) -> None:
    home = Home(tmp_path)
    store = Program("redis", ("redis-server",), home.log("redis"))
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.read_string(processes.configuration(home, "secret", [store], [_program(home, "x")]))
    # Groups stop in the reverse order of their priority.
    assert int(parser["group:stages"]["priority"]) > int(parser["group:stores"]["priority"])
    assert parser["program:redis"]["autostart"] == "true"


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1))
def test_any_word_reaches_the_process_as_it_is_or_is_refused(word: str) -> None:
    home = Home(Path("/somewhere"))
    try:
        section = _parsed(home, _program(home, word))["program:scorer-a"]
    except UserError:
        assert " ;" in word or " #" in word
        return
    # The supervisor expands its values like Python's % and then splits them like a shell.
    assert shlex.split(section["command"] % {}) == ["python", "-m", word]


def test_each_process_has_its_own_metrics_port(tmp_path: Path) -> None:
    home = Home(tmp_path)
    section = _parsed(home, _program(home, "x"))["program:scorer-a"]
    assert dict_of_key_value_pairs(section["environment"]) == {"TOCSIN_METRICS_PORT": "8705"}


def test_nothing_that_may_be_a_secret_is_written_to_the_file(tmp_path: Path) -> None:
    home = Home(tmp_path)
    secret = Program("scorer-a", ("python",), home.log("scorer-a"), {"TOCSIN_REDIS__URL": "redis://:secret@h:1/0"})
    with pytest.raises(ValueError, match="belongs into the environment"):
        processes.configuration(home, "x", [], [secret])


def test_a_path_that_the_format_cannot_hold_is_refused_with_the_reason() -> None:
    home = Home(Path("/some ;where"))
    with pytest.raises(UserError, match="choose a folder without"):
        processes.configuration(home, "secret", [], [_program(home, "x")])


def test_a_process_that_its_user_told_something_wrong_is_not_waited_for() -> None:
    wrong = ProcessStatus("evaluator", "BACKOFF", 0, 0, exit_status=2, ended=100)
    assert Ends().hopeless([wrong]) == wrong


def test_a_process_is_given_up_after_it_ended_three_times() -> None:
    ends = Ends()

    def ended_at(second: int) -> ProcessStatus:
        return ProcessStatus("scorer-a", "RUNNING", 1, 0, exit_status=1, ended=second)

    assert ends.hopeless([ended_at(100)]) is None
    assert ends.hopeless([ended_at(100)]) is None
    assert ends.hopeless([ended_at(105)]) is None
    assert ends.hopeless([ended_at(110)]) == ended_at(110)
