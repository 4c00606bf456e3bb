"""What a network in memory says of texts and of the mentions in them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from inference.encode import Pieces
from training.batches import UNLABELLED, Reader
from training.dataset import Example, Mention
from training.model import MultiHead, pad_with_mentions


def logits_by_text(
    model: MultiHead, reader: Reader, texts: Sequence[str], mentions: Sequence[Sequence[Mention]], size: int = 64
) -> dict[str, list[Tensor]]:
    """Per head, per text in order: logits (labels,), or (mentions, labels) from a head that reads mentions.

    One pass of every text answers all heads. A mention behind the cut has a row of NaN.
    """
    model.eval()
    pieces = reader.read(texts, mentions)
    device = next(model.parameters()).device
    order = sorted(range(len(texts)), key=lambda i: len(pieces[i].ids))
    out = {head.name: [torch.empty(0)] * len(texts) for head in model.described}
    with torch.inference_mode():
        for start in range(0, len(order), size):
            part = order[start : start + size]
            seen = [[places for places in pieces[i].mentions if places] for i in part]
            padded = pad_with_mentions([pieces[i].ids for i in part], seen, model.padding_id)
            answers = model(*padded.to(device))
            for head in model.described:
                said = answers[head.name].float().cpu()
                if head.reads == "text":
                    rows = list(said)
                else:
                    split = said.split([len(own) for own in seen])
                    rows = [_with_gaps(pieces[i], own) for i, own in zip(part, split, strict=True)]
                for i, row in zip(part, rows, strict=True):
                    out[head.name][i] = row
    return out


def _with_gaps(pieces: Pieces, seen: Tensor) -> Tensor:
    whole = torch.full((len(pieces.mentions), seen.shape[1]), torch.nan)
    whole[[bool(places) for places in pieces.mentions]] = seen
    return whole


def logits_of(model: MultiHead, examples: Sequence[Example], reader: Reader) -> dict[str, tuple[Tensor, Tensor]]:
    """Each head's logits and targets over the texts or mentions that are labelled for it, in their order.

    Heads that no example is labelled for are left out, and so are mentions behind the cut.
    """
    said = logits_by_text(model, reader, [e.text for e in examples], [e.mentions for e in examples])
    out = {}
    for head in model.described:
        if head.reads == "text":
            targets = [e.targets.get(head.name, UNLABELLED) for e in examples]
            logits = torch.stack(said[head.name]) if examples else torch.empty(0)
        else:
            targets = [m.targets.get(head.name, UNLABELLED) for e in examples for m in e.mentions]
            logits = torch.cat(said[head.name]) if examples else torch.empty(0)
        wanted = torch.tensor(targets, dtype=torch.int64)
        if (wanted == UNLABELLED).all():
            continue
        kept = (wanted != UNLABELLED) & ~logits.isnan().any(dim=1)
        out[head.name] = (logits[kept], wanted[kept])
    return out
