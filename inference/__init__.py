"""Documents' texts in, calibrated probabilities out: topic, sentiment, sentiment per mention.

What comes in: texts with a language, from the shell that reads `documents`. What goes out: one result per text, in
order, either probabilities or the reason why there are none; the shell writes them to `scores`.

What it promises: a text is scored or rejected, never dropped and never a crash, whatever its length or script;
neighbours in a batch do not change an answer; a bundle whose checksums or golden sentences fail is refused with
the reason and never serves. Nothing here imports torch, and only `session` imports ONNX Runtime.

Read in this order:
    scoring        the port that the shell calls: routing by language, rejections
    engine         encode, batch by padded tokens, run, decode; the ports `Encodes` and `Session`
    encode         what of a document is scored, and its pieces
    session        ONNX Runtime on the CPU
    bundle         the folder of a servable model and the proof that it is whole
    deterministic  a model without a model, for chaos runs and tests of the flow
    app            the Faust shell
"""
