"""The network: one BERT encoder, one linear classifier per head on the pooled text."""

import json
from collections.abc import Sequence
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from training.base import Base
from training.config import Head, Recipe

PADDING_ID = 0  # BERT's [PAD]


class MultiHead(nn.Module):
    """Token ids and mask of shape (texts, tokens) in, logits of shape (texts, labels) per head out.

    A head is a name in `heads`; one that reads a mention's own tokens joins here with its own pooling
    and leaves the others as they are.
    """

    def __init__(
        self, encoder: BertModel, heads: Sequence[Head], pooling: Literal["mean", "cls"], dropout: float
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        width = encoder.config.hidden_size
        self.widths = {head.name: len(head.labels) for head in heads}
        self.heads = nn.ModuleDict({head.name: nn.Linear(width, len(head.labels)) for head in heads})

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Logits per head."""
        tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.pooling == "cls":
            pooled = tokens[:, 0]
        else:
            mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
            pooled = (tokens * mask).sum(dim=1) / mask.sum(dim=1)
        pooled = self.dropout(pooled)
        return {name: head(pooled) for name, head in self.heads.items()}


def build(recipe: Recipe, base: Base, attention: Literal["sdpa", "eager"] = "sdpa") -> MultiHead:
    """The recipe's network with the base's weights and fresh heads (drawn from torch's current seed)."""
    settings = json.loads(base.config.read_text(encoding="utf-8"))
    settings |= {
        "hidden_dropout_prob": recipe.schedule.dropout,
        "attention_probs_dropout_prob": recipe.schedule.dropout,
    }
    settings["attn_implementation"] = attention
    encoder = BertModel(BertConfig(**settings), add_pooling_layer=False)
    stored = load_file(base.weights)
    wanted = encoder.state_dict()
    encoder.load_state_dict({name: tensor for name, tensor in stored.items() if name in wanted}, strict=True)
    return MultiHead(encoder, recipe.heads, recipe.pooling, recipe.schedule.dropout)


def pad(ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids of unequal length as (ids, mask), both int64 of shape (texts, longest)."""
    longest = max(len(row) for row in ids)
    padded = torch.full((len(ids), longest), PADDING_ID, dtype=torch.int64)
    mask = torch.zeros((len(ids), longest), dtype=torch.int64)
    for place, row in enumerate(ids):
        padded[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = 1
    return padded, mask
