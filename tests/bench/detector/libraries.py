"""Detectors of well-known libraries, run by the Python of an environment of their own (see __main__.py).

python libraries.py IN.npz OUT.npz: `counts` (series x 5-minute buckets) and `first` (the first bucket that counts) in; one
matrix of scores for each detector out.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd
from adtk.detector import LevelShiftAD, PersistAD
from river import anomaly

WEEK = 7 * 288


def gaussian(counts: np.ndarray) -> np.ndarray:
    """river.anomaly.GaussianScorer with a day's window: distance in the Gaussian's tail as -log10."""
    detector = anomaly.GaussianScorer(window_size=288, grace_period=288)
    scores = np.zeros(counts.size)
    for at, count in enumerate(counts.tolist()):
        if count:
            scores[at] = -np.log10(max(1e-16, 1.0 - detector.score_one(None, count)))
        detector.learn_one(None, count)
    return scores


def half_space_trees(counts: np.ndarray) -> np.ndarray:
    """river.anomaly.HalfSpaceTrees on the last bucket and the last hour, scaled to the series' first days."""
    top = max(1.0, float(counts[: 3 * 288].max()) * 2)
    detector = anomaly.HalfSpaceTrees(
        n_trees=10, height=6, window_size=288, seed=1, limits={"now": (0, 1), "hour": (0, 1)}
    )
    hour = np.convolve(counts, np.ones(12))[: counts.size]
    scores = np.zeros(counts.size)
    for at in np.flatnonzero((counts > 0) | (np.arange(counts.size) % 6 == 0)).tolist():
        x = {"now": min(1.0, counts[at] / top), "hour": min(1.0, hour[at] / top / 6)}
        if counts[at]:
            scores[at] = detector.score_one(x)
        detector.learn_one(x)
    return scores


def adtk_scores(counts: np.ndarray, first: int) -> dict[str, np.ndarray]:
    """adtk's PersistAD and LevelShiftAD have no scores but a factor: the largest of a ladder at which they still ring."""
    index = pd.date_range("2022-01-03", periods=counts.size, freq="5min")
    series = pd.Series(counts.astype(float), index=index)
    out = {}
    for name, make in (
        ("adtk PersistAD", lambda c: PersistAD(window=12, c=c, side="positive")),
        ("adtk LevelShiftAD", lambda c: LevelShiftAD(window=12, c=c, side="positive")),
    ):
        scores = np.zeros(counts.size)
        for factor in (3.0, 6.0, 10.0, 20.0, 40.0, 80.0):
            detector = make(factor)
            detector.fit(series.iloc[:first])
            rang = detector.predict(series).fillna(False).to_numpy(bool)
            if not rang.any():
                break
            scores[rang] = factor
        out[name] = scores
    return out


def main() -> None:
    """Read counts, write scores."""
    warnings.simplefilter("ignore")
    with np.load(sys.argv[1]) as given:
        counts, first = given["counts"], int(given["first"])
    found: dict[str, list[np.ndarray]] = {}
    for number, one in enumerate(counts):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number + 1}/{len(counts)} series")
        scores = {"river GaussianScorer": gaussian(one), "river HalfSpaceTrees": half_space_trees(one)}
        scores |= adtk_scores(one, first)
        for name, values in scores.items():
            found.setdefault(name, []).append(values)
    np.savez_compressed(sys.argv[2], **{name: np.array(values) for name, values in found.items()})


if __name__ == "__main__":
    main()
