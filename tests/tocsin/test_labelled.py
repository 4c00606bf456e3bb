"""Labelled files of the user's, whole and broken."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import UserError
from tocsin.labelled import Columns, Labelled, mostly_chinese, read_labelled, read_labels, spans_of

LABELS = ("negative", "neutral", "positive")
ENTITY = Columns(entity="entity")


def written(folder: Path, content: str | bytes, name: str = "set.csv") -> Path:
    path = folder / name
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def read(path: Path, columns: Columns | None = None, renamed: str = "", limit: int | None = None) -> list[Labelled]:
    return read_labelled(path, columns or Columns(), LABELS, read_labels(renamed, LABELS), limit)


SAME = [
    ("set.csv", 'text,label\nOil falls,Negative\n"Two\nlines, ""quoted""", POSITIVE \n'),
    ("set.csv", '\ufefftext,label\nOil falls,negative\n"Two\nlines, ""quoted""",positive\n'),
    ("set.csv", '\ufeff"text","label"\r\nOil falls,negative\r\n"Two\nlines, ""quoted""",positive\r\n'),
    ("set.csv.gz", 'label,text\nnegative,Oil falls\npositive,"Two\nlines, ""quoted"""\n'),
    ("set.tsv", 'text\tlabel\nOil falls\tnegative\n"Two\nlines, ""quoted"""\tpositive\n'),
    (
        "set.jsonl",
        '{"text": "Oil falls", "label": "negative"}\n\n{"text": "Two\\nlines, \\"quoted\\"", "label": "Positive"}\n',
    ),
    (
        "set.jsonl.gz",
        '{"label": "negative", "text": "Oil falls"}\n{"label": "positive", "text": "Two\\nlines, \\"quoted\\""}',
    ),
]


@pytest.mark.parametrize(("name", "content"), SAME)
def test_csv_tsv_and_jsonl_say_the_same_zipped_or_not(tmp_path: Path, name: str, content: str) -> None:
    expected = [Labelled("Oil falls", "negative"), Labelled('Two\nlines, "quoted"', "positive")]
    assert read(written(tmp_path, content, name)) == expected


def test_texts_and_names_are_cleaned_as_ingest_would_have(tmp_path: Path) -> None:
    file = written(tmp_path, "text,entity,label\n<b>AT&amp;T</b>  cuts\u200b jobs,AT&amp;T,negative\n")
    assert read(file, ENTITY) == [Labelled("AT&T cuts jobs", "negative", "AT&T")]


def test_other_names_of_labels_are_mapped_in_any_case(tmp_path: Path) -> None:
    file = written(tmp_path, "text,label\na,Bearish\nb,0\nc,neutral\n")
    assert [one.label for one in read(file, renamed="bearish=negative, 0=positive")] == [
        "negative",
        "positive",
        "neutral",
    ]


def test_numbers_in_jsonl_are_labels_too(tmp_path: Path) -> None:
    file = written(tmp_path, '{"text": "a", "label": 2}\n', "set.jsonl")
    assert read(file, renamed="2=positive") == [Labelled("a", "positive")]


def test_only_rows_that_fulfil_the_conditions_count_towards_the_limit(tmp_path: Path) -> None:
    file = written(tmp_path, "text,label,split\na,negative,train\nb,neutral,test\nc,??,train\nd,positive,test\n")
    columns = Columns(where={"split": "test"})
    assert [one.text for one in read(file, columns)] == ["b", "d"]
    assert [one.text for one in read(file, columns, limit=1)] == ["b"]


def test_an_entity_a_row_or_all_of_a_text_in_one_object(tmp_path: Path) -> None:
    rows = "text,entity,label\nA sues B,A,neutral\nA sues B,B,negative\n"
    objects = (
        json.dumps({"text": "A sues B", "entity": {"A": "neutral", "B": "Negative"}})
        + '\n{"text": "C", "entity": {}}\n'
    )
    expected = [Labelled("A sues B", "neutral", "A"), Labelled("A sues B", "negative", "B")]
    assert read(written(tmp_path, rows), ENTITY) == expected
    assert read(written(tmp_path, objects, "set.jsonl"), ENTITY) == expected


