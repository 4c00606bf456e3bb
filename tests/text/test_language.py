from __future__ import annotations

import csv
import gzip
from importlib import resources

import pytest

from text.language import language


def _headlines() -> list[str]:
    packed = resources.files("tocsin").joinpath("streams", "crypto_2022_en_3src.csv.gz").read_bytes()
    return [row["title"] for row in csv.DictReader(gzip.decompress(packed).decode().splitlines())]


# Spanish, read by hand among those of the English stream that the detector calls foreign.
FOREIGN_IN_THE_STREAM = 8


def test_english_headlines_are_english() -> None:
    headlines = _headlines()
    missed = sum(language(headline) != "en" for headline in headlines) - FOREIGN_IN_THE_STREAM
    assert missed / len(headlines) < 0.01


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("平安银行三季度净利润同比增长", "zh"),
        ("FTX申请破产保护", "zh"),
        ("騰訊控股公布業績", "zh"),
        ("苹果iPhone销量下滑", "zh"),
        ("Meta裁员1.1万人", "zh"),
        ("トヨタ自動車が下方修正", "ja"),
        ("FTXが破産申請", "ja"),
        ("삼성전자 영업이익 급감", "ko"),
        ("Газпром сократил добычу газа", "ru"),
        ("البنك المركزي يرفع أسعار الفائدة", "ar"),
        ("Deutsche Bank meldet Gewinneinbruch im dritten Quartal", "de"),
        ("Sammelklage gegen Binance eingereicht", "de"),
        ("La BCE relève ses taux", "fr"),
        ("El Banco de España alerta sobre el riesgo", "es"),
        ("La Consob sospende il titolo", "it"),
        ("De Nederlandsche Bank waarschuwt voor crypto", "nl"),
        ("FTX halts withdrawals", "en"),
        ("Deutsche Bank says profit falls", "en"),
        ("El Salvador's bond falls", "en"),
        ("$FTX to the moon", "en"),
        ("Apple", "en"),
    ],
)
def test_short_texts_are_told_apart(text: str, lang: str) -> None:
    assert language(text) == lang


@pytest.mark.parametrize("text", ["", "   ", "12.5% 300", "🚀🚀🚀", "$BTC $ETH", "https://t.co/abc", "!!!"])
def test_a_text_without_words_is_undetermined(text: str) -> None:
    assert language(text) == "und"
