from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dates import parse_time_ms

MOMENT = 1_667_877_482_000  # 2022-11-08 03:18:02 UTC


@pytest.mark.parametrize(
    "written",
    [
        "2022-11-08 03:18:02",
        "2022-11-08T03:18:02Z",
        "2022-11-08T03:18:02.000+00:00",
        "2022-11-08T11:18:02+08:00",
        "2022-11-07 22:18:02-05:00",
        "2022-11-08T03:18:02.000000000Z",
        "20221108T031802Z",
        "Tue, 08 Nov 2022 03:18:02 GMT",
        "Tue, 08 Nov 2022 03:18:02 +0000",
        "8 Nov 2022 04:18:02 +0100",
        "1667877482",
        "1667877482000",
        "1667877482.0",
        1_667_877_482,
        1_667_877_482_000,
        1_667_877_482.0,
        datetime(2022, 11, 8, 3, 18, 2, tzinfo=UTC),
        datetime(2022, 11, 8, 3, 18, 2),  # noqa: DTZ001 - without a zone on purpose
    ],
)
def test_every_dialect_is_one_moment(written: object) -> None:
    assert parse_time_ms(written) == MOMENT


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "  ",
        "yesterday",
        "2022-13-40",
        "nan",
        float("nan"),
        float("inf"),
        True,
        -5,
        "-1",
        "1" * 40,
        "x" * 500,
        [],
        "0001-01-01",
        "1e9",
    ],
)
def test_rubbish_is_no_time(written: object) -> None:
    assert parse_time_ms(written) is None


def test_1970_is_a_time() -> None:
    assert parse_time_ms("1970-01-01T00:00:00Z") == 0


def test_a_day_alone_is_its_midnight_utc() -> None:
    assert parse_time_ms("20221108") == parse_time_ms("2022-11-08") == MOMENT - (3 * 3600 + 18 * 60 + 2) * 1000


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 1, 1)))  # noqa: DTZ001
def test_what_python_writes_is_read_back(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert parse_time_ms(aware.isoformat()) == round(aware.timestamp() * 1000)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.binary()))
def test_nothing_that_is_written_crashes(written: object) -> None:
    when = parse_time_ms(written)
    assert when is None or when >= 0
