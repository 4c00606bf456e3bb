"""Every run leaves an MLflow run: its settings, its data, its curves, its errors as pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from training.config import Recipe
from training.evaluate import quality
from training.tracking import DATABASE, EXPERIMENT, tracked

pytestmark = pytest.mark.train


def test_a_run_keeps_settings_data_curves_and_pictures_and_a_failed_one_says_so(tiny: Recipe, tmp_path: Path) -> None:
    torch.manual_seed(1)
    with tracked(tiny, "ab12", tmp_path) as run:
        run.report({"step": 1, "of": 2, "loss": 0.7})
        run.report({"step": 2, "of": 2, "loss": 0.5})
        run.report({"step": 2, "of": 2, "validation": {"topic": {"accuracy": 0.9}}})
        run.figures({"topic:a": quality(torch.randn(40, 2), torch.randint(0, 2, (40,)), ["firms", "goods"])})
    with pytest.raises(ValueError, match="broken"), tracked(tiny, "ab12", tmp_path):
        raise ValueError("broken")

    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow' / DATABASE}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    failed, finished = client.search_runs([experiment.experiment_id])
    assert (failed.info.status, finished.info.status) == ("FAILED", "FINISHED")
    assert finished.data.params["schedule.learning_rate"] == "0.005"
    assert finished.data.tags["snapshot_sha256"] == "ab12"
    assert [point.value for point in client.get_metric_history(finished.info.run_id, "loss")] == [0.7, 0.5]
    assert finished.data.metrics["valid.topic.accuracy"] == 0.9
    (picture,) = client.list_artifacts(finished.info.run_id, "confusion")
    assert Path(client.download_artifacts(finished.info.run_id, picture.path)).read_bytes()[:4] == b"\x89PNG"
