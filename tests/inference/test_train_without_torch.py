"""What serves is installed without torch; asking it to train is answered with what to do."""

from __future__ import annotations

import subprocess
import sys

from typer.testing import CliRunner

from contracts.errors import UserError
from tocsin.cli import app


def test_training_where_torch_is_not_installed_says_what_to_do() -> None:
    done = CliRunner().invoke(app, ["train"])
    assert isinstance(done.exception, UserError)
    assert "make train-env" in str(done.exception)


def test_the_scoring_port_can_be_imported_without_torch_and_without_kafka_faust_and_redis() -> None:
    heavy = ["torch", "transformers", "kafka", "aiokafka", "faust", "redis"]
    look = f"import sys, inference.scoring; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
