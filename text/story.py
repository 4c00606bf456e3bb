"""What a telling of a story is compared by, and how alike two tellings are: pure, and the same in ingest's Lua.

1. The title becomes tokens of three classes: numbers (1.9 billion, 75 basis points), common words of headlines
   (`data/common_*.txt`; words that mean the same there are one token, `data/synonyms.txt`), and rare ones: names.
   Chinese and Japanese become pairs of characters, and numbers.
2. Titles are alike by the weighted Dice coefficient of their tokens (L. Dice, 1945), less a penalty where each names
   something that the other does not; where each has a number of its own, they are two stories: a template's next issue.
3. The beginning of the body becomes pairs of words. Bodies are one where nearly all of the shorter one's pairs are in
   the other and at least one of the two titles names something that stands in its body: that is a wire's copy under
   another headline. A disclaimer names nothing of its title.

Everything is integers, so that Python and Lua agree to the last bit. The constants are part of the format of what is stored.
"""

# ruff: noqa: RUF001, SIM905 - Chinese punctuation is meant; a list of words reads best as words
from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import combinations, pairwise

COMMON, RARE, NUMBER = 0, 1, 2
WEIGHTS = (1, 5, 5)
TITLE_TOKENS = 20
BODY_PAIRS = 28
BODY_PAIRS_MIN = 6
LEADERS = 6  # tokens whose pairs are bands
BODY_BANDS = 4
BAND_BYTES = 4
PENALTY = 15  # thousandths, for each name that only one side has, of the side with fewer
SUBJECT = 150  # thousandths, where neither title holds the first name of the other
SAME = 590  # thousandths
SAME_BODY = 700  # thousandths of the shorter body's pairs

