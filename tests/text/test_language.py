from __future__ import annotations

import csv
import gzip
import json
from importlib import resources
from pathlib import Path

import pytest

from text.language import language


def _headlines() -> list[str]:
    packed = resources.files("tocsin").joinpath("streams", "crypto_2022_en_3src.csv.gz").read_bytes()
    return [row["title"] for row in csv.DictReader(gzip.decompress(packed).decode().splitlines())]


# Spanish, read by hand among those of the English stream that the detector calls foreign.
FOREIGN_IN_THE_STREAM = 8


def test_english_headlines_are_english() -> None:
    headlines = _headlines()
    taken_for_foreign = sum(language(headline) != "en" for headline in headlines)
    assert taken_for_foreign <= FOREIGN_IN_THE_STREAM + len(headlines) / 1000


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_our_own_texts_are_in_their_language(lang: str) -> None:
    packed = (Path(__file__).parents[2] / "training" / "data" / f"own_{lang}.jsonl.gz").read_bytes()
    texts = [json.loads(line)["text"] for line in gzip.decompress(packed).decode().splitlines()]
    assert sum(language(text) != lang for text in texts) / len(texts) < 0.002


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
        ("Siemens streicht Stellen", "de"),
        ("Petrobras aumenta preços da gasolina", "pt"),
        ("Nokia varoittaa tuloksesta", "fi"),
        ("Exchange global Binance lanza tarjeta prepaga en Argentina junto a Mastercard", "es"),
        ("Danske pleads guilty", "en"),
        ("Do Kwon Isn't Done Yet", "en"),
        ("El Salvador President Credits Bitcoin For Tourism Spike", "en"),
        ("Alibaba (阿里巴巴) shares fall after the company reports a loss", "en"),
        ("今晚CPI print 2.7%，低于 expected，soft landing 这剧本稳", "zh"),
        ("SOL冲300！", "zh"),
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
