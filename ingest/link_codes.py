"""How tickers and codes are written: pure. `link` searches each form; this module says which forms there are.

A ticker of the watchlist that begins with `$` (`$ALL`) is also a word: it counts only as a cashtag, behind an exchange
(`NYSE: ALL`) or with a market behind it (`ALL.N`). A code of a Chinese or Hong Kong exchange (`600519.SH`, `0700.HK`) is
found in every dialect: SH600519, 600519.SS, 00700.HK, HK:0700, (0700), and bare where it cannot be an amount.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_EXCHANGES = (
    "AMEX|ASX|BIT|BME|BSE|EPA|ETR|Euronext|EURONEXT|FRA|HK|HKEX|HKG|KRX|LON|LSE|NASDAQ|Nasdaq|NSE|NYSE|OTC|OTCMKTS|SEHK|SGX"
    "|SH|SHA|SHE|SIX|SSE|STO|SWX|SZ|SZSE|TSE|TSX|TYO|XETRA"
)
_BEFORE = re.compile(rf"(?:\$|\b(?:{_EXCHANGES}): ?|[(（])$")
_AFTER = re.compile(r"\.[A-Z]{1,2}\b|[)）]")
_CODE = re.compile(r"(\d{4,6})\.(SH|SS|SZ|HK)")
_HAN = re.compile("[\u4e00-\u9fff]")
_MEASURE = re.compile(r"\s?(?:[人元股万亿手户吨号个名件美家套辆平米次点份年]|%|\.\d)")
_AMOUNT = re.compile(r"[\d.,¥￥$#第共]\s?$")


@dataclass(frozen=True, slots=True)
class Ticker:
    """One form of a ticker.

    Attributes:
        written: as it stands in a text.
        manner: `plain` may stand bare; `marked` only with a mark; `word` only with a mark that is no bracket; `code` is
            digits: with a mark, or bare in a Chinese line where it is no amount; `sure` counts anywhere.
    """

    written: str
    manner: str


def forms(ticker: str) -> list[Ticker]:
    """Every way to write a ticker of the watchlist."""
    if ticker.startswith("$"):
        return [Ticker(ticker[1:], "word")]
    code = _CODE.fullmatch(ticker)
    if code:
        digits, market = code.groups()
        if market == "HK":
            short, long = digits.lstrip("0").zfill(4), digits.lstrip("0").zfill(5)
            sure = [f"{short}.HK", f"{long}.HK", f"{short.lstrip('0')}.HK", f"HK{long}", f"hk{long}", f"HK.{long}"]
            return [Ticker(one, "sure") for one in dict.fromkeys(sure)] + [
                Ticker(short, "marked"),
                Ticker(long, "marked"),
            ]
        markets = ("SH", "SS") if market in {"SH", "SS"} else ("SZ",)
        sure = [f"{digits}.{one}" for one in markets] + [f"{one}{digits}" for one in (markets[0], markets[0].lower())]
        return [*(Ticker(one, "sure") for one in sure), Ticker(digits, "code")]
    manner = "marked" if len(ticker) <= 2 or ticker.isdigit() else "plain"
    return [Ticker(ticker, manner)]


def mark(text: str, start: int, end: int) -> str:
    """How a ticker is marked at a place: `$C`, `NYSE: C`, `C.N` are `sure`, `(C)` is `bracket`, else ``."""
    before = _BEFORE.search(text[max(0, start - 12) : start])
    after = _AFTER.match(text, end)
    if before and before.group()[-1] in "(（":
        return "bracket" if after and after.group()[0] != "." else "sure" if after else ""
    return "sure" if before or (after and after.group()[0] == ".") else ""


def may_stand(manner: str, text: str, start: int, end: int) -> str:
    """Why a ticker counts here, or `` if it does not."""
    if manner == "sure":
        return "code with its market"
    marked = mark(text, start, end)
    if marked == "sure" or (marked == "bracket" and manner != "word"):
        return "marked as a ticker"
    line_start = text.rfind("\n", 0, start) + 1
    line = text[line_start:start] + text[end:].partition("\n")[0]
    if manner == "code":
        amount = _AMOUNT.search(text[max(0, start - 3) : start]) or _MEASURE.match(text, end)
        return "" if amount or not _HAN.search(line) else "code in a Chinese line"
    if manner != "plain":
        return ""
    # In a line of capitals every word looks like a ticker.
    mixed = any(character.islower() for character in line) or not any(character.isalpha() for character in line)
    return "ticker as written" if mixed else ""
