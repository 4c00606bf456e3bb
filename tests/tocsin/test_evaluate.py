"""`tocsin evaluate` as a person and as a program use it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contracts.errors import UserError
from inference.scoring import Scored, Scorer, TextToScore
from tocsin.cli import app
from tocsin.judging import Task, answer
from tocsin.labelled import Labelled

REAL = Path(str(files("training") / "data" / "en_sentiment_permissive.csv.gz"))
KEYS = {"n", "accuracy", "macro_f1", "per_class", "ece", "confusion", "texts_per_s", "bundle", "rejected"}


def evaluate(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *arguments], catch_exceptions=False, env={"COLUMNS": "160"})


def written(path: Path, rows: list[tuple[str, ...]]) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    content = text.getvalue().encode("utf-8-sig")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_json_is_one_object_that_agrees_with_itself() -> None:
    result = evaluate("sentiment", str(REAL), "--where", "split=test", "--limit", "40", "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said.keys() >= KEYS
    assert said["n"] == 40
    assert said["confusion"]["labels"] == ["negative", "neutral", "positive"]
    matrix = said["confusion"]["matrix"]
    assert sum(map(sum, matrix)) == 40
    assert said["accuracy"] == pytest.approx(sum(matrix[k][k] for k in range(3)) / 40)
    present = [one["f1"] for one in said["per_class"].values() if one["n"]]
    assert said["macro_f1"] == pytest.approx(sum(present) / len(present), abs=1e-4)
    assert said["accuracy"] > 0.6
    assert said["bundle"].startswith("en-")
    assert said["texts_per_s"] > 0


def test_labels_of_other_names_in_a_process_of_its_own_with_figures_worked_by_hand(tmp_path: Path) -> None:
    # What the model without a model answers is written into the texts.
    rows = [
        ("headline", "mood"),
        ("[[negative]] one", "Bearish"), ("[[negative]] two", "bearish"), ("[[positive]] three", "BEARISH"),
        ("[[positive]] four", "1"), ("[[positive]], five\nin two lines", "1"), ("   ", "1"),
    ]  # fmt: skip
    file = written(tmp_path / "moods.csv.gz", rows)
    command = [
        sys.executable,
        "-m",
        "tocsin",
        "evaluate",
        "sentiment",
        str(file),
        "--text",
        "headline",
        "--label",
        "mood",
    ]
    command += ["--map", "bearish=negative,1=positive", "--bundle", "deterministic", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    said = json.loads(line)
    assert (said["n"], said["rejected"], said["accuracy"]) == (5, 1, 0.8)
    assert said["confusion"]["matrix"] == [[2, 0, 1], [0, 0, 0], [0, 0, 2]]
    # F1 0.8 for negative and 0.8 for positive; nobody is neutral, so it counts in no mean.
    assert said["macro_f1"] == 0.8
    assert said["per_class"]["negative"] == {"n": 3, "precision": 1.0, "recall": 0.6667, "f1": 0.8}
    assert said["per_class"]["neutral"]["n"] == 0
    # Every top probability is that of a logit of 6 against two of -2 to 2.
    assert said["ece"] == pytest.approx(0.2, abs=0.02)


def test_the_answers_do_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = [(f"Share number {n} falls {n}% on fraud", "negative") for n in range(12)]
    first = evaluate("sentiment", str(written(tmp_path / "a.csv", [("text", "label"), *rows])), "--json")
    second = evaluate("sentiment", str(written(tmp_path / "b.csv", [("text", "label"), *rows[::-1]])), "--json")
    one, other = (json.loads(result.stdout) | {"texts_per_s": 0} for result in (first, second))
    assert one == other


def test_topics_are_the_fourteen(tmp_path: Path) -> None:
    rows = [("text", "topic"), ("[[topic:politics]] x", "Politics"), ("[[topic:analyst]] y", "macro_policy")]
    result = evaluate(
        "topic", str(written(tmp_path / "t.csv", rows)), "--label", "topic", "--bundle", "deterministic", "--json"
    )
    said = json.loads(result.stdout)
    assert len(said["confusion"]["labels"]) == len(said["per_class"]) == 14
    assert said["accuracy"] == 0.5


class Towards:
    """A scorer that says of a mention what stands behind its name."""

    def __init__(self) -> None:
        self.asked: list[TextToScore] = []

    def version(self, lang: str) -> str:
        return f"towards-{lang}"

    def score(self, texts: list[TextToScore]) -> list[Scored]:
        self.asked += texts
        return [
            Scored(
                t.id,
                sentiment=_sure("neutral"),
                mentions=[_sure(t.title[s[0][1] + 1 :].split()[0]) for s in t.mentions],
            )
            for t in texts
        ]


def _sure(label: str) -> dict[str, float]:
    return {name: float(name == label) for name in ("negative", "neutral", "positive")}


def test_entities_of_one_text_go_in_one_pass_each_with_its_own_answer() -> None:
    text = "Acme negative Bolt positive acme positive"
    other = "Cord positive"
    judged = [
        Labelled(text, "negative", "Acme"), Labelled(other, "positive", "Cord"), Labelled(text, "positive", "Bolt"),
        Labelled(text, "neutral", "Zinc"), Labelled(text, "positive", "BOLT"),
    ]  # fmt: skip
    scorer = Towards()
    done: list[int] = []
    found: Any = answer(judged, Task.ENTITY, scorer, "en", done=done.append)  # type: ignore[arg-type]
    assert [max(said, key=said.get) for said in found.said] == [
        "negative",
        "positive",
        "positive",
        "neutral",
        "positive",
    ]
    assert [asked.title for asked in scorer.asked] == [text, other]
    assert found.not_found == 1
    assert sum(done) == found.texts == 2


def test_an_entity_that_does_not_occur_gets_the_answer_of_its_text_and_is_counted(tmp_path: Path) -> None:
    rows = [
        ("text", "entity", "label"),
        ("Lender Acme files for bankruptcy", "Acme", "negative"),
        ("Lender Acme files for bankruptcy", "Bolt", "negative"),
    ]
    said = json.loads(evaluate("entity", str(written(tmp_path / "e.csv", rows)), "--json").stdout)
    assert (said["n"], said["accuracy"], said["not_found"]) == (2, 1.0, 1)


def test_for_people_it_prints_a_table(tmp_path: Path) -> None:
    rows = [("text", "label"), ("[[negative]] x", "negative"), ("[[negative]] y", "positive"), ("", "neutral")]
    result = evaluate("sentiment", str(written(tmp_path / "[set].csv", rows)), "--bundle", "deterministic")
    assert "sentiment of [set].csv by deterministic" in result.stdout
    assert re.search(r"positive +1 +0\.000 +0\.000 +0\.000 +1 +0 +0", result.stdout)
    assert "2 judged, accuracy 0.5000" in result.stdout
    assert "1 could not be scored" in result.stdout


def test_a_chinese_file_goes_to_a_bundle_that_reads_chinese_or_says_that_there_is_none(tmp_path: Path) -> None:
    file = str(
        written(tmp_path / "zh.csv", [("text", "label"), ("股价大跌", "negative"), ("公司被立案调查", "negative")])
    )
    with pytest.raises(
        UserError, match=r"zh\.csv: most texts are in 'zh', and bundle en reads en; --lang en judges it all"
    ):
        evaluate("sentiment", file, "--bundle", "en")
    assert json.loads(evaluate("sentiment", file, "--bundle", "en", "--lang", "en", "--json").stdout)["n"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--map", "bearish"], "--map: 'bearish' is not OLD=NEW"),
        (["--where", "split"], "--where: 'split' is not COLUMN=VALUE"),
        (["--where", "split=test"], "no column 'split'"),
        (["--text", "headline"], "no column 'headline'; the header has 'text', 'label'"),
        (["--bundle", "nowhere"], "--bundle nowhere: no such folder; the bundles that ship are "),
        (["--lang", "fr"], "--lang fr, and no bundle for it ships"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_sentence(tmp_path: Path, options: list[str], said: str) -> None:
    file = written(tmp_path / "set.csv", [("text", "label"), ("Oil falls", "negative")])
    with pytest.raises(UserError, match=re.escape(said)):
        evaluate("sentiment", str(file), *options)


def test_a_file_of_empty_texts_is_no_result(tmp_path: Path) -> None:
    file = written(tmp_path / "set.csv", [("text", "label"), ("", "negative"), (" ", "neutral")])
    with pytest.raises(UserError, match="not one of its 2 texts can be scored"):
        evaluate("sentiment", str(file), "--bundle", "deterministic", "--json")


def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    file = written(tmp_path / "set.csv", [("text", "label"), ("Oil", "up")])
    command = [sys.executable, "-m", "tocsin", "evaluate", "sentiment", str(file), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"tocsin: {file}, row 1 (line 2), column 'label': unknown label 'up'")


def test_the_scorer_of_this_file_stands_for_the_real_one() -> None:
    assert {"version", "score"} <= set(dir(Scorer))
