"""`routes.yaml`: which sinks there are, and the tree that says what goes to which of them, in Alertmanager's words.

An alert enters at the top and goes down to the first child that matches it, or to several with `continue: true`; where no
child matches, the route itself takes it. A child has what it does not say from its parent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from alerts.intervals import TimeInterval
from alerts.matchers import NAMES, Matcher
from contracts.config_file import read_yaml
from contracts.errors import UserError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


def seconds(value: Any) -> Any:
    """A duration such as `30s`, `5m` or `1h30m` as seconds; anything else as it is."""
    if not isinstance(value, str):
        return value
    parts = _PART.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value.replace(" ", ""):
        raise ValueError(f"{value!r} is no duration; write it like 30s, 5m or 4h")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


Duration = Annotated[float, BeforeValidator(seconds), Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _SinkSettings(_Part):
    """What every sink may have.

    Attributes:
        language: of the texts it gets.
        timeout_s: an answer that takes longer counts as a failure.
        give_up_after: a notice that could not be delivered for so long goes to this sink's dead letters; 0 = never.
    """

    language: Literal["en", "zh"] = "en"
    timeout_s: float = Field(default=10.0, gt=0, le=120)
    give_up_after: Duration = 0.0


class LogSink(_SinkSettings):
    """Alerts as lines in the log of `notify`."""

    kind: Literal["log"]


class WebhookSink(_SinkSettings):
    """Alerts as signed POST requests.

    Attributes:
        url: where they go, http or https.
        secret_file: a file with the key that signs them.
    """

    kind: Literal["webhook"]
    url: str = Field(pattern=r"^https?://[^\s]+$")
    secret_file: Path


class AlertmanagerSink(_SinkSettings):
    """A Prometheus Alertmanager, API v2: it groups, silences and forwards by its own configuration.

    Attributes:
        url: its base address.
        resend: all open alerts are sent again so often, as Prometheus does; keep it below Alertmanager's resolve_timeout.
    """

    kind: Literal["alertmanager"]
    url: str = Field(pattern=r"^https?://[^\s]+$")
    resend: Duration = 60.0


class GrafanaSink(_SinkSettings):
    """Grafana annotations: a region from onset to resolution.

    Attributes:
        url: Grafana's base address.
        token_file: a file with a service account's token.
        dashboard: uid of the dashboard that they belong to; empty for all.
    """

    kind: Literal["grafana"]
    url: str = Field(pattern=r"^https?://[^\s]+$")
    token_file: Path
    dashboard: str = ""


class AppriseSink(_SinkSettings):
    """Mail and chat by Apprise: mail, Slack, Teams, Telegram, ntfy, 飞书, 钉钉, 企业微信 and a hundred more.

    Attributes:
        url_file: a file with one Apprise address a line; addresses hold secrets.
        characters: the longest text that the receiver takes; longer ones are cut at a line.
    """

    kind: Literal["apprise"]
    url_file: Path
    characters: int = Field(default=3500, ge=200)


Sink = Annotated[LogSink | WebhookSink | AlertmanagerSink | GrafanaSink | AppriseSink, Field(discriminator="kind")]


def _matcher(value: Any) -> Any:
    return Matcher.parse(value) if isinstance(value, str) else value


MatcherText = Annotated[Matcher, BeforeValidator(_matcher)]


class Route(_Part):
    """A node of the tree.

    Attributes:
        sink: names of the sinks; None = the parent's.
        matchers: all must be met for an alert to enter; the top has none.
        group_by: alerts that agree in these labels are one group; None = the parent's; at the top none: each goes by itself.
        group_wait: a group's first notice waits so long for others.
        repeat_interval: a firing alert that nobody acknowledged is told again so often; 0 = never.
        mute_time_intervals, active_time_intervals: names of intervals in which nothing, or in which only, is sent.
        resolved: also send the end of an alert.
    """

    sink: str | list[str] | None = None
    matchers: list[MatcherText] = Field(default_factory=list)
    go_on: bool = Field(default=False, alias="continue")
    group_by: list[str] | None = None
    group_wait: Duration | None = None
    repeat_interval: Duration | None = None
    mute_time_intervals: list[str] | None = None
    active_time_intervals: list[str] | None = None
    resolved: bool | None = None
    routes: list[Route] = Field(default_factory=list)

    @property
    def sinks(self) -> list[str]:
        """Its own sinks, as a list."""
        return [] if self.sink is None else [self.sink] if isinstance(self.sink, str) else list(self.sink)

    @field_validator("group_by")
    @classmethod
    def _are_labels(cls, value: list[str] | None) -> list[str] | None:
        for name in value or ():
            if name not in NAMES:
                raise ValueError(f"alerts have no label {name!r}; they have {', '.join(NAMES)}")
        return value


class NamedInterval(_Part):
    """Time intervals under a name."""

    name: str
    time_intervals: list[TimeInterval] = Field(min_length=1)


class InhibitRule(_Part):
    """While an alert that meets `source_matchers` fires, those that meet `target_matchers` and agree in `equal` are not sent."""

    source_matchers: list[MatcherText] = Field(min_length=1)
    target_matchers: list[MatcherText] = Field(min_length=1)
    equal: list[str] = Field(default_factory=list)


class Storm(_Part):
    """Beyond `alerts` newly firing ones within `within`, a sink gets the critical ones and one digest of the others."""

    alerts: int = Field(default=10, ge=1)
    within: Duration = 600.0


class DeadMansSwitch(_Part):
    """A sign of life for a sink that pages when it stops coming."""

    sink: str
    every: Duration = 60.0


class Digest(_Part):
    """A summary of the last day for a sink, at a time of day."""

    sink: str
    at: str = Field(default="08:00", pattern=r"^(?:[01]\d|2[0-3]):[0-5]\d$")
    location: str = "UTC"


class Routes(_Part):
    """The whole file."""

    sinks: dict[str, Sink]
    route: Route
    time_intervals: list[NamedInterval] = Field(default_factory=list)
    inhibit_rules: list[InhibitRule] = Field(default_factory=list)
    storm: Storm = Field(default_factory=Storm)
    daily_digests: list[Digest] = Field(default_factory=list)
    dead_mans_switch: DeadMansSwitch | None = None

    def nodes(self) -> Iterator[tuple[str, Route]]:
        """Every route with its place, parents first."""
        waiting = [("route", self.route)]
        while waiting:
            place, route = waiting.pop(0)
            yield place, route
            waiting += [(f"{place}.routes[{n}]", child) for n, child in enumerate(route.routes)]

    def used(self) -> list[str]:
        """Names of the sinks that something can reach, in the order of the file."""
        names = {name for _, route in self.nodes() for name in route.sinks}
        names |= {digest.sink for digest in self.daily_digests}
        if self.dead_mans_switch:
            names.add(self.dead_mans_switch.sink)
        return [name for name in self.sinks if name in names]


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
        raise UserError(f"{path}, {place}: {first['msg'].removeprefix('Value error, ')}") from error
    _check(path, routes)
    return routes


def _check(path: Path, routes: Routes) -> None:
    def known(name: str, place: str) -> None:
        if name not in routes.sinks:
            raise UserError(f"{path}, {place}: there is no sink {name!r}; sinks are {', '.join(sorted(routes.sinks))}")

    intervals = [interval.name for interval in routes.time_intervals]
    for name in intervals:
        if intervals.count(name) > 1:
            raise UserError(f"{path}, time_intervals: {name!r} is there twice; give each its own name")
    for place, route in routes.nodes():
        for name in route.sinks:
            known(name, place)
        for name in [*(route.mute_time_intervals or ()), *(route.active_time_intervals or ())]:
            if name not in intervals:
                raise UserError(
                    f"{path}, {place}: there is no time interval {name!r}; there is {', '.join(intervals) or 'none'}"
                )
        if place != "route" and not route.matchers:
            raise UserError(f"{path}, {place}: a route below the top needs matchers, or it hides those after it")
    if not routes.route.sinks:
        raise UserError(f"{path}, route: the top needs a sink, or alerts that match nothing go nowhere")
    if routes.route.matchers:
        raise UserError(f"{path}, route: the top takes every alert and has no matchers; put them on a route below it")
    for digest in routes.daily_digests:
        known(digest.sink, "daily_digests")
    if routes.dead_mans_switch:
        known(routes.dead_mans_switch.sink, "dead_mans_switch")


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
