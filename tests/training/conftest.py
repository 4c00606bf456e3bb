"""A base of a few thousand weights, a few sentences, and a recipe that trains it in a second."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from training.config import Recipe

SUBJECTS = ["apple", "the bank", "oil", "the fund", "tesla", "the lender", "gold", "the airline"]
VERBS = {
    "negative": ["falls", "loses", "halts"],
    "neutral": ["meets", "reports", "waits"],
    "positive": ["jumps", "wins"],
}
TIMES = ["today", "this week", "in may", "again", "as expected"]


def _sentences() -> list[tuple[str, str]]:
    return [(f"{s} {v} {t}", label) for label, verbs in VERBS.items() for v in verbs for s in SUBJECTS for t in TIMES]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers, 32 wide, with random weights from a fixed seed, and a tokenizer of its words."""
    folder = tmp_path_factory.mktemp("base")
    words = sorted({"but", *(word for text, _ in _sentences() for word in text.split())})
    vocabulary = {word: n for n, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    unknown = "[UNK]"
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "vocab_size": 128,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
    }
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    torch.manual_seed(7)
    save_file(BertModel(BertConfig(**settings), add_pooling_layer=False).state_dict(), folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sets: the sentiment of made-up sentences, a topic that their subject decides, and who is named in them."""
    folder = tmp_path_factory.mktemp("data")
    split = ["train", "train", "train", "valid", "test"]
    sentiment = [
        {"text": text, "label": label, "split": split[n % 5], "source": "a" if n % 2 else "b"}
        for n, (text, label) in enumerate(_sentences())
    ]
    topic = [
        {"text": f"{text} now", "topic": "firms" if text.split()[0] == "the" else "goods", "split": split[n % 5]}
        for n, (text, _) in enumerate(_sentences())
    ]
    named = [
        {"text": text, "entity": next(s for s in SUBJECTS if text.startswith(s)), "label": label, "split": split[n % 5]}
        for n, (text, label) in enumerate(_sentences())
    ]
    own = [
        {
            "text": f"{a} {verb} but {b} {other}",
            "split": split[n % 5],
            "sentiment": "neutral",
            "topic": "goods",
            "entities": {a: label, b: other_label},
        }
        for n, (a, b, (label, verb), (other_label, other)) in enumerate(
            (a, b, x, y)
            for a in SUBJECTS[:4]
            for b in SUBJECTS[4:]
            for x in (("negative", "falls"), ("positive", "jumps"))
            for y in (("negative", "loses"), ("positive", "wins"))
        )
    ]
    with gzip.open(folder / "own.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in own)
    for name, rows in (("sentiment.csv.gz", sentiment), ("topic.csv.gz", topic), ("named.csv.gz", named)):
        with gzip.open(folder / name, "wt", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.fixture(scope="session")
def recipes(base: Path) -> Callable[..., Recipe]:
    """Three epochs over the sets; with `mentions`, a third head that reads them in the same pass."""

    def recipe(*, mentions: bool = False) -> Recipe:
        settings: dict[str, Any] = {
            "version": "tiny-1",
            "languages": ["en"],
            "seed": 11,
            "threads": 1,
            "max_tokens": 16,
            "base": {"name": "tiny", "licence": "none", "folder": str(base)},
            "heads": [
                {"name": "sentiment", "labels": ["negative", "neutral", "positive"], "class_weight_power": 0.5},
                {"name": "topic", "labels": ["firms", "goods"]},
            ],
            "sets": [
                {"file": "sentiment.csv.gz", "teaches": {"sentiment": "label"}, "passes": 3, "licence": "none"},
                {"file": "topic.csv.gz", "teaches": {"topic": "topic"}, "passes": 2, "licence": "none"},
            ],
            "schedule": {"epochs": 3, "batch_size": 16, "learning_rate": 0.005, "checkpoint_every_steps": 10},
        }
        if mentions:
            settings["heads"].append(
                {"name": "mention", "reads": "mention", "labels": ["negative", "neutral", "positive"]}
            )
            every = {"sentiment": "sentiment", "topic": "topic", "mention": "entities"}
            settings["sets"] += [
                {"file": "named.csv.gz", "teaches": {"mention": "label"}, "passes": 3, "licence": "none"},
                {"file": "own.jsonl.gz", "teaches": every, "passes": 150, "licence": "none"},
            ]
        return Recipe.model_validate(settings)

    return recipe


@pytest.fixture
def tiny(recipes: Callable[..., Recipe]) -> Recipe:
    """Two heads that read the text."""
    return recipes()


@pytest.fixture
def three_heads(recipes: Callable[..., Recipe]) -> Recipe:
    """`tiny` with a head that reads mentions."""
    return recipes(mentions=True)