BAD = [
    ("set.csv", "text,label\nOil,negative\n\nGas,up\nTin,up\nZinc,flat\n", "row 2 (line 4), column 'label': unknown label 'up'; also 'flat' (1 rows); there are negative, neutral, positive: rename with --map up=negative"),
    ("set.csv", "text,label\nOil,\n", "row 1 (line 2), column 'label': unknown label ''"),
    ("set.csv", "headline,label\nOil,negative\n", "no column 'text'; the header has 'headline', 'label'"),
    ("set.csv", "text,polarity\nOil,negative\n", "no column 'label'; the header has 'text', 'polarity'"),
    ("set.csv", "", "there are no rows in it; it needs a header"),
    ("set.csv", "text,label\n", "there are no rows in it; it needs a header"),
    ("set.csv", "text,label\nOil,negative\nGas\n", "row 2: line 3: 1 fields where the header has 2; quote fields"),
    ("set.csv", b"text,label\nOil,negative\n\xe9t\xe9,neutral\n", "row 2: line 3: not UTF-8 in column 'text'; save the file in UTF-8"),
    ("set.csv", "text,label\nOil,negative\n".encode("utf-16"), "the header is not UTF-8; save the file"),
    ("set.csv", b"\x1f\x8b\x08\x00garbage", "the gzip stream is damaged"),
    ("set.jsonl", '{"text": "a", "label": "neutral"}\n{"label": "neutral"}\n', "row 2 (line 2): there is no 'text'; name the field with --text"),
    ("set.jsonl", '{"text": "a"}\n', "row 1 (line 1): there is no 'label'; name the field with --label"),
    ("set.jsonl", '{"text": 7, "label": "neutral"}\n', "row 1 (line 1), column 'text': 7 is no text"),
    ("set.jsonl", "text,label\n", "row 1: line 1: "),
    ("set.jsonl", '["a"]\n', "write one JSON object a line"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "said"), BAD, ids=[said for _, _, said in BAD])
def test_what_cannot_be_used_is_named_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    file = written(tmp_path, content, name)
    with pytest.raises(UserError, match=re.escape(said)) as error:
        read(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_gzip_that_ends_early_is_not_judged_in_part(tmp_path: Path) -> None:
    rows = "".join(f"Share number {n * 7919} falls,negative\n" for n in range(5_000))
    whole = gzip.compress(b"text,label\n" + rows.encode())
    with pytest.raises(UserError, match=r"row \d+: the gzip stream is damaged .* pack or fetch the file again"):
        read(written(tmp_path, whole[: len(whole) // 2], "set.csv"))


def test_an_entity_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"row 1 \(line 2\), column 'entity': empty"):
        read(written(tmp_path, "text,entity,label\nA, ,neutral\n"), ENTITY)
    with pytest.raises(UserError, match="no column 'entity'"):
        read(written(tmp_path, "text,label\nA,neutral\n"), ENTITY)


def test_conditions_that_leave_nothing_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of its rows has split=dev"):
        read(written(tmp_path, "text,label,split\na,neutral,test\n"), Columns(where={"split": "dev"}))


@pytest.mark.parametrize(
    ("renamed", "said"),
    [
        ("bearish", "'bearish' is not OLD=NEW"),
        ("=negative", "'=negative' is not OLD=NEW"),
        ("up=good", "there is no label 'good'; there are negative, neutral, positive"),
        ("up=positive,UP=negative", "'up' is given twice"),
    ],
)
def test_a_map_that_cannot_be_used_is_named(renamed: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_labels(renamed, LABELS)


def test_the_language_of_a_file_is_that_of_most_texts() -> None:
    assert mostly_chinese(["股价大跌", "Oil falls", "公司被立案调查"])
    assert not mostly_chinese(["股价大跌", "Oil falls"])
    assert not mostly_chinese(["Ölpreis fällt", "股价大跌", ""])


SPANS = [
    ("Ford", "affordable Ford, FORD and Ford", [(11, 15), (26, 30)]),
    ("ford", "affordable Ford and FORD", [(2, 6)]),
    ("FORD", "Ford and ford", [(0, 4), (9, 13)]),
    ("茅台", "贵州茅台大跌, 茅台", [(2, 4), (8, 10)]),
    ("C++ [x]", "C++ [x] up", [(0, 7)]),
    ("Tesla", "oil", []),
    ("", "oil", []),
]


@pytest.mark.parametrize(("name", "text", "spans"), SPANS)
def test_a_name_is_found_as_written_first_then_in_any_case(name: str, text: str, spans: list[tuple[int, int]]) -> None:
    assert spans_of(name, text) == spans


@given(st.text(max_size=6), st.text(max_size=40))
def test_what_is_found_is_the_name(name: str, text: str) -> None:
    for start, end in spans_of(name, text):
        assert re.fullmatch(re.escape(name), text[start:end], re.IGNORECASE)
    assert bool(spans_of(name, text)) >= (bool(name) and name in text)
