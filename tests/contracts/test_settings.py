"""Settings come from the environment, typed, and a mistake names its variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import UserError
from contracts.settings import read_settings


def test_without_an_environment_there_are_defaults() -> None:
    settings = read_settings({})
    assert settings.clock == "wall"
    assert settings.kafka.partitions == 8


def test_a_nested_variable_sets_a_field() -> None:
    settings = read_settings({"TOCSIN_KAFKA__BOOTSTRAP": "kafka:9092", "TOCSIN_CLOCK": "replay", "PATH": "/bin"})
    assert settings.kafka.bootstrap == "kafka:9092"
    assert settings.clock == "replay"


def test_a_mistake_names_the_variable() -> None:
    with pytest.raises(UserError, match="TOCSIN_KAFKA__PARTITIONS"):
        read_settings({"TOCSIN_KAFKA__PARTITIONS": "many"})


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("rosebud\n")
    settings = read_settings({"TOCSIN_REDIS__PASSWORD_FILE": str(secret)})
    assert settings.redis.password is not None
    assert settings.redis.password.get_secret_value() == "rosebud"
    assert "rosebud" not in repr(settings)


def test_a_secret_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="TOCSIN_REDIS__PASSWORD_FILE"):
        read_settings({"TOCSIN_REDIS__PASSWORD_FILE": str(tmp_path / "none")})
