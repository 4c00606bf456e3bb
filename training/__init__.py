"""Labelled sets and a recipe in, a bundle out.

What comes in: a recipe (`recipes/*.yaml`), the labelled sets in `data/` (origin and licences: `data/NOTICE.md`), the
base weights of an installed package. What goes out: a checkpoint folder, then a bundle folder that
`inference.bundle.load_bundle` accepts, with its figures on the frozen test sets in the manifest and the model card.

What it promises: one recipe and one machine give the same weights, interrupted or not; a text that any set tests on
never trains; a run that fails leaves the bundle that was there untouched.

Read in this order:
    config      the recipe's settings
    recipe      read top to bottom: examples, network, optimiser, temperatures
    dataset     sets to examples and batches
    base        the pre-trained weights, proven by checksum
    model       one encoder, one classifier per head
    evaluate    accuracy, F1, calibration
    export      checkpoint to bundle: ONNX, int8, golden sentences, parity, manifest
    quantise    the int8 graph
    card        the model card
    run         the whole way, as `tocsin train` calls it
"""
