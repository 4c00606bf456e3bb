"""Every run as an MLflow run in a folder: what was run on which data, its curves, its figures and pictures of its errors.

The store is an SQLite file with the pictures beside it, under the work folder; where the whole of MLflow is installed,
`mlflow ui --backend-store-uri sqlite:///WORK/mlflow/runs.db` shows it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.entities import RunStatus

from training.config import Recipe
from training.evaluate import Quality

EXPERIMENT = "tocsin"
DATABASE = "runs.db"


class Run:
    """One MLflow run while it goes on."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client = client
        self.run_id = run_id

    def report(self, event: Mapping[str, Any]) -> None:
        """A line of progress: the loss, or the figures of a validation, as points of curves."""
        step = int(event["step"])
        if "loss" in event:
            self._client.log_metric(self.run_id, "loss", event["loss"], step=step)
        for head, figures in event.get("validation", {}).items():
            for name, value in figures.items():
                self._client.log_metric(self.run_id, f"valid.{head}.{name}", value, step=step)

    def figures(self, quality: Mapping[str, Quality]) -> None:
        """The figures on each test, and a picture of each one's confusion."""
        for name, q in quality.items():
            key = name.replace(":", ".").replace(" ", ".")
            for figure, value in q.brief().items():
                self._client.log_metric(self.run_id, f"test.{key}.{figure}", value)
            self._client.log_figure(self.run_id, picture(name, q), f"confusion/{key}.png")

    def keep(self, file: Path) -> None:
        """A file beside the figures."""
        self._client.log_artifact(self.run_id, str(file))


@contextmanager
def tracked(recipe: Recipe, snapshot: str, work: Path) -> Iterator[Run]:
    """A run in `work`/mlflow: finished when the block ends, failed when it raises.

    Args:
        recipe: its settings become the run's parameters.
        snapshot: sha256 of the data.
        work: the folder that holds the store; made if absent.
    """
    for name in ("mlflow", "alembic"):  # they tell of tables that they make
        logging.getLogger(name).setLevel(logging.WARNING)
    folder = work / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(tracking_uri=f"sqlite:///{(folder / DATABASE).absolute()}")
    found = client.get_experiment_by_name(EXPERIMENT)
    experiment = (
        found.experiment_id
        if found is not None
        else client.create_experiment(EXPERIMENT, (folder / "artifacts").absolute().as_uri())
    )
    run = Run(client, client.create_run(experiment, run_name=recipe.version).info.run_id)
    client.set_tag(run.run_id, "snapshot_sha256", snapshot)
    for name, value in flat(recipe.model_dump(mode="json")).items():
        client.log_param(run.run_id, name, value)
    try:
        yield run
    except BaseException:
        client.set_terminated(run.run_id, RunStatus.to_string(RunStatus.FAILED))
        raise
    client.set_terminated(run.run_id, RunStatus.to_string(RunStatus.FINISHED))


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Nested settings as one level, what is long cut to MLflow's 6,000 characters.

    >>> flat({"a": {"b": 1, "c": [2]}})
    {'a.b': '1', 'a.c': '[2]'}
    """
    out = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            out.update(flat(value, f"{before}{name}."))
        else:
            out[before + name] = str(value)[:6000]
    return out


def picture(name: str, q: Quality) -> Figure:
    """The confusion as shares of each row, counts written in."""
    labels = list(q.per_class)
    size = 2.5 + 0.5 * len(labels)
    figure = Figure(figsize=(size, size), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shares = [[n / max(1, sum(row)) for n in row] for row in q.confusion]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for y, row in enumerate(q.confusion):
        for x, n in enumerate(row):
            axes.text(
                x, y, str(n), ha="center", va="center", color="white" if shares[y][x] > 0.5 else "black", fontsize=8
            )
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("answered")
    axes.set_ylabel("labelled")
    axes.set_title(f"{name}: accuracy {q.accuracy:.3f}, macro-F1 {q.macro_f1:.3f}", fontsize=9)
    return figure
