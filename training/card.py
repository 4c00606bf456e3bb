"""The model card of a bundle: data, figures, known failures, in plain Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from training.config import Recipe
from training.evaluate import Parity, Quality
from training.events import Said


def write_card(
    recipe: Recipe, quality: Mapping[str, Quality], parity: Mapping[str, Parity], events: Sequence[Said], path: Path
) -> None:
    """Write the card."""
    lines = [*_what(recipe), *_figures(quality, parity), *_events(events), *_limits(recipe, events)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _what(recipe: Recipe) -> Iterable[str]:
    yield f"# {recipe.version}"
    yield ""
    base = f"{recipe.base.name} ({recipe.base.licence})"
    yield f"A bundle of Tocsin for {', '.join(recipe.languages)}: {base}, fine-tuned whole with {len(recipe.heads)} heads,"
    yield "int8. Made by `tocsin train`; nothing in it was chosen on test texts."
    yield ""
    yield "| head | labels |"
    yield "|---|---|"
    for head in recipe.heads:
        yield f"| {head.name} | {', '.join(head.labels)} |"
    yield ""
    yield "## Data"
    yield "| set | heads | read | licence of the compilation |"
    yield "|---|---|---|---|"
    for labelled in recipe.sets:
        taught = ", ".join(labelled.teaches)
        yield f"| {labelled.file} | {taught} | {labelled.passes} times | {labelled.licence} |"
    yield ""
    yield "Origins and notices are in training/data/NOTICE.md. Texts that any set validates or tests on never train."
    if recipe.emphasis is not None:
        e = recipe.emphasis
        yield "Training rows that name a bankruptcy, fraud, sanction, hack, arrest or the like were left out where they are"
        yield f"labelled {', '.join(e.drop)} and count {e.weight:g} times where they are labelled {e.label}; test rows are as"
        yield "they were labelled."
    yield ""


def _figures(quality: Mapping[str, Quality], parity: Mapping[str, Parity]) -> Iterable[str]:
    yield "## Figures"
    yield "One seed, frozen test splits, measured on the int8 file through the engine that serves. ± is a 95 % interval"
    yield "of the accuracy from the number of texts alone; another seed moves it as well."
    yield ""
    yield "| test | texts | accuracy | macro-F1 | ECE |"
    yield "|---|---|---|---|---|"
    for name, q in quality.items():
        half = 1.96 * (q.accuracy * (1 - q.accuracy) / q.n) ** 0.5
        yield f"| {name} | {q.n} | {q.accuracy:.3f} ± {half:.3f} | {q.macro_f1:.3f} | {q.ece:.3f} |"
    yield ""
    for name, q in quality.items():
        yield f"{name}: " + ", ".join(f"{label} {c.f1:.2f}" for label, c in q.per_class.items()) + " (F1)."
        yield ""
    yield "Int8 against the fp32 checkpoint in torch, same texts:"
    yield ""
    yield "| head | likeliest label differs | mean gap of a probability | largest |"
    yield "|---|---|---|---|"
    for name, p in parity.items():
        yield f"| {name} | {100 * p.changed:.2f} % of {p.texts} | {p.mean_gap:.4f} | {p.largest_gap:.3f} |"
    yield ""


def _events(events: Sequence[Said]) -> Iterable[str]:
    if not events:
        return
    yield "## Days that it was not trained on"
    yield "Headlines that name the entity on the day, and how many of them were called negative."
    yield ""
    yield "| entity | day | mostly | headlines | called negative |"
    yield "|---|---|---|---|---|"
    for said in events:
        e = said.event
        yield f"| {e.entity} | {e.day} | {e.polarity} | {len(e.titles)} | {said.negative} |"
    yield ""


def _limits(recipe: Recipe, events: Sequence[Said]) -> Iterable[str]:
    yield "## Known failures"
    yield "- Both sentiment sets are labelled for the direction of a price. Arrests, sanctions, hacks and bankruptcies told"
    yield "  without a price can come out neutral; excited good news with words of struggle in it can come out negative."
    if not any(labelled.file.startswith("own_") for labelled in recipe.sets):
        yield "- Few training texts are about crypto assets, and none is a forum comment with sarcasm or slang."
    if not any(head.reads == "mention" for head in recipe.heads):
        yield "- There is no head for mentions: every company in a text gets the text's own sentiment, which is wrong where a"
        yield "  text praises one and blames another."
    yield f"- Only the first {recipe.max_tokens} tokens are read."
    if any(said.contrary for said in events):
        yield ""
        yield "Headlines of the days above that were called against what the day mostly was, the first three of each; some of"
        yield "them rightly, since on a day of crisis not every headline is bad news:"
        yield ""
        for said in events:
            for title in said.contrary[:3]:
                yield f"- {said.event.entity}: {title}"