_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"\d+(?:[.,]\d+)*|[{_HAN}]+|[^\W\d_{_HAN}]+(?:[&'\u2019.][^\W\d_{_HAN}]+)*", re.UNICODE)
_PARTICLE = re.compile("[的了被将因于并在已拟为与和等向对其遭由及再会]")
_SCALE = {
    "k": 3, "thousand": 3, "m": 6, "mn": 6, "mln": 6, "million": 6, "b": 9, "bn": 9, "bln": 9, "billion": 9, "tn": 12,
    "trillion": 12, "万": 4, "亿": 8,
}  # fmt: skip
_WORD_NUMBERS = {"half": "50", "fifth": "20"}
# When: two issues of one column differ in it.
_TIMES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october"
    " november december first second third fourth q1 q2 q3 q4 一季 二季 三季 四季".split()
)
_PREFIX = re.compile(
    r"^(?:\W*(?:(?:RPT|REFILE|CORRECTED|UPDATE|WRAPUP|BRIEF|EXCLUSIVE|BREAKING|JUST IN|INSTANT VIEW|LIVE|ANALYSIS|FACTBOX)"
    r"(?: \d+)?\s*[-:\]]\s*)|(?:快讯|独家|突发|重磅|最新消息|财报速递|【公告】|【快讯】)[：:|｜！!\s]*)+",
    re.IGNORECASE,
)
_SUFFIX = re.compile(
    r"(?:\s+[-|\u2013]\s*[^\s]+(?: [^\s]+)?|\s*[（(](?:update|更新|图|组图)[)）]|-新华网)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Telling:
    """What a text is compared by.

    Attributes:
        features: a byte that is 1 where the title names something of its body, a byte with the number of tokens; for
            each token 3 bytes of hash and its class; then 3 bytes for each pair of words of the body.
        bands: keys of BAND_BYTES bytes; tellings that share none are not compared.
    """

    features: bytes
    bands: tuple[bytes, ...]


def telling(title: str, body: str = "") -> Telling | None:
    """What a clean text is compared by; None when there is nothing to compare."""
    tokens = _tokens(_SUFFIX.sub("", _PREFIX.sub("", title)) or title)[:TITLE_TOKENS]
    words = _words(body)
    if not tokens:
        if not words:
            return None
        tokens = _tokens(body[:200])[:TITLE_TOKENS]
        if not tokens:
            return None
    pairs = list(dict.fromkeys(_hash(f"{a} {b}") for a, b in pairwise(words)))[:BODY_PAIRS]
    spoken = set(words)
    told = any(kind == RARE and token in spoken for token, kind in tokens)
    hashed = [(_hash(token), kind) for token, kind in tokens]
    features = bytes((told, len(hashed))) + b"".join(one + bytes((kind,)) for one, kind in hashed) + b"".join(pairs)
    leaders = sorted(hashed, key=lambda token: (token[1] == COMMON, token[0]))[:LEADERS]
    keys = [first + second for first, second in combinations(sorted(one for one, _ in leaders), 2)]
    keys = keys or [leaders[0][0]]
    if len(pairs) >= BODY_PAIRS_MIN:
        lowest = sorted(pairs)[: BODY_BANDS + 1]
        keys += [b"b" + first + second for first, second in pairwise(lowest)]
    return Telling(features, tuple(zlib.crc32(key).to_bytes(4, "big") for key in keys))


def likeness(first: bytes, second: bytes) -> int:
    """How alike two tellings are, 0 to 1,000; at least SAME where a desk would file them under one story."""
    a_tokens, a_pairs = _split(first)
    b_tokens, b_pairs = _split(second)
    shared = only_a = only_b = 0
    alone = [[0, 0, 0], [0, 0, 0]]
    for token, kind in a_tokens.items():
        if token in b_tokens:
            shared += WEIGHTS[min(kind, b_tokens[token])]
        else:
            alone[0][kind] += 1
            only_a += WEIGHTS[kind]
    for token, kind in b_tokens.items():
        if token not in a_tokens:
            alone[1][kind] += 1
            only_b += WEIGHTS[kind]
    title = 2000 * shared // (2 * shared + only_a + only_b)
    title -= PENALTY * min(alone[0][RARE], alone[1][RARE])
    if not (_leads(a_tokens, b_tokens) or _leads(b_tokens, a_tokens)):
        title -= SUBJECT
    if (alone[0][NUMBER] and alone[1][NUMBER]) or _opposed(a_tokens, b_tokens):
        title = 0
    body = 0
    fewer = min(len(a_pairs), len(b_pairs))
    if fewer >= BODY_PAIRS_MIN and (first[0] or second[0]):
        body = 1000 * len(a_pairs & b_pairs) // fewer
        if body < SAME_BODY:
            body = 0
    return max(title, body, 0)


def _leads(one: dict[bytes, int], other: dict[bytes, int]) -> bool:
    """Whether the first name of one title is in the other; a title without a name leads anywhere."""
    first = next((token for token, kind in one.items() if kind == RARE), None)
    return first is None or first in other


def _opposed(one: dict[bytes, int], other: dict[bytes, int]) -> bool:
    """Whether one title only rises where the other only falls."""
    return any(
        up in one and down in other and up not in other and down not in one
        for rise, fall in OPPOSITES
        for up, down in ((rise, fall), (fall, rise))
    )


def _split(features: bytes) -> tuple[dict[bytes, int], set[bytes]]:
    end = 2 + 4 * features[1]
    tokens = {features[at : at + 3]: features[at + 3] for at in range(2, end, 4)}
    return tokens, {features[at : at + 3] for at in range(end, len(features), 3)}


def _hash(token: str) -> bytes:
    return zlib.crc32(token.encode("utf-8", "replace")).to_bytes(4, "big")[1:]


OPPOSITES = tuple(
    (_hash(up), _hash(down)) for up, down in (("rise", "fall"), ("上调", "下调"), ("negative", "positive"))
)


def _tokens(title: str) -> list[tuple[str, int]]:
    """Tokens and their classes, each once, in order."""
    out: dict[str, int] = {}
    found = list(_TOKEN.finditer(title.replace("\u2019", "'")))
    skip = False
    for at, match in enumerate(found):
        if skip:
            skip = False
            continue
        word = match.group().casefold()
        if word[0].isdigit():
            after = found[at + 1].group().casefold() if at + 1 < len(found) else ""
            near = at + 1 < len(found) and found[at + 1].start() - match.end() <= 1
            scale = _SCALE.get(after) or _SCALE.get(after[:1] if after[:1] in "万亿" else "")
            skip = bool(near and after in _SCALE)
            out.setdefault(_number(word, scale if near and scale else 0), NUMBER)
        elif "\u3040" <= word[0] <= "\u9fff" or "\uf900" <= word[0] <= "\ufaff":
            for part in _PARTICLE.split(word):
                for pair, kind in _pairs(part):
                    out.setdefault(_synonyms().get(pair, pair), kind)
        else:
            token = _stem(word)
            if token in _silent():
                continue
            if word in _TIMES:
                out.setdefault(word, NUMBER)
            elif token in _WORD_NUMBERS:
                out.setdefault(_number(_WORD_NUMBERS[token], 0), NUMBER)
            else:
                known = token in _common() or word in _common() or token in _meant()
                out.setdefault(token, COMMON if known else RARE)
    return list(out.items())


def _pairs(part: str) -> list[tuple[str, int]]:
    """Pairs of characters and their classes; a pair that only joins two common words says nothing."""
    if len(part) < 2:
        return [(part, RARE)] if part else []
    pairs = [part[i : i + 2] for i in range(len(part) - 1)]
    kinds = [
        NUMBER if pair in _TIMES else COMMON if pair in _common() or pair in _synonyms() else RARE for pair in pairs
    ]
    joints = {
        at
        for at in range(1, len(pairs) - 1)
        if kinds[at] == RARE and kinds[at - 1] == COMMON and kinds[at + 1] == COMMON
    }
    return [(pair, kind) for at, (pair, kind) in enumerate(zip(pairs, kinds, strict=True)) if at not in joints]


def _number(digits: str, scale: int) -> str:
    """One way to write a number: 1.9 with scale 9 is 1900000000; 1,300 is 1300."""
    plain = digits.replace(",", "")
    whole, _, fraction = plain.partition(".")
    if scale:
        fraction = fraction.replace(".", "")
        return f"#{(whole + fraction.ljust(scale, '0')[:scale]).lstrip('0')}"
    return f"#{plain.lstrip('0') or '0'}"


def _words(body: str) -> list[str]:
    words: list[str] = []
    for match in _TOKEN.finditer(body[:400].replace("\u2019", "'")):
        word = match.group().casefold()
        if "\u3040" <= word[0] <= "\u9fff" or "\uf900" <= word[0] <= "\ufaff":
            words += [word[i : i + 2] for i in range(len(word) - 1)] or [word]
        else:
            words.append(_stem(word))
    return words[: BODY_PAIRS + 2]


@cache
def _stem(word: str) -> str:
    word = word.removesuffix("'s").removesuffix("'").replace(".", "")
    if word in _synonyms():
        return _synonyms()[word]
    for ending, least in (("ies", 5), ("es", 6), ("s", 4), ("ing", 6), ("ed", 5)):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            stem = word[: -len(ending)] + ("y" if ending == "ies" else "")
            return _synonyms().get(stem, stem)
    return word


@cache
def _synonyms() -> dict[str, str]:
    groups = [line.split() for line in _data("synonyms.txt").splitlines() if line.strip()]
    return {word: group[0] for group in groups for word in group}


@cache
def _meant() -> frozenset[str]:
    return frozenset(_synonyms().values())


@cache
def _silent() -> frozenset[str]:
    return frozenset({"a"})


@cache
def _common() -> frozenset[str]:
    words = _data("common_en.txt").split()
    return frozenset(words) | {_stem(word) for word in words} | frozenset(_data("common_zh.txt").split())


def _data(name: str) -> str:
    return resources.files("text").joinpath("data", name).read_text(encoding="utf-8")
