from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from text.similarity import BANDS, PERMUTATIONS, shingles, signature, similarity


@given(st.text())
def test_a_signature_has_its_size_whatever_the_text(text: str) -> None:
    made = signature(text)
    if made is None:
        assert not text.strip()
    else:
        assert len(made.places) == PERMUTATIONS
        assert len(made.bands) == BANDS
        assert similarity(made.places, made.places) == 1.0


def test_a_signature_is_the_same_in_every_process_and_release() -> None:
    # Signatures lie in Redis: another value here means that stories split at the upgrade.
    made = signature("FTX Files for Chapter 11 Bankruptcy")
    assert made is not None
    assert made.places[:8].hex() == "8f2b8adb05d497b5"
    assert made.bands[0].hex() == "002bd062"


@given(st.lists(st.sampled_from([f"w{n}" for n in range(40)]), min_size=8, max_size=30), st.integers(0, 29))
def test_the_estimate_is_near_the_true_similarity(words: list[str], changed: int) -> None:
    other = list(words)
    other[changed % len(other)] = "another"
    one, two = " ".join(words), " ".join(other)
    true = len(shingles(one) & shingles(two)) / len(shingles(one) | shingles(two))
    first, second = signature(one), signature(two)
    assert first is not None
    assert second is not None
    # Five standard errors of 96 draws.
    assert abs(similarity(first.places, second.places) - true) < 0.26


def test_case_and_small_words_do_not_matter() -> None:
    assert shingles("The fall of FTX") == shingles("fall FTX")


def test_chinese_is_compared_by_pairs_of_characters() -> None:
    assert shingles("平安银行") == {"平安", "安银", "银行"}
