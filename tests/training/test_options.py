"""What a recipe may ask for beside plain fine-tuning, each on a tiny model: that it does what it says."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from training.base import locate
from training.batches import Reader, batches_of
from training.checkpoints import load_checkpoint
from training.config import Recipe
from training.dataset import same_text_key
from training.distil import TeacherUnfit, with_soft_targets
from training.events import Event
from training.measure import called_negative, entity_figures, figures_on_tests
from training.model import build
from training.optimiser import faster_precision
from training.predict import logits_by_text
from training.pseudo_labels import PSEUDO, pseudo_labelled
from training.recipe import examples_of, material, train
from training.replay import ChampionUnfit, replayed, start_from

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, recipes: Callable[..., Recipe], data: Path) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    train(recipes(mentions=True), folder, data=data)
    return folder


def last_validation(folder: Path) -> dict[str, dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "progress.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line["validation"] for line in lines if "validation" in line][-1]


def changed(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    return Recipe.model_validate({**recipe.model_dump(), **settings})


def test_every_training_text_gets_the_teachers_answer_under_every_head_once(
    tiny: Recipe, teacher: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = examples_of(tiny, data)
    taught = with_soft_targets(rows, tiny.heads, teacher, tmp_path / "soft.safetensors")
    assert all(set(e.soft) == {"sentiment", "topic"} for e in taught)
    loaded = load_checkpoint(teacher)
    said = logits_by_text(loaded.model, loaded.reader, [rows[7].text], [()])["topic"][0] / loaded.temperatures["topic"]
    assert taught[7].soft["topic"] == pytest.approx(tuple(said.tolist()), abs=1e-5)
    monkeypatch.setattr("training.distil._ask", None)
    assert with_soft_targets(rows, tiny.heads, teacher, tmp_path / "soft.safetensors") == taught


def test_a_student_learns_from_its_teacher_what_no_label_told_it(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    train(tiny, tmp_path / "teacher", data=data)
    passes = {"sentiment.csv.gz": 0, "topic.csv.gz": 12}  # no text labelled for sentiment trains
    student = changed(
        tiny,
        {
            "sets": [s.model_dump() | {"passes": passes[s.file]} for s in tiny.sets],
            "distil": {"teacher": str(tmp_path / "teacher"), "weight": 0.7, "temperature": 2.0},
        },
    )
    train(student, tmp_path / "student", data=data)
    assert last_validation(tmp_path / "student")["sentiment"]["accuracy"] > 0.8


def test_a_teacher_with_other_labels_is_refused(tiny: Recipe, teacher: Path, data: Path, tmp_path: Path) -> None:
    head = tiny.heads[1].model_copy(update={"labels": ["goods", "firms"]})
    with pytest.raises(TeacherUnfit, match="topic"):
        with_soft_targets(examples_of(tiny, data)[:3], [head], teacher, tmp_path / "soft.safetensors")


def test_adapters_leave_the_base_alone_and_come_out_as_plain_weights(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    lora = changed(tiny, {"lora": {"rank": 4, "alpha": 32}})
    train(changed(lora, {"schedule": {**tiny.schedule.model_dump(), "head_learning_rate": 0.02}}), tmp_path, data=data)
    found, start = load_file(tmp_path / "best.safetensors"), build(tiny, locate(tiny.base)).state_dict()
    assert set(found) == set(start)
    query = "encoder.encoder.layer.0.attention.self.query.weight"
    assert torch.linalg.matrix_rank(found[query] - start[query], atol=1e-4) <= 4
    assert not torch.equal(found[query], start[query])
    embeddings = "encoder.embeddings.word_embeddings.weight"
    assert torch.equal(found[embeddings], start[embeddings])
    assert last_validation(tmp_path)["topic"]["accuracy"] > 0.8


def test_adapters_resume_where_they_were(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    lora = changed(tiny, {"lora": {"rank": 4}})
    train(lora, tmp_path / "whole", data=data)
    train(lora, tmp_path / "cut", data=data, stop_after_steps=25)
    train(lora, tmp_path / "cut", data=data, resume=True)
    whole = load_file(tmp_path / "whole" / "best.safetensors")
    assert all(torch.equal(t, whole[name]) for name, t in load_file(tmp_path / "cut" / "best.safetensors").items())


def test_bf16_learns_too(tiny: Recipe, data: Path, tmp_path: Path) -> None:
    train(changed(tiny, {"schedule": {**tiny.schedule.model_dump(), "precision": "bf16"}}), tmp_path, data=data)
    assert last_validation(tmp_path)["topic"]["accuracy"] > 0.9


@pytest.mark.parametrize(("bf16_takes", "taken"), [(0.5, "bf16"), (0.95, "fp32"), (2.0, "fp32")])
def test_bf16_is_taken_where_it_is_clearly_faster(tiny: Recipe, data: Path, bf16_takes: float, taken: str) -> None:
    now = iter([0.0, 9.0, 10.0, 19.0, 20.0, 21.0, 30.0, 30.0 + bf16_takes])
    base = locate(tiny.base)
    model = build(tiny, base)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rows = examples_of(tiny, data)[:32]
    walk = batches_of(rows, Reader(base.tokenizer, tiny.max_tokens), tiny.heads, 16, 1)
    assert faster_precision(model, walk, torch.device("cpu"), lambda: next(now))[0] == taken
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_champion_is_gone_on_from_and_what_it_was_taught_is_mixed_in(
    tiny: Recipe, three_heads: Recipe, teacher: Path, data: Path, tmp_path: Path
) -> None:
    model = build(three_heads, locate(three_heads.base))
    start_from(model, teacher)
    stored = load_file(teacher / "best.safetensors")
    assert all(torch.equal(tensor, stored[name]) for name, tensor in model.state_dict().items())
    only_topic = [s.model_dump() for s in tiny.sets if "topic" in s.teaches]
    going_on = changed(tiny, {"sets": only_topic, "replay": {"champion": str(teacher), "share": 1.0}})
    train(going_on, tmp_path, data=data, stop_after_steps=0)
    old = examples_of(three_heads, data)
    known = {same_text_key(e.text) for e in examples_of(changed(tiny, {"sets": only_topic}), data)}
    drawn = replayed(old, tiny.heads, known, 40, seed=2)
    assert len(drawn) == 40
    assert all(e.split == "train" and same_text_key(e.text) not in known for e in drawn)
    assert any("sentiment" in e.targets for e in drawn)


def test_a_champion_of_another_shape_is_refused(tiny: Recipe, teacher: Path) -> None:
    heads = [tiny.heads[0], tiny.heads[1].model_copy(update={"labels": ["a", "b", "c"]})]
    with pytest.raises(ChampionUnfit, match=r"heads\.topic"):
        start_from(build(tiny.model_copy(update={"heads": heads}), locate(tiny.base)), teacher)


def test_an_unlabelled_text_is_taught_where_the_teacher_is_sure_and_never_where_it_is_known(
    tiny: Recipe, teacher: Path
) -> None:
    loaded = load_checkpoint(teacher)
    texts = ["oil falls today", "oil falls today", "gold wins again", "the bank meets in may"]
    every = pseudo_labelled(texts, loaded, tiny.heads, 0.0, known={same_text_key("gold wins again")})
    assert [e.text for e in every] == ["oil falls today", "the bank meets in may"]
    assert all(set(e.targets) == {"sentiment", "topic"} and e.split == "train" for e in every)
    assert pseudo_labelled(texts, loaded, tiny.heads, 1.01, known=set()) == []


def test_self_training_reads_the_streams_but_for_their_held_out_days(
    tiny: Recipe, teacher: Path, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "stream.csv"
    rows = [f"2022-09-{day},oil falls and {word} waits" for day, word in ((13, "tin"), (15, "gold"), (17, "zinc"))]
    path.write_text("ts,title\n" + "\n".join(rows) + "\n", encoding="utf-8")
    own = {"file": str(path), "name": "crypto_2022_en_3src", "column": "title"}
    more = changed(tiny, {"self_training": {"teacher": str(teacher), "streams": [own], "confidence": 0.0}})
    training, _, passes = material(more, data, tmp_path)
    assert [e.text for e in training if e.file == PSEUDO] == ["oil falls and tin waits", "oil falls and zinc waits"]
    assert passes[PSEUDO] == 1


def test_figures_of_a_checkpoint_go_by_head_and_set_and_find_entities_in_texts(
    teacher: Path, data: Path, tmp_path: Path
) -> None:
    loaded = load_checkpoint(teacher)
    figures = figures_on_tests(loaded, data)
    assert {"sentiment a", "sentiment b", "sentiment all", "topic topic", "mention a", "mention own"} <= set(figures)
    path = tmp_path / "entities.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.write("text,entity,label\noil falls today,Oil,negative\ngold wins today,nobody,positive\n")
    assert entity_figures(loaded, path).n == 2
    event = Event("oil", "2022-01-01", "oil", "negative", ("oil falls today", "oil wins today"))
    negative, of, contrary = called_negative(loaded, [event])["oil 2022-01-01"]
    assert (of, negative + len(contrary)) == (2, 2)


def test_two_processes_walk_the_same_way_as_one(recipes: Callable[..., Recipe], data: Path, tmp_path: Path) -> None:
    recipe = recipes(mentions=True)
    few = [s.model_dump() | {"passes": 1} for s in recipe.sets]
    still = {**recipe.schedule.model_dump(), "dropout": 0.0, "epochs": 1}
    recipe = changed(recipe, {"schedule": still, "sets": few})
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json")), encoding="utf-8")
    train(recipe, tmp_path / "one", data=data)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "training.launch",
        str(path),
        str(tmp_path / "two"),
        "--data",
        str(data),
    ]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    environment = {**os.environ, **shared, "LOCAL_WORLD_SIZE": "2"}
    both = [
        subprocess.Popen(command, env={**environment, "RANK": rank, "LOCAL_RANK": rank}, stdout=subprocess.DEVNULL)
        for rank in ("0", "1")
    ]
    try:
        assert [process.wait(timeout=300) for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()
            process.wait()

    def losses(folder: Path) -> list[float]:
        lines = (folder / "progress.jsonl").read_text(encoding="utf-8").splitlines()
        return [line["loss"] for line in map(json.loads, lines) if "loss" in line]

    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=2e-3)
    assert last_validation(tmp_path / "two")["sentiment"]["accuracy"] == pytest.approx(
        last_validation(tmp_path / "one")["sentiment"]["accuracy"], abs=0.05
    )
