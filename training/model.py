"""The network: one encoder, one linear classifier per head on the pooled text, a small one on a mention's tokens."""

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from training.base import Base
from training.config import Head, Recipe

PADDING_ID = 0  # BERT's [PAD]


class Padded(NamedTuple):
    """What the network reads, int64: see `MultiHead.forward`."""

    input_ids: Tensor
    attention_mask: Tensor
    mention_mask: Tensor
    mention_text: Tensor

    def to(self, device: torch.device) -> "Padded":
        """The same on a device."""
        return Padded(*(tensor.to(device) for tensor in self))


class MentionHead(nn.Module):
    """The mean of a mention's token states beside the pooled text it stands in: (mentions, 2 D) in, logits out."""

    def __init__(self, width: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, labels)

    def forward(self, mention_and_text: Tensor) -> Tensor:
        """Logits of shape (mentions, labels)."""
        logits: Tensor = self.out(self.dropout(gelu(self.hidden(mention_and_text))))
        return logits


class MultiHead(nn.Module):
    """One pass of the encoder, and every head's answer from it."""

    def __init__(
        self, encoder: nn.Module, heads: Sequence[Head], pooling: Literal["mean", "cls"], dropout: float
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        settings: Any = encoder.config
        width, self.padding_id = settings.hidden_size, settings.pad_token_id or 0
        self.described = list(heads)
        self.widths = {head.name: len(head.labels) for head in heads}
        self.reads = {head.name: head.reads for head in heads}
        self.heads = nn.ModuleDict(
            {
                head.name: MentionHead(width, len(head.labels), dropout)
                if head.reads == "mention"
                else nn.Linear(width, len(head.labels))
                for head in heads
            }
        )

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        mention_mask: Tensor | None = None,
        mention_text: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Logits per head: (texts, labels) from heads that read the text, (mentions, labels) from those that read mentions.

        Args:
            input_ids: (texts, tokens) int64.
            attention_mask: (texts, tokens) int64, 1 where a token is.
            mention_mask: (mentions, tokens) int64, 1 on the mention's tokens. Without it there are no mentions.
            mention_text: (mentions,) int64, the row of the text that mentions it.
        """
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = states[:, 0] if self.pooling == "cls" else _mean(states, attention_mask)
        text = self.dropout(pooled)
        if mention_mask is None or mention_text is None:
            mention_mask, mention_text = input_ids.new_zeros((0, input_ids.shape[1])), input_ids.new_zeros(0)
        mention = torch.cat([_mean(states[mention_text], mention_mask), pooled[mention_text]], dim=1)
        mention = self.dropout(mention)
        return {name: head(mention if self.reads[name] == "mention" else text) for name, head in self.heads.items()}


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def build(recipe: Recipe, base: Base, attention: Literal["sdpa", "eager"] = "sdpa") -> MultiHead:
    """The recipe's network with the base's weights and fresh heads (drawn from torch's current seed)."""
    settings = json.loads(base.config.read_text(encoding="utf-8"))
    settings |= {
        "hidden_dropout_prob": recipe.schedule.dropout,
        "attention_probs_dropout_prob": recipe.schedule.dropout,
        "attn_implementation": attention,
    }
    encoder: nn.Module
    if settings.get("model_type") == "mpnet":
        encoder = MPNetModel(MPNetConfig(**settings), add_pooling_layer=False)
    else:
        encoder = BertModel(BertConfig(**settings), add_pooling_layer=False)
    stored = load_file(base.weights)
    wanted = encoder.state_dict()
    encoder.load_state_dict({name: tensor.float() for name, tensor in stored.items() if name in wanted}, strict=True)
    return MultiHead(encoder, recipe.heads, recipe.pooling, recipe.schedule.dropout)


def pad(ids: Sequence[Sequence[int]], padding_id: int = PADDING_ID) -> tuple[Tensor, Tensor]:
    """Ids of unequal length as (ids, mask), both int64 of shape (texts, longest)."""
    longest = max(len(row) for row in ids)
    padded = torch.full((len(ids), longest), padding_id, dtype=torch.int64)
    mask = torch.zeros((len(ids), longest), dtype=torch.int64)
    for place, row in enumerate(ids):
        padded[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = 1
    return padded, mask


def pad_with_mentions(
    ids: Sequence[Sequence[int]], mentions: Sequence[Sequence[Sequence[int]]], padding_id: int = PADDING_ID
) -> Padded:
    """Ids, and per text the token places of each of its mentions, as what `MultiHead.forward` takes."""
    padded, mask = pad(ids, padding_id)
    flat = [(row, places) for row, own in enumerate(mentions) for places in own]
    mention_mask = torch.zeros((len(flat), padded.shape[1]), dtype=torch.int64)
    for n, (_, places) in enumerate(flat):
        mention_mask[n, list(places)] = 1
    return Padded(padded, mask, mention_mask, torch.tensor([row for row, _ in flat], dtype=torch.int64))
