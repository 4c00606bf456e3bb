"""Personal data in comments, masked before anything is written: mail addresses, phone, identity and card numbers. Pure.

Each finding is replaced by its kind in square brackets, and counted by the caller. A number is masked only when it has the
form and, where there is one, the check digit of what it seems to be: prices, amounts, dates and share codes stay.

| kind | what is found |
|---|---|
| `mail` | addresses with @, also `name (at) host (dot) com` |
| `card` | payment cards: 13 to 19 digits, grouped or not, that pass Luhn (ISO/IEC 7812-1) |
| `id` | 18-digit mainland identity numbers (GB 11643-1999), Hong Kong identity cards (weighted sum mod 11), US social security |
| `phone` | +country numbers, mainland mobiles and land lines, North American numbers, any number after a word that names one |
| `account` | QQ and WeChat names and bank accounts after the word that names them |
"""

# ruff: noqa: RUF001 - Chinese punctuation is what is looked for
from __future__ import annotations

import re

# Nothing without one of these signs can hold what is masked: most comments are passed in one look.
_SUSPECT = re.compile(
    r"@|＠|\(at\)|\[at\]|\d[\d\s().\-]{5,}\d|[A-Za-z]\d{6}[(（]|微信|加微|扣扣|账号|帳號|卡号|we-?chat|vx|qq|iban",
    re.IGNORECASE,
)
_MAIL = re.compile(
    r"[\w.+-]{1,64}\s?(?:@|＠|\(at\)|\[at\])\s?(?:[A-Za-z0-9-]{1,63}(?:\.|\s?\(dot\)\s?|\s?\[dot\]\s?)){1,5}[A-Za-z]{2,24}",
    re.IGNORECASE | re.ASCII,
)
_LONG = re.compile(r"(?<![\d.,$€£¥#+])\d(?:[ -]?\d){12,18}(?![\d%])(?!\.\d)")
_MAINLAND_ID = re.compile(
    r"(?<![\dA-Za-z])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"
)
_HONG_KONG_ID = re.compile(r"(?<![A-Za-z\d])([A-Za-z]{1,2})(\d{6})[(（]([\dAa])[)）]")
_US_SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_PHONES = (
    re.compile(
        r"(?<![\d.,$€£¥])(?:\+|00)[1-9]\d{0,2}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{2,5}(?:[ .-]?\d{2,5}){1,4}(?!\d)"
    ),
    re.compile(r"(?<![\d.,$€£¥])(?:86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)(?!\.\d)"),
    re.compile(r"(?<![\d.,$€£¥-])0\d{2,3}[ -]\d{7,8}(?:-\d{1,6})?(?!\d)"),
    re.compile(r"(?<![\d.,$€£¥])400[ -]\d{3,4}[ -]\d{3,4}(?!\d)"),
    re.compile(r"(?<![\d.,$€£¥-])(?:1[ .-])?(?:\([2-9]\d{2}\)[ ]?|[2-9]\d{2}[.-])[2-9]\d{2}[.-]\d{4}(?![\d-])"),
)
_NAMED_PHONE = re.compile(
    r"((?:电话|電話|手机|手機|联系方式|热线|致电|tel|phone|mobile|cell|call me(?: at| on)?|whatsapp)\s*[:：.]?\s*)"
    r"(\d[\d ()-]{5,16}\d)",
    re.IGNORECASE,
)
_NAMED_ACCOUNT = re.compile(
    r"((?:微信号?|加微|we-?chat(?: id)?|\bvx|\bqq群?号?|扣扣)\s*[:：]?\s*)([A-Za-z][\w-]{5,19}|\d{5,11})(?![\w-])"
    r"|((?:银行卡号?|账号|帳號|卡号|account (?:no\.?|number)|iban)\s*[:：]?\s*)([A-Z]{2}\d{2}[A-Z0-9]{8,30}|\d[\d ]{7,22}\d)",
    re.IGNORECASE,
)


def mask(text: str) -> tuple[str, dict[str, int]]:
    """The text without personal data, and how many of each kind were masked.

    Masking a masked text changes nothing.
    """
    if not _SUSPECT.search(text):
        return text, {}
    found: dict[str, int] = {}

    def put(kind: str, before: str = "") -> str:
        found[kind] = found.get(kind, 0) + 1
        return f"{before}[{kind}]"

    text = _MAIL.sub(lambda _: put("mail"), text)
    text = _MAINLAND_ID.sub(lambda hit: put("id") if _mainland_id(hit.group()) else hit.group(), text)
    text = _HONG_KONG_ID.sub(lambda hit: put("id") if _hong_kong_id(*hit.groups()) else hit.group(), text)
    text = _LONG.sub(lambda hit: put("card") if _luhn(hit.group()) else hit.group(), text)
    text = _US_SSN.sub(lambda _: put("id"), text)
    text = _NAMED_ACCOUNT.sub(lambda hit: put("account", hit.group(1) or hit.group(3)), text)
    text = _NAMED_PHONE.sub(lambda hit: put("phone", hit.group(1)), text)
    for phone in _PHONES:
        text = phone.sub(lambda _: put("phone"), text)
    return text, found


def _luhn(number: str) -> bool:
    """The check of ISO/IEC 7812-1; all zeros is no card."""
    digits = [int(sign) for sign in number if sign.isdigit()]
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0 and len(set(digits)) > 1


def _mainland_id(number: str) -> bool:
    """The check digit of GB 11643-1999 (ISO 7064 MOD 11-2)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], weights, strict=True))
    return "10X98765432"[total % 11] == number[17].upper()


def _hong_kong_id(letters: str, digits: str, check: str) -> bool:
    """The weighted sum of a Hong Kong identity card: A = 10 ... Z = 35, a missing first letter 36, weights 9 to 1."""
    values = [ord(letter) - 55 for letter in letters.upper()]
    values = [36, *values] if len(values) == 1 else values
    values += [int(digit) for digit in digits]
    values.append(10 if check.upper() == "A" else int(check))
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0
