"""What a text looks like everywhere after ingest: plain, NFC, without control characters, in quiet whitespace.

`clean(clean(x)) == clean(x)`, and the same for the others: an item that is fetched again yields the same text.
"""

# ruff: noqa: SIM905 - a list of words reads best as words
from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

URL_MAX_CHARACTERS = 2_048
_ROUNDS = 8  # text that is escaped more often than this is an attack, not a headline

# Only names of HTML are tags: `<JNJ.N>` is how a wire names a share, and stays.
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u"
    "|var|wbr"
)
_BLOCK = (
    "address|article|aside|audio|base|blockquote|body|br|button|canvas|caption|center|col|colgroup|data|datalist|dd|details"
    "|dialog|dir|div|dl|dt|embed|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hgroup|hr|html"
    "|iframe|img|input|label|legend|li|link|main|map|menu|meta|meter|nav|noframes|noscript|object|ol|optgroup|option"
    "|output|p|param|picture|pre|progress|section|select|slot|source|summary|svg|table|tbody|td|template|textarea|tfoot"
    "|th|thead|time|title|tr|track|ul|video"
)
_HIDDEN = re.compile(r"<!doctype[^<>]*>|<(script|style)(?=[\s/>])[^<>]*>|(<!--)", re.IGNORECASE)
_ENDS = {
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
    "<!--": re.compile("-->"),
}
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})(?=[\s/>])[^<>]*>", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK}|script|style)(?=[\s/>])[^<>]*>", re.IGNORECASE)
# With its semicolon only: `AT&T`, `R&D` and `?a=1&region=us` are text.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_SURROGATE = re.compile("[\ud800-\udfff]")
# C0 and C1 controls but tab and line ends; soft hyphen, zero-width space, marks of direction, byte-order mark.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_LINE_END = re.compile(r"[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_BLANK = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r" ?\n\s*")
_SPACE = re.compile(r"\s+")
# Visible ASCII but & and <, parted by single spaces: most headlines, and nothing in them can change.
_PLAIN = re.compile(r"(?:[!-%'-;=-~]+(?: [!-%'-;=-~]+)*)?")

_TRACKING = frozenset(
    "_ga _gl _hsenc _hsmi at_campaign at_medium cmp cmpid dclid fbclid feature ftag gbraid gclid gclsrc igshid mbid mc_cid"
    " mc_eid mkt_tok mod msclkid ncid ns_campaign ns_mchannel ns_source oly_anon_id oly_enc_id partner ref ref_src ref_url"
    " rss s_cid sh smid spm sr_share srnd taid trk twclid vero_id wbraid wt.mc_id wt_mc yclid".split()
)
_TRACKING_PREFIXES = ("utm_", "pk_", "piwik_", "mtm_", "hsa_", "ga_")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PATH_SAFE = "%/:@!$&'()*+,;=~-._"
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")


def clean(raw: str) -> str:
    """Plain text: no HTML, NFC, no control characters, single spaces, lines parted by one newline.

    Text escaped several times over (`&amp;lt;b&amp;gt;`) is unescaped to its end.
    """
    if _PLAIN.fullmatch(raw):
        return raw
    text = raw
    for _ in range(_ROUNDS):
        after = _once(text)
        if after == text:
            return after
        text = after
    # Nothing can be unescaped or stripped from a text that holds neither sign.
    return _once(text.translate({ord("&"): " ", ord("<"): " "}))


def one_line(raw: str) -> str:
    """`clean`, in one line: a title."""
    return _SPACE.sub(" ", clean(raw))


def _once(text: str) -> str:
    if "<" in text or "&" in text:
        text = _without_markup(text)
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    text = _INVISIBLE.sub("", text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    # Blanks first: a run of them before a line end would otherwise be walked once from each of its places.
    return _BLANK_LINES.sub("\n", _BLANK.sub(" ", _LINE_END.sub("\n", text))).strip()


def _without_markup(text: str) -> str:
    text = _CDATA.sub("", text) if "<![CDATA[" in text else text
    text = _without_hidden(text)
    text = _BLOCK_TAG.sub(" ", _INLINE_TAG.sub("", text))
    return _ENTITY.sub(lambda found: html.unescape(found.group()), text)


def _without_hidden(text: str) -> str:
    """Comments, scripts and styles with their content. One pass whatever the text: a missing end is looked for once."""
    kept: list[str] = []
    at = 0
    endless: set[str] = set()
    while found := _HIDDEN.search(text, at):
        kept += [text[at : found.start()], " "]
        at = found.end()
        kind = (found.group(1) or found.group(2) or "").lower()
        if kind and kind not in endless:
            end = _ENDS[kind].search(text, at)
            if end:
                at = end.end()
            else:
                endless.add(kind)
    kept.append(text[at:])
    return "".join(kept)


def canonical_url(raw: str) -> str | None:
    """One address for one page: lower-case scheme and host, no default port, user, fragment or tracking parameter.

    Parameters are sorted by name. None for what is no http(s) address, or longer than 2,048 characters.
    """
    try:
        parts = urlsplit(raw.strip())
        host, port = parts.hostname, parts.port
        if parts.scheme not in _DEFAULT_PORTS or not host or _SURROGATE.search(raw):
            return None
        parameters = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=200)
    except ValueError:  # a port of 99999, a bracket left open, too many parameters
        return None
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        netloc += f":{port}"
    kept = sorted((pair for pair in parameters if not _is_tracking(pair[0])), key=lambda pair: pair[0])
    path = _PERCENT.sub(lambda found: found.group().upper(), quote(parts.path or "/", safe=_PATH_SAFE))
    url = urlunsplit((parts.scheme, netloc, path, urlencode(kept, quote_via=quote), ""))
    return url if len(url) <= URL_MAX_CHARACTERS else None


def _is_tracking(name: str) -> bool:
    lower = name.lower()
    return lower in _TRACKING or lower.startswith(_TRACKING_PREFIXES)
