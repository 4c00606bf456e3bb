"""`rules.yaml`: defaults, and mistakes that name file, line and what to do."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from alerts.rules import Rules, read_rules
from contracts.errors import UserError


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    assert read_rules(written(tmp_path, "")) == Rules()
    rules = read_rules(written(tmp_path, "volume:\n  open: 15\n"))
    assert rules.volume.open == 15
    assert rules.volume.minimum == Rules().volume.minimum
    assert rules.negative == Rules().negative


def test_the_file_that_init_writes_is_the_defaults() -> None:
    with (files("tocsin") / "templates" / "rules.yaml").open(encoding="utf-8") as file:
        assert file.read()
    assert read_rules(Path(str(files("tocsin") / "templates" / "rules.yaml"))) == Rules()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("negative:\n  open: 9\n  clos: 3\n", r"rules\.yaml:3: negative\.clos: there is no such field.*close"),
        ("negtive:\n  open: 9\n", r"rules\.yaml:1: negtive: there is no such field.*negative, volume, viral"),
        ("volume:\n  enabled: true\nnegative:\n  open: high\n", r"rules\.yaml:4: negative\.open: .*number"),
        ("negative:\n  close: 9.6\n", r"rules\.yaml:1: negative: close \(9\.6\) must lie below"),
        ("negative:\n  open: -1\n", r"rules\.yaml:2: negative\.open: .*greater than or equal to 1"),
        ("negative:\n  minimum: 0\n", r"rules\.yaml:2: negative\.minimum: .*greater than or equal to 1"),
        ("- negative\n", r"rules\.yaml:1: expected rules by name"),
        ("negative: 5\n", r"rules\.yaml:1: negative: "),
        ("negative: [1\n", r"rules\.yaml:2: not YAML"),
    ],
)
def test_a_mistake_names_its_line_and_its_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_rules(written(tmp_path, text))


def test_a_missing_or_foreign_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file; `tocsin init` writes one"):
        read_rules(tmp_path / "rules.yaml")
    path = tmp_path / "rules.yaml"
    path.write_bytes(b"\xff\xfe\x00n")
    with pytest.raises(UserError, match="save it as UTF-8"):
        read_rules(path)


def test_slow_windows_have_a_threshold_of_their_own() -> None:
    negative = Rules().negative
    assert [negative.open_at(minutes) for minutes in (5, 60, 360, 1440)] == [9.5, 9.5, 8.0, 8.0]


def test_an_entity_and_a_topic_may_be_tuned(tmp_path: Path) -> None:
    rules = read_rules(
        written(
            tmp_path,
            "entities:\n  ftx: {sensitivity: 1.5, minimum: 6}\ntopics:\n  politics: {enabled: false, minimum: 9}\n",
        )
    )
    base = Rules().negative
    assert rules.of("entity:other")["negative"] == base
    ftx = rules.of("entity:ftx")["negative"]
    assert (ftx.open, ftx.open_slow, ftx.minimum) == (base.open - 1.5, base.open_slow - 1.5, 6)
    assert ftx.close < ftx.open_slow
    both = rules.of("entity:ftx/topic:politics")["negative"]
    assert (both.open, both.minimum, both.enabled) == (base.open - 1.5, 9, False)
    assert rules.least == (6, 4, 6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("entities:\n  ftx:\n    sensitivty: 1\n", r"rules\.yaml:3: entities\.ftx\.sensitivty: .*sensitivity, minimum"),
        ("topics:\n  politics: {sensitivity: 50}\n", r"rules\.yaml:2: topics\.politics\.sensitivity: .*less than"),
    ],
)
def test_a_mistake_in_a_tuning_names_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_rules(written(tmp_path, text))
