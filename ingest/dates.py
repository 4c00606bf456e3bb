"""Published times in the dialects of sources, to milliseconds UTC: pure.

ISO 8601 in its variants, RFC 2822, seconds or milliseconds since 1970, `Nov 6, 2022 9:30 AM EST`, `2022年11月6日 9:30`.

Rules of time zones, in this order: an offset that is written stands; a name stands for its offset (ZONES, those of RFC 2822
and a few that publishers write); `CST` and `IST` are ambiguous and mean the source's own zone where that zone ever bears the
name, else what RFC 2822 says; what has no zone lies in the source's zone, UTC when `sources.yaml` names none. In the hour
that comes twice in autumn the first is meant; in the hour that spring leaves out, the clock had not been moved.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_DIGITS_AFTER_SECOND = re.compile(r"(:\d{2}[.,]\d{6})\d+")
# Above this a number is milliseconds: as seconds it would lie beyond the year 5138.
_SECONDS_MAX = 100_000_000_000
_LAST_MS = 253_402_300_799_999  # 9999-12-31

# Hours east of UTC.
ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "BST": 1, "CET": 1, "WEST": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "HKT": 8, "SGT": 8, "AWST": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "EST": -5, "EDT": -4, "CST": -6,
    "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "ET": None, "IST": 5.5,
}  # fmt: skip
_AMBIGUOUS = {"CST", "IST"}
_ET = "America/New_York"  # `ET` is what the clock in New York shows
_NAMED = re.compile(r"[\s(]*\b([A-Z]{1,4})\)?$")
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}  # noqa: SIM905
_CLOCK = r"(?:[,\s\-\u2013|]*(?:at\s+)?(\d{1,2})[:.](\d{2})(?::(\d{2}))?\s*([ap])?\.?(?:m\.?)?)?"
_MONTH_FIRST = re.compile(
    rf"(?:[a-z]+day,?\s+)?([a-z]{{3,9}})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}}){_CLOCK}", re.IGNORECASE
)
_DAY_FIRST = re.compile(
    rf"(?:[a-z]+,?\s+)?(\d{{1,2}})(?:st|nd|rd|th)?[\s\-]+([a-z]{{3,9}})\.?,?[\s\-]+(\d{{4}}){_CLOCK}", re.IGNORECASE
)
_YEAR_FIRST = re.compile(
    r"(\d{4})\s*[年/.]\s*(\d{1,2})\s*[月/.]\s*(\d{1,2})\s*[日号]?(?:\s*(?:星期|周)[一二三四五六日天])?"
    r"\s*(上午|下午|晚上|凌晨|早上|中午)?(?:[\s,]*(\d{1,2})\s*[:：时点]\s*(\d{1,2})?(?:\s*[:：分]\s*(\d{1,2}))?\s*[分秒]?)?"
)
_AFTERNOON = {"下午", "晚上"}


def parse_time_ms(value: object, zone: str = "UTC") -> int | None:
    """Milliseconds UTC since 1970; None when it is no time that can be read, or lies before 1970.

    Args:
        value: a text, a number, a datetime.
        zone: IANA name of the zone in which a time without one lies.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        return _milliseconds(value, zone)
    if isinstance(value, (int, float)):
        return _from_number(value)
    text = str(value).strip()
    if not text or len(text) > 64:
        return None
    # Eight digits are a day: 20221106.
    if _NUMBER.fullmatch(text) and not (text.isdigit() and len(text) == 8):
        return _from_number(float(text)) if "." in text else _from_number(int(text))
    moment = _iso(text)
    if moment is not None:
        return _milliseconds(moment, zone)
    bare, named = _without_zone_name(text, zone)
    if named is None:
        moment = _mail_date(text) or _iso(bare) or _spoken(bare)
        return _milliseconds(moment, zone) if moment else None
    moment = _iso(bare) or _mail_date(f"{bare} -0000") or _spoken(bare)
    return _milliseconds(moment.replace(tzinfo=named), zone) if moment else None


@lru_cache(maxsize=512)
def zone_named(name: str) -> tzinfo:
    """The zone of an IANA name.

    Raises:
        ValueError: there is none.
    """
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write one like Asia/Shanghai or America/New_York") from error


def _without_zone_name(text: str, zone: str) -> tuple[str, tzinfo | None]:
    """The text before its zone's name, and that zone; the text itself and None when it ends in no known name."""
    found = _NAMED.search(text)
    name = found.group(1) if found else ""
    if found is None or name not in ZONES:
        return text, None
    bare = text[: found.start()].rstrip()
    hours = ZONES[name]
    if hours is None:
        return bare, zone_named(_ET)
    if name in _AMBIGUOUS and _bears(zone, name):
        return bare, zone_named(zone)
    return bare, timezone(timedelta(hours=hours))


@lru_cache(maxsize=64)
def _bears(zone: str, name: str) -> bool:
    """Whether a zone bears a name in winter or in summer."""
    here = zone_named(zone)
    return name in {datetime(2022, month, 1, tzinfo=here).tzname() for month in (1, 7)}


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(_DIGITS_AFTER_SECOND.sub(r"\1", text))
    except ValueError:
        return None


def _mail_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):  # what email.utils raises on rubbish, version by version
        return None
    # RFC 2822: -0000 is a time in UTC that says nothing of where it was written.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None and text.endswith("-0000") else moment


def _spoken(text: str) -> datetime | None:
    """`November 6, 2022 9:30 AM`, `6 Nov 2022`, `2022年11月6日 9:30`, `2022/11/6 9:30`."""
    if found := _MONTH_FIRST.fullmatch(text):
        month, day, year, hour, minute, second, half = found.groups()
        return _moment(year, _MONTHS.get(month[:3].lower(), 0), day, hour, minute, second, afternoon=_half(half))
    if found := _DAY_FIRST.fullmatch(text):
        day, month, year, hour, minute, second, half = found.groups()
        return _moment(year, _MONTHS.get(month[:3].lower(), 0), day, hour, minute, second, afternoon=_half(half))
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day, part, hour, minute, second = found.groups()
        afternoon = True if part in _AFTERNOON else False if part in {"凌晨", "上午"} else None
        return _moment(year, int(month), day, hour, minute, second, afternoon=afternoon)
    return None


def _half(letter: str | None) -> bool | None:
    return None if letter is None else letter.lower() == "p"


def _moment(
    year: str, month: int, day: str, hour: str | None, minute: str | None, second: str | None, *, afternoon: bool | None
) -> datetime | None:
    hours = int(hour or 0)
    if afternoon is True and hours < 12:
        hours += 12
    elif afternoon is False and hours == 12:
        hours = 0
    try:
        return datetime(int(year), month, int(day), hours, int(minute or 0), int(second or 0))  # noqa: DTZ001 - its zone follows
    except ValueError:
        return None


def _from_number(number: float) -> int | None:
    if number != number:  # NaN  # noqa: PLR0124
        return None
    ms = number if abs(number) >= _SECONDS_MAX else number * 1000
    return int(ms) if 0 <= ms <= _LAST_MS else None


def _milliseconds(moment: datetime, zone: str) -> int | None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone_named(zone))
    try:
        ms = round(aware.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None
    return ms if 0 <= ms <= _LAST_MS else None
