"""Apache Kafka's jars: fetched once by name, checked against committed checksums, cached for every later start.

`kafka_jars.txt` lists them, one `group:artifact:version sha256` a line. With the list at hand no dependency has to be
resolved at run time, so a first start takes seconds and an incomplete or altered download cannot start a broker.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from contracts.errors import UserError

KAFKA = "org.apache.kafka:kafka_2.13:4.4.0"
LOGGING = "org.slf4j:slf4j-simple:1.7.36"
DOWNLOADS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name it has on the class path."""
        return f"{self.artifact}-{self.version}.jar"


def locked() -> list[Jar]:
    """The jars of the broker, in class path order."""
    lines = files("tocsin.stack").joinpath("kafka_jars.txt").read_text().splitlines()
    jars = []
    for line in lines:
        coordinate, _, sha256 = line.partition(" ")
        group, artifact, version = coordinate.split(":")
        jars.append(Jar(group, artifact, version, sha256))
    return jars


def cache_folder(environment: dict[str, str] | None = None) -> Path:
    """Where the jars are kept for every stack of this user: `$XDG_CACHE_HOME/tocsin/kafka-VERSION`."""
    environment = dict(os.environ) if environment is None else environment
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tocsin" / f"kafka-{KAFKA.rpartition(':')[2]}"


def missing(folder: Path, jars: list[Jar]) -> list[Jar]:
    """The jars that `folder` lacks. What is there was checked when it was put there."""
    return [jar for jar in jars if not (folder / jar.file_name).is_file()]


def fetch(folder: Path, jars: list[Jar], advance: Callable[[int, int], None] = lambda _done, _all: None) -> list[Path]:
    """Make sure that all `jars` lie in `folder` and return their paths.

    Args:
        folder: the cache; made if it is not there.
        jars: what is wanted.
        advance: called with (jars done, jars to fetch) after each one.

    Raises:
        UserError: a jar cannot be had or is not what was locked; the message says what to do.
    """
    wanted = missing(folder, jars)
    if wanted:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder.parent) as temporary:
            download = _downloader(Path(temporary))
            with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
                for done, (jar, path) in enumerate(zip(wanted, pool.map(download, wanted), strict=True), start=1):
                    _check(jar, path)
                    # A rename inside one file system: no other start ever sees half a jar.
                    path.replace(folder / jar.file_name)
                    advance(done, len(wanted))
    return [folder / jar.file_name for jar in jars]


def _downloader(repository: Path) -> Callable[[Jar], Path]:
    # jgo takes half a second to import and is needed on the first start only.
    import requests
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=repository)

    def download(jar: Jar) -> Path:
        try:
            path: Path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except (RuntimeError, requests.RequestException, OSError) as error:
            raise UserError(
                f"Kafka's jar {jar.file_name} could not be downloaded ({_reason(error)}); connect this machine to the "
                "network once, copy the folder "
                f"{cache_folder()} from a machine that has it, or use your own broker: tocsin up --kafka HOST:PORT"
            ) from error
        return path

    return download


def _reason(error: Exception) -> str:
    # A library's own words for a connection that fails fill three lines and say no more than its class.
    return str(error).splitlines()[0] if isinstance(error, RuntimeError) and str(error) else type(error).__name__


def _check(jar: Jar, path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise UserError(
            f"Kafka's jar {jar.file_name} is not the one that was locked (sha256 {found[:16]}..., expected "
            f"{jar.sha256[:16]}...); something between this machine and the package host changes downloads"
        )


def resolve() -> list[Jar]:
    """Resolve KAFKA and LOGGING with everything they need and hash what came: how `kafka_jars.txt` is made."""
    from jgo.maven import MavenContext
    from jgo.parse import Endpoint

    folder = Path(tempfile.mkdtemp(prefix="tocsin-jars-"))
    try:
        context = MavenContext(repo_cache=folder)
        coordinates = Endpoint.parse(f"{KAFKA}+{LOGGING}").coordinates
        asked: list[Any] = [context.create_dependency(replace(each, scope="compile")) for each in coordinates]
        given, needed = context.resolver.resolve(asked)
        artifacts = [
            each.artifact for each in [*given, *(one for one in needed if one.scope in ("compile", "runtime"))]
        ]
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            paths = list(pool.map(lambda artifact: artifact.resolve(), artifacts))
        return [
            Jar(one.groupId, one.artifactId, one.version, hashlib.sha256(path.read_bytes()).hexdigest())
            for one, path in zip(artifacts, paths, strict=True)
        ]
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    for each in resolve():
        sys.stdout.write(f"{each.group}:{each.artifact}:{each.version} {each.sha256}\n")
