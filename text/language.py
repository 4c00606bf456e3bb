"""Which language a text is in: by its script where that is enough, else by py3langid, with evidence for English.

A detector for short texts sees names: "Deutsche Telekom Team Launches Staking" looks German to it. So for Latin script
English is the guess to be refuted: another language must lead by MARGIN nats, and function words move the lead. Those of
other languages count only in lower case, because in capitals they are names: El Salvador, Do Kwon. An English text that is
taken for another language is lost to the model; another language's that is taken for English is scored badly: the first
costs more. Chinese with English terms in it is Chinese unless the Latin part is a sentence.
Measured on the headlines of the 2022 crypto stream and on our own texts: see tests/text/test_language.py.
"""

# ruff: noqa: SIM905 - a list of words reads best as words
from __future__ import annotations

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

UNDETERMINED = "und"
CONSIDERED_CHARACTERS = 600  # a headline and a lead; more changes nothing but the time it takes
MARGIN = 16.0
ENGLISH_WORD = 8.0  # nats that one English function word is worth
OTHER_WORD = 6.0
PLAIN_ENGLISH = 2  # with so many English function words and none of another language the detector is not asked
SENTENCE = 2  # with so many of them the Latin part of a text with Han characters is a sentence with a name in brackets
HAN_WEIGHT = 2.5  # letters of a Latin word that one Han character stands for

_LATIN = ["en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "tr", "id", "pl", "cs", "ro", "hu", "vi"]
_CYRILLIC = ["ru", "uk", "bg", "sr"]
_ARABIC = ["ar", "fa", "ur"]
_SCRIPTS = {
    "ja": re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f]"),
    "ko": re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"),
    "zh": re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"),
    "cyrillic": re.compile(r"[\u0400-\u052f]"),
    "arabic": re.compile(r"[\u0600-\u06ff\u0750-\u077f]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
}
_LATIN_LETTER = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_WORD = re.compile(r"[^\W\d_]+")
# Neither addresses nor handles, cashtags and hashtags are words of a language.
_NO_WORDS = re.compile(r"https?://\S+|www\.\S+|[@#$]\w+")

_ENGLISH = frozenset(
    "the of to for with and is are were be been has have had will would can could may its it this that these their his"
    " her from by at after before over under amid into about than but not you your we our they how why what when who says"
    " said new down out off against amid while despite beats cuts declares dividend estimates falls files gains investors"
    " jumps launches loses names net plunges price prices profit quarter quits raises reports results rises sees shares"
    " slides soars stock stocks sues surges trading warns withdrawals".split()
)
_SHARED = frozenset(
    "for of is at was over under not her new net down its all trading shares".split()
)  # not only English
_OTHER = frozenset(
    "der das und ist nicht mit für auf von dem den im ein eine einen einer zu zur zum bei aus nach wie auch über unter vor"
    " mehr wird sich le la les des du et un une pour dans sur est au aux par plus ses qui que ne pas el los las de del y"
    " por con para una se su sus al más como entre il lo gli della dello delle dei che per non nel nella alla ai si sono"
    " più os um uma em na da dos das ao não pela pelo mais het een van voor op met dat niet aan bij naar ook zijn och att"
    " av på för som till ve bir bu için dan di yang ini untuk dari pada w na się z do jest nie và của một".split()
)


def language(text: str) -> str:
    """The language of a clean text: ISO 639-1, or `und` when there are no letters to tell it by."""
    sample = text[:CONSIDERED_CHARACTERS]
    if not sample.isascii():
        found = _by_script(sample)
        if found:
            return found
    sample = _NO_WORDS.sub(" ", sample)
    if not _LATIN_LETTER.search(sample):
        return UNDETERMINED
    return _among_latin(sample)


def _by_script(text: str) -> str | None:
    """The language whose script rules the text; None when Latin does, or when there are no letters at all."""
    found = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    latin = len(_LATIN_LETTER.findall(_NO_WORDS.sub(" ", text)))
    # Kana make a text Japanese however many Han characters stand beside them.
    if found["ja"] * 10 > found["zh"] and (found["ja"] + found["zh"]) * HAN_WEIGHT >= latin and found["ja"]:
        return "ja"
    weight = {name: n * (HAN_WEIGHT if name in ("zh", "ko") else 1.0) for name, n in found.items() if n}
    if not weight:
        return None
    top = max(weight, key=lambda name: weight[name])
    if weight[top] < latin:
        terms = top == "zh" and len({w.lower() for w in _WORD.findall(text)} & _ENGLISH) < SENTENCE
        return "zh" if terms else None
    if top == "cyrillic":
        return str(_identifier("cyrillic").classify(text)[0])
    if top == "arabic":
        return str(_identifier("arabic").classify(text)[0])
    return top


def _among_latin(text: str) -> str:
    found = _WORD.findall(text)
    words = {word.lower() for word in found}
    english_words, other_words = words & _ENGLISH, {word for word in found if word in _OTHER}
    if not other_words and (len(english_words) >= PLAIN_ENGLISH or english_words - _SHARED):
        return "en"
    scores: dict[str, float] = dict(_identifier("latin").rank(text))
    english = scores.pop("en")
    other = max(scores, key=lambda name: scores[name])
    lead = scores[other] - english + OTHER_WORD * len(other_words) - ENGLISH_WORD * len(english_words)
    return "en" if lead <= MARGIN else other


@cache
def _identifier(script: str) -> LanguageIdentifier:
    """One identifier per script, loaded on first use: 0.2 s, 28 MB."""
    identifier = LanguageIdentifier.from_pickled_model(MODEL_FILE)
    identifier.set_languages({"latin": _LATIN, "cyrillic": _CYRILLIC, "arabic": _ARABIC}[script])
    return identifier
