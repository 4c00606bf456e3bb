"""`routes.yaml`: which sinks there are and which of them an alert goes to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.config_file import read_yaml
from contracts.errors import UserError


class LogSink(BaseModel):
    """Alerts as lines in the log of `notify`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["log"]


class WebhookSink(BaseModel):
    """Alerts as signed POST requests.

    Attributes:
        url: where they go, http or https.
        secret_file: a file with the key that signs them.
        timeout_s: an answer that takes longer counts as a failure.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["webhook"]
    url: str = Field(pattern=r"^https?://[^\s]+$")
    secret_file: Path
    timeout_s: float = Field(default=10.0, gt=0, le=120)


Sink = Annotated[LogSink | WebhookSink, Field(discriminator="kind")]


class Route(BaseModel):
    """Where alerts go: the names of one or more sinks."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sink: str | list[str]

    @property
    def sinks(self) -> list[str]:
        """The names, as a list."""
        return [self.sink] if isinstance(self.sink, str) else list(self.sink)


class Routes(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sinks: dict[str, Sink]
    route: Route


def read_routes(path: Path) -> Routes:
    """The routes of a file; relative paths of secrets are taken from the file's folder.

    Raises:
        UserError: naming the file, the place and what to do.
    """
    content = read_yaml(path)
    try:
        routes = Routes.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"{path}, {place}: {first['msg']}") from error
    for name in routes.route.sinks:
        if name not in routes.sinks:
            raise UserError(f"{path}, route: there is no sink {name!r}; sinks are {', '.join(sorted(routes.sinks))}")
    return routes


def read_secret(path: Path, beside: Path) -> bytes:
    """The key in a secret's file.

    Raises:
        UserError: the file is missing or empty.
    """
    place = path if path.is_absolute() else beside.parent / path
    try:
        secret = place.read_bytes().strip()
    except OSError as error:
        raise UserError(f"{beside}: the secret file {place} cannot be read: {error.strerror}") from error
    if not secret:
        raise UserError(f"{beside}: the secret file {place} is empty")
    return secret
