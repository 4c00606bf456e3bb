"""Published times in the dialects of sources, to milliseconds UTC.

ISO 8601 in its variants, RFC 2822, and seconds or milliseconds since 1970. A time without a zone is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_DIGITS_AFTER_SECOND = re.compile(r"(:\d{2}[.,]\d{6})\d+")
# Above this a number is milliseconds: as seconds it would lie beyond the year 5138.
_SECONDS_MAX = 100_000_000_000
_LAST_MS = 253_402_300_799_999  # 9999-12-31


def parse_time_ms(value: object) -> int | None:
    """Milliseconds UTC since 1970; None when it is no time that can be read, or lies before 1970."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        return _milliseconds(value)
    if isinstance(value, (int, float)):
        return _from_number(value)
    text = str(value).strip()
    if not text or len(text) > 64:
        return None
    # Eight digits are a day: 20221106.
    if _NUMBER.fullmatch(text) and not (text.isdigit() and len(text) == 8):
        return _from_number(float(text)) if "." in text else _from_number(int(text))
    try:
        return _milliseconds(datetime.fromisoformat(_DIGITS_AFTER_SECOND.sub(r"\1", text)))
    except ValueError:
        return _from_mail_date(text)


def _from_mail_date(text: str) -> int | None:
    try:
        return _milliseconds(parsedate_to_datetime(text))
    except (ValueError, IndexError, TypeError, OverflowError):  # what email.utils raises on rubbish, version by version
        return None


def _from_number(number: float) -> int | None:
    if number != number:  # NaN  # noqa: PLR0124
        return None
    ms = number if abs(number) >= _SECONDS_MAX else number * 1000
    return int(ms) if 0 <= ms <= _LAST_MS else None


def _milliseconds(moment: datetime) -> int | None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        ms = round(aware.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None
    return ms if 0 <= ms <= _LAST_MS else None
