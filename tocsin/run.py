"""Composition roots: `python -m tocsin.run STAGE --slot a` runs one process of one stage, configured by the environment.

Everything a process needs is made here and handed down; nothing else constructs clients or reads the environment. The
local stack, docker compose and Kubernetes all start these same commands.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import structlog

from contracts.clock import Clock, WallClock
from contracts.errors import TocsinError
from contracts.settings import Settings, read_settings
from stream.monitoring import configure_logging, say_ready, serve_metrics

log = structlog.get_logger(__name__)


def run_ingest(settings: Settings, slot: str, clock: Clock) -> None:
    """Sources to `documents`."""
    from ingest.app import run

    _until_told(lambda stop: run(settings, clock, stop))


def run_scorer(settings: Settings, slot: str, clock: Clock) -> None:
    """`documents` to `scores`."""
    from inference.app import create_app

    _run_faust(create_app(settings, slot, clock), settings)


def run_aggregator(settings: Settings, slot: str, clock: Clock) -> None:
    """`scores` to windows."""
    from alerts.aggregator import create_app

    _run_faust(create_app(settings, slot, clock), settings)


def run_evaluator(settings: Settings, slot: str, clock: Clock) -> None:
    """Windows to `alerts`."""
    from alerts.evaluator import Evaluator
    from alerts.rules import read_rules
    from contracts.watchlist import read_watchlist

    rules = read_rules(settings.evaluator.rules)
    evaluator = Evaluator(settings, rules, read_watchlist(settings.evaluator.watchlist), clock)
    _until_told(evaluator.run)


def run_notify(settings: Settings, slot: str, clock: Clock) -> None:
    """`alerts` to sinks."""
    from alerts.notify import run
    from alerts.routes import read_routes
    from contracts.watchlist import read_watchlist

    routes = read_routes(settings.notify.routes)
    names = {entity.id: entity.name for entity in read_watchlist(settings.evaluator.watchlist)}
    _until_told(lambda stop: run(settings, routes, names, clock, stop))


def run_desk(settings: Settings, slot: str, clock: Clock) -> None:
    """The web application."""
    from desk.server import run

    _until_told(lambda stop: run(settings, clock, stop))


STAGES: dict[str, Callable[[Settings, str, Clock], None]] = {
    "ingest": run_ingest,
    "scorer": run_scorer,
    "aggregator": run_aggregator,
    "evaluator": run_evaluator,
    "notify": run_notify,
    "desk": run_desk,
}


def _until_told(serve: Callable[[threading.Event], None]) -> None:
    """Run a blocking stage until SIGTERM or SIGINT; it finishes what it holds and returns."""
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    say_ready()
    serve(stop)


def _run_faust(app: Any, settings: Settings) -> None:
    import asyncio

    import faust
    import uvloop

    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(
        app, loop=loop, loglevel=settings.log_level, redirect_stdouts=False, override_logging=False, quiet=True
    )
    worker.spinner = None  # a log is no terminal
    say_ready()
    worker.execute_from_commandline()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tocsin.run", description=__doc__)
    parser.add_argument("stage", choices=sorted(STAGES))
    parser.add_argument("--slot", default="a", help="name of this process among those of its stage")
    arguments = parser.parse_args()
    try:
        settings = read_settings()
        configure_logging(settings.log_format, settings.log_level, arguments.stage, arguments.slot)
        port = serve_metrics(settings.metrics_port, arguments.stage, arguments.slot)
        log.info("starting", metrics=f"http://127.0.0.1:{port}/metrics")
        STAGES[arguments.stage](settings, arguments.slot, WallClock())
        log.info("stopped")
    except TocsinError as error:
        # One line is what an operator needs; the supervisor keeps trying, so that mending the cause is enough.
        sys.stderr.write(f"{arguments.stage} {arguments.slot}: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
