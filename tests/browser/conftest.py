"""The real desk on a real Kafka, and Debian's Chromium in front of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from contracts.clock import WallClock
from contracts.settings import Desk, Kafka, Settings
from desk.server import run
from tests.desk.conftest import WATCHLIST
from tests.desk.kafka_log import Log, until
from tocsin.stack import ports

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class RunningDesk:
    """A desk that serves.

    Attributes:
        base: its address.
        log: the topics it follows.
        stop: ends it.
    """

    base: str
    log: Log
    stop: Callable[[], None]
    start: Callable[[], None]


@pytest.fixture
def desk(kafka_address: str, tmp_path: Path) -> Iterator[RunningDesk]:
    """A desk over empty topics; it can be stopped and started again."""
    log = Log(kafka_address)
    log.delete()
    log.create()
    (tmp_path / "watchlist.yaml").write_text(WATCHLIST)
    port = ports.free_port()
    settings = Settings(
        kafka=Kafka(bootstrap=kafka_address),
        desk=Desk(port=port, database=f"sqlite:///{tmp_path / 'desk.sqlite'}", watchlist=tmp_path / "watchlist.yaml"),
    )
    base = f"http://127.0.0.1:{port}"
    running: list[tuple[threading.Thread, threading.Event]] = []
    died: list[BaseException] = []

    def serve(told: threading.Event) -> None:
        try:
            run(settings, WallClock(), told)
        except BaseException as error:
            died.append(error)
            raise

    def answers() -> bool:
        assert died == []
        try:
            return httpx.get(f"{base}/health").status_code == 200
        except httpx.HTTPError:
            return False

    def start() -> None:
        told = threading.Event()
        thread = threading.Thread(target=serve, args=(told,))
        running.append((thread, told))
        thread.start()
        until(answers)

    def stop() -> None:
        while running:
            thread, told = running.pop()
            told.set()
            thread.join(30)
            assert not thread.is_alive()

    start()
    yield RunningDesk(base, log, stop, start)
    stop()
    log.delete()
    assert died == []


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser per file: Playwright keeps an event loop running, in which the async tests of other files could not run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Window:
    """A browser window that notes what went wrong in it: violations of the policy are errors on its console."""

    context: BrowserContext
    errors: list[str] = field(default_factory=list)

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def _note(self, message: ConsoleMessage) -> None:
        # A stream that breaks because the desk was stopped is told by the page itself.
        if message.type in {"error", "warning"} and "ERR_" not in message.text:
            self.errors.append(message.text)


@pytest.fixture
def window(chromium: Browser) -> Iterator[Callable[..., Window]]:
    """Open a window; when the test ends none may have seen an error."""
    opened: list[Window] = []

    def make(
        *, bypass_csp: bool = False, scheme: str = "light", width: int = 1360, height: int = 860, script: bool = True
    ) -> Window:
        context = chromium.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": height},
            timezone_id="Asia/Shanghai",
            locale="en-GB",
            bypass_csp=bypass_csp,
            java_script_enabled=script,
        )
        context.set_default_timeout(30_000)
        opened.append(Window(context))
        return opened[-1]

    yield make
    for one in opened:
        one.context.close()
    assert [error for one in opened for error in one.errors] == []
