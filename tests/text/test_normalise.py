from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from text.normalise import canonical_url, clean, one_line

MARKUP = st.lists(
    st.sampled_from(
        ["<b>", "</b>", "<p>", "<br/>", "&amp;", "&lt;", "&gt;", "&#38;", "&#60;", "amp;", "lt;", "<", ">", "&", "b>", "<script>",
         "</script>", "<!--", "-->", "<![CDATA[", "]]>", " ", "\n", "\u00a0", "\u037e", "alpha", "\u0338", "e", "\u0301", "\u200b", "FTX"]
    ),
    max_size=24,
).map("".join)  # fmt: skip


@given(st.one_of(st.text(), MARKUP))
@example("&amp;" * 1 + "amp;" * 40 + "lt;b&gt;")
@example("&alpha\u037e")
@example("<<b>b>")
@example("\ud800")
def test_cleaning_a_clean_text_changes_nothing(raw: str) -> None:
    assert clean(clean(raw)) == clean(raw)
    assert one_line(one_line(raw)) == one_line(raw)


@given(st.one_of(st.text(), MARKUP))
def test_a_clean_text_can_be_written_and_shown(raw: str) -> None:
    text = clean(raw)
    assert text.encode("utf-8").decode("utf-8") == text
    assert text == text.strip()
    assert not any(ord(c) < 32 and c != "\n" for c in text)
    assert "\n" not in one_line(raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<p>FTX&nbsp;halts <b>with</b>drawals</p>", "FTX halts withdrawals"),
        ("Exxon &amp; more", "Exxon & more"),
        ("AT&T, R&D and S&P 500", "AT&T, R&D and S&P 500"),
        ("&amp;lt;b&amp;gt;twice escaped&amp;lt;/b&amp;gt;", "twice escaped"),
        ("Johnson & Johnson <JNJ.N> gained", "Johnson & Johnson <JNJ.N> gained"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("<script>alert(1)</script>Shares fell", "Shares fell"),
        ("<![CDATA[平安银行]]>", "平安银行"),
        ("a\x00b\u200bc\ufeff", "abc"),
        ("Cafe\u0301", "Café"),
        ("one\r\n\r\n  two\tthree", "one\ntwo three"),
        ("\u202eevil", "evil"),
    ],
)
def test_text_comes_out_plain(raw: str, text: str) -> None:
    assert clean(raw) == text


def test_text_escaped_thousands_of_times_ends_quickly_and_bare() -> None:
    assert "&" not in clean("&" + "amp;" * 5_000 + "lt;")


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("HTTPS://Example.COM:443/a/b?utm_source=x&id=7#top", "https://example.com/a/b?id=7"),
        ("http://example.com", "http://example.com/"),
        ("https://user:secret@example.com/a", "https://example.com/a"),
        ("https://example.com/a?b=2&a=1&fbclid=zzz", "https://example.com/a?a=1&b=2"),
        ("https://example.com/%e5%b9%b3?q=平安", "https://example.com/%E5%B9%B3?q=%E5%B9%B3%E5%AE%89"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("javascript:alert(1)", None),
        ("mailto:a@b.c", None),
        ("https://example.com:99999/", None),
        ("https://[::1", None),
        ("not a url", None),
        ("", None),
        ("https://example.com/" + "a" * 3000, None),
    ],
)
def test_an_address_has_one_form(raw: str, url: str | None) -> None:
    assert canonical_url(raw) == url


@given(
    st.one_of(
        st.text(),
        st.builds("https://example.com/{}?{}#{}".format, st.text(), st.text(), st.text()),
        st.builds("http://{}:80/".format, st.text(min_size=1)),
    )
)
def test_a_canonical_address_is_its_own_canonical_form(raw: str) -> None:
    url = canonical_url(raw)
    if url is not None:
        assert canonical_url(url) == url


@pytest.mark.parametrize("piece", ["<!--", "<script>", "<style>", "<![CDATA[", "&lt;", "<a ", "&#38;", "&", "<"])
def test_cleaning_takes_time_in_proportion_to_the_text(piece: str) -> None:
    # 400,000 characters: a quadratic pass over this would not end within the suite.
    assert clean("-->]]>" + piece * (400_000 // len(piece))) is not None
