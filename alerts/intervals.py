"""Time intervals of routes, with Alertmanager's fields: times, weekdays, days_of_month, months, location.

An interval holds at a moment when each field that is given holds; a list of intervals when one of them does. Unlike
Alertmanager, a span of times may pass midnight: 22:00 to 07:00 is the night.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_CLOCK = re.compile(r"^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$")


class Times(BaseModel):
    """A span of a day, from `start_time` up to but not including `end_time`, as HH:MM."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    start_time: str
    end_time: str

    @field_validator("start_time", "end_time")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if not _CLOCK.match(value):
            raise ValueError(f"{value!r} is no time of day; write it like '09:30'")
        return value

    def holds(self, minute: int) -> bool:
        """Whether a minute of the day lies in it."""
        start, end = _minute(self.start_time), _minute(self.end_time)
        return start <= minute < end if start <= end else minute >= start or minute < end


class TimeInterval(BaseModel):
    """One set of conditions on a moment."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    times: list[Times] = Field(default_factory=list)
    weekdays: list[str] = Field(default_factory=list, description="`monday` or `monday:friday`")
    days_of_month: list[str] = Field(default_factory=list, description="`1`, `1:5`, `-1` is the last day")
    months: list[str] = Field(default_factory=list, description="`january`, `1` or `january:march`")
    location: str = "UTC"

    @field_validator("location")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is no time zone; write it like 'Asia/Shanghai'") from error
        return value

    @field_validator("weekdays", "months", "days_of_month")
    @classmethod
    def _are_ranges(cls, value: list[str], info: object) -> list[str]:
        field = getattr(info, "field_name", "")
        for each in value:
            _range(each, field)
        return value

    @field_validator("times")
    @classmethod
    def _do_not_overlap(cls, value: list[Times]) -> list[Times]:
        for n, first in enumerate(value):
            for second in value[n + 1 :]:
                if any(first.holds(minute) and second.holds(minute) for minute in range(24 * 60)):
                    spans = [f"{span.start_time} to {span.end_time}" for span in (first, second)]
                    raise ValueError(f"{spans[0]} and {spans[1]} overlap; one of them is meant differently")
        return value

    def holds(self, now_ms: int) -> bool:
        """Whether the moment lies in it. `now_ms`: wall time, milliseconds UTC."""
        here = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(self.location))
        days = monthrange(here.year, here.month)[1]
        return (
            (not self.times or any(span.holds(here.hour * 60 + here.minute) for span in self.times))
            and _within(self.weekdays, "weekdays", here.weekday())
            and _within(self.months, "months", here.month)
            and _within(self.days_of_month, "days_of_month", here.day, days)
        )


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _number(word: str, field: str) -> int:
    names = {"weekdays": WEEKDAYS, "months": MONTHS}.get(field, ())
    if word.lower() in names:
        return names.index(word.lower()) + (field == "months")
    low, high = {"months": (1, 12), "days_of_month": (-31, 31)}.get(field, (1, 0))
    try:
        number = int(word)
    except ValueError:
        number = 0
    if not low <= number <= high or number == 0:
        known = f"one of {', '.join(names)}" if names else "a day from 1 to 31, or -1 for the last"
        raise ValueError(f"{word!r} is not in {field}: {known}")
    return number


def _range(text: str, field: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    return _number(first.strip(), field), _number((last or first).strip(), field)


def _within(ranges: list[str], field: str, value: int, days: int = 0) -> bool:
    if not ranges:
        return True
    for text in ranges:
        first, last = (number + days + 1 if number < 0 else number for number in _range(text, field))
        if first <= value <= last if first <= last else value >= first or value <= last:
            return True
    return False
