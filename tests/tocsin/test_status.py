from __future__ import annotations

from tocsin.stack import vitals
from tocsin.stack.processes import ProcessStatus
from tocsin.stack.state import Process

SCORER = Process("scorer-a", "scorer", "a", 8705, "")
RUNNING = ProcessStatus("scorer-a", "RUNNING", 42, 90, 0, 0)

PAGE = """\
# TYPE tocsin_stage_messages_total counter
tocsin_stage_messages_total{result="ok",stage="scorer"} 100.0
tocsin_stage_messages_total{result="rejected",stage="scorer"} 20.0
# TYPE tocsin_stage_lag_messages gauge
tocsin_stage_lag_messages{stage="scorer"} 7.0
tocsin_stage_lag_messages{stage="desk"} 900.0
# TYPE tocsin_stage_watermark_seconds gauge
tocsin_stage_watermark_seconds{stage="scorer"} 1667873282.0
"""


def test_messages_are_summed_over_results_and_other_stages_are_left_out() -> None:
    assert vitals.parse(PAGE, "scorer") == {vitals.FINISHED: 120.0, vitals.LAG: 7.0, vitals.WATERMARK: 1667873282.0}


def test_a_rate_is_what_was_finished_between_two_looks() -> None:
    now = vitals.parse(PAGE, "scorer")
    row = vitals.row(SCORER, RUNNING, now | {vitals.FINISHED: 70.0}, now, 2.0, None, "here")
    assert (row.state, row.pid, row.lag, row.per_s, row.newest_ms) == ("running", 42, 7, 25.0, 1667873282000)


def test_a_process_restarted_between_two_looks_has_no_negative_rate() -> None:
    now = vitals.parse(PAGE, "scorer")
    assert vitals.row(SCORER, RUNNING, now | {vitals.FINISHED: 5000.0}, now, 1.0, None, "").per_s == 0.0


def test_a_process_that_is_down_is_shown_with_the_lag_that_kafka_knows() -> None:
    row = vitals.row(SCORER, None, None, None, 1.0, 1234, "")
    assert (row.state, row.lag, row.per_s, row.newest_ms) == ("stopped", 1234, None, None)


def test_a_process_that_runs_but_does_not_answer_is_called_silent() -> None:
    assert vitals.row(SCORER, RUNNING, None, None, 1.0, None, "").state == "silent"


def test_a_process_that_waits_for_its_next_try_is_restarting() -> None:
    waiting = ProcessStatus("scorer-a", "BACKOFF", 0, 0, 1, 100)
    assert vitals.row(SCORER, waiting, None, None, 1.0, None, "").state == "restarting"


def test_a_stage_that_has_not_begun_has_no_newest_event() -> None:
    row = vitals.row(SCORER, RUNNING, {}, {vitals.WATERMARK: 0.0}, 1.0, None, "")
    assert row.newest_ms is None
