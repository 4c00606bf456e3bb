"""Matchers, intervals, the tree, silences and inhibition: who gets an alert, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.intervals import TimeInterval
from alerts.matchers import Matcher
from alerts.routes import InhibitRule, Routes, read_routes
from alerts.routing import inhibited, silenced, targets
from contracts.messages import Silence

FTX = {
    "alert": "a" * 32, "entity": "ftx", "topic": "", "series": "entity:ftx", "rule": "negative", "severity": "critical",
    "group": "session:crypto", "state": "firing",
}  # fmt: skip
TREE = """
sinks: {desk: {kind: log}, night: {kind: log}, crypto: {kind: log}, viral: {kind: log}, audit: {kind: log}}
time_intervals:
  - {name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '07:00'}], location: Asia/Shanghai}]}
route:
  sink: desk
  group_by: [group]
  group_wait: 30s
  repeat_interval: 4h
  routes:
    - {sink: audit, matchers: ['rule=~".*"'], continue: true, group_by: []}
    - sink: crypto
      matchers: [group="session:crypto"]
      routes:
        - {sink: night, matchers: [severity="critical"], active_time_intervals: [night]}
        - {sink: viral, matchers: [rule=~"viral|volume"], resolved: false}
"""


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def routes(tmp_path: Path) -> Routes:
    (tmp_path / "routes.yaml").write_text(TREE)
    return read_routes(tmp_path / "routes.yaml")


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ('severity="critical"', True),
        ("severity=critical", True),
        ('severity!="critical"', False),
        ('entity=~"ftx|alameda.*"', True),
        ('entity=~"ft"', False),
        ('entity!~"ft"', True),
        ('topic=""', True),
        ('topic!=""', False),
        (r'series=~"entity:\w+"', True),
    ],
)
def test_a_matcher_means_what_alertmanager_means_by_it(text: str, *, met: bool) -> None:
    assert Matcher.parse(text).matches(FTX) is met


@pytest.mark.parametrize("text", ["severity", "colour=red", 'entity=~"("', "=x", "severity==critical"])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"matcher|label|compile"):
        Matcher.parse(text)


def test_an_alert_goes_to_the_first_child_that_matches_and_on_where_it_says_continue(routes: Routes) -> None:
    day = targets(routes, FTX, ms("2022-11-08T05:00"))
    assert {t.sink: t.muted for t in day} == {"audit": "", "night": "active only during night"}
    night = targets(routes, FTX, ms("2022-11-08T15:00"))
    assert {t.sink: t.muted for t in night} == {"audit": "", "night": ""}
    viral = targets(routes, FTX | {"rule": "viral", "severity": "warning"}, 0)
    assert [(t.sink, t.resolved, t.place) for t in viral] == [
        ("audit", True, "route.routes[0]"),
        ("viral", False, "route.routes[1].routes[1]"),
    ]


def test_where_no_child_matches_the_route_itself_takes_it_and_children_inherit(routes: Routes) -> None:
    other = targets(routes, FTX | {"group": "session:us", "severity": "warning"}, 0)
    assert [t.sink for t in other] == ["audit"], "the first child matched and said continue; nothing after it did"
    warning = targets(routes, FTX | {"severity": "warning"}, 0)
    crypto = next(t for t in warning if t.sink == "crypto")
    assert (crypto.group, crypto.group_wait_s, crypto.repeat_s) == (("group=session:crypto",), 30.0, 14400.0)
    assert next(t for t in warning if t.sink == "audit").group is None


@pytest.mark.parametrize(
    ("interval", "when", "holds"),
    [
        ({"times": [{"start_time": "22:00", "end_time": "07:00"}]}, "2022-11-08T23:30", True),
        ({"times": [{"start_time": "22:00", "end_time": "07:00"}]}, "2022-11-08T07:00", False),
        ({"weekdays": ["monday:friday"]}, "2022-11-12T12:00", False),
        ({"weekdays": ["saturday", "sunday"]}, "2022-11-12T12:00", True),
        ({"weekdays": ["friday:monday"]}, "2022-11-13T12:00", True),
        ({"days_of_month": ["-1"]}, "2024-02-29T12:00", True),
        ({"days_of_month": ["-1"]}, "2024-02-28T12:00", False),
        ({"months": ["november:january"]}, "2022-12-08T12:00", True),
        ({"weekdays": ["tuesday"], "location": "Asia/Shanghai"}, "2022-11-07T17:00", True),
    ],
)
def test_a_time_interval_holds_when_all_its_fields_do(interval: dict[str, object], when: str, *, holds: bool) -> None:
    assert TimeInterval.model_validate(interval).holds(ms(when)) is holds


@pytest.mark.parametrize(
    "interval",
    [{"weekdays": ["funday"]}, {"months": ["13"]}, {"days_of_month": ["32"]}, {"location": "Mars/Olympus"},
     {"times": [{"start_time": "25:00", "end_time": "26:00"}]}],
)  # fmt: skip
def test_a_time_interval_that_means_nothing_is_refused(interval: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"is not in|no time"):
        TimeInterval.model_validate(interval)


def test_a_silence_holds_for_what_it_matches_between_its_times() -> None:
    silence = Silence(id="1", matchers=['entity="ftx"'], starts_ms=100, until_ms=200, by="ann", comment="known")
    assert silenced([silence], FTX, 150) == "ann: known"
    assert not silenced([silence], FTX, 200)
    assert not silenced([silence], FTX | {"entity": "nexo"}, 150)


def test_a_market_wide_alert_keeps_back_the_ones_it_explains_but_never_itself() -> None:
    rule = InhibitRule.model_validate(
        {
            "source_matchers": ["rule=market"],
            "target_matchers": ["rule=~'negative|market'".replace("'", '"')],
            "equal": ["group"],
        }
    )
    market = FTX | {"alert": "m", "rule": "market", "entity": "", "series": "all"}
    assert inhibited([rule], FTX, {"m": market}) == "m"
    assert not inhibited([rule], FTX, {"m": market | {"group": "session:us"}})
    assert not inhibited([rule], market, {"m": market, "n": market | {"alert": "n"}}), "two cannot silence each other"
    assert not inhibited([rule], FTX, {})
