"""`tocsin sinks test NAME`: a marked test to one sink, through its real delivery."""

from __future__ import annotations

import hashlib
from typing import Annotated

import typer

from alerts.routes import read_routes
from alerts.sinks.factory import make_sink
from alerts.sinks.sink import DeliveryError, Notice
from contracts.clock import WallClock
from contracts.errors import UserError
from contracts.evidence import DocumentEvidence, Evidence, WindowEvidence
from contracts.messages import Transition
from contracts.settings import read_settings
from tocsin.commands.options import HERE, ConfigOption

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Try the sinks of routes.yaml.")


@app.callback()
def sinks() -> None:
    """Try the sinks of routes.yaml."""


def sample(now_ms: int) -> Transition:
    """An alert that says of itself that it is a test."""
    document = DocumentEvidence(
        id=hashlib.sha256(b"tocsin-test").hexdigest()[:32], source="tocsin", snippet="This is a test of Tocsin, not news.",
        published_ms=now_ms, p_negative=0.9, weight=1.0, story="", position=1,
    )  # fmt: skip
    window = WindowEvidence(
        minutes=60, negative=9, all=10, expected_negative=0.4, expected_all=1.1, p_count=1e-8, p_share=0.001, share=0.9,
        usual_share=0.36, score=12.4,
    )  # fmt: skip
    return Transition(
        alert=hashlib.sha256(f"test-{now_ms}".encode()).hexdigest()[:32], number=1, series="entity:tocsin-test",
        group="session:global", rule="negative", state="firing", severity="warning", onset_ms=now_ms, at_ms=now_ms,
        fired_ms=now_ms, decided_ms=now_ms, score=12.4, peak=12.4, why="A test of this sink: nothing has happened.",
        evidence=Evidence(windows=[window], window=60, documents=[document], sources={"tocsin": 1}, threshold=9.5),
    )  # fmt: skip


@app.command("test")
def try_it(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a sink in routes.yaml.")], config: ConfigOption = HERE
) -> None:
    """Send a marked test to a sink, once, and say how it went. Exit code 1 when the sink did not take it."""
    path = config / "routes.yaml"
    routes = read_routes(path)
    if name not in routes.sinks:
        raise UserError(f"{path}: there is no sink {name!r}; sinks are {', '.join(sorted(routes.sinks))}")
    sink = make_sink(routes, name, path, read_settings().notify.desk_url, {"tocsin-test": "Tocsin test"})
    now_ms = WallClock().wall_ms()
    try:
        sink.send(Notice.of(sample(now_ms), "test"), now_ms)
    except DeliveryError as error:
        typer.echo(f"{name} did not take it: {error}", err=True)
        raise typer.Exit(1) from error
    finally:
        sink.close()
    typer.echo(f"{name} took it")
