from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from contracts.errors import UserError
from tocsin.stack import jars
from tocsin.stack.jars import Jar


def test_the_lock_holds_the_broker_its_log_and_a_checksum_for_each() -> None:
    locked = jars.locked()
    names = {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in locked}
    assert {jars.KAFKA, jars.LOGGING} <= names
    assert all(len(jar.sha256) == 64 for jar in locked)
    assert len({jar.file_name for jar in locked}) == len(locked)


def test_cached_jars_need_no_network(tmp_path: Path) -> None:
    cached = Jar("org.example", "one", "1.0", "0" * 64)
    (tmp_path / "one-1.0.jar").touch()
    assert jars.fetch(tmp_path, [cached]) == [tmp_path / "one-1.0.jar"]


def test_no_network_and_no_jars_is_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(UserError) as refused:
        jars.fetch(tmp_path / "cache", jars.locked()[:2])
    message = str(refused.value)
    assert "could not be downloaded" in message
    assert "tocsin up --kafka HOST:PORT" in message
    assert "\n" not in message


def test_a_jar_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one-1.0.jar"
    path.write_bytes(b"something else")
    wanted = Jar("org.example", "one", "1.0", hashlib.sha256(b"the real one").hexdigest())
    with pytest.raises(UserError, match="is not the one that was locked"):
        jars._check(wanted, path)


def test_the_cache_follows_the_users_cache_folder(tmp_path: Path) -> None:
    assert jars.cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "tocsin" / "kafka-4.4.0"
    assert jars.cache_folder({}) == Path.home() / ".cache" / "tocsin" / "kafka-4.4.0"
