"""The supervisor that starts the processes of the stack and restarts one that dies, for ever."""

from __future__ import annotations

import http.client
import os
import secrets
import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from contracts.errors import UserError
from tocsin.stack.programs import Program
from tocsin.stack.state import Home

STORES = "stores"
STAGES = "stages"
USER = "tocsin"
# In the environment of every process of a stack: how one that lost its supervisor is found again.
MARK = "TOCSIN_STACK"

# A process that dies within START_S waits one second longer before each further try, so that one that cannot even be
# loaded does not take a core; one that dies later is back at once. There is no last try. The supervisor tells the exit
# status only of a process that lived for START_S.
START_S = 1
TRIES = 1_000_000

LOG_BYTES = 20 * 1024 * 1024
LOG_BACKUPS = 3


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What the supervisor says about one process.

    Attributes:
        name: the program's name.
        state: the supervisor's word: RUNNING, STARTING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL.
        pid: 0 when it does not run.
        up_s: seconds since it was started; 0 when it does not run.
        exit_status: of the last run that ended, where the supervisor tells it; else 0.
        ended: the supervisor's time of the last end, seconds; 0 if none.
    """

    name: str
    state: str
    pid: int
    up_s: int
    exit_status: int
    ended: int


def configuration(home: Home, password: str, stores: Iterable[Program], stages: Iterable[Program]) -> str:
    """The supervisor's configuration file.

    Stores start with the supervisor; stages are started when the topics are there. Each kind is one group, so that all
    stages are stopped at once, before the stores.

    Raises:
        UserError: a path holds characters that the format cannot.
    """
    sections: list[tuple[str, dict[str, object]]] = [
        (
            "supervisord",
            {
                # It leaves the terminal by itself, so that Ctrl-C does not reach it and nobody has to wait for it.
                "nodaemon": "false",
                "logfile": home.log("supervisor"),
                "logfile_maxbytes": LOG_BYTES,
                "logfile_backups": 1,
                "pidfile": home.run / "supervisor.pid",
                "childlogdir": home.logs,
                # Without it the supervisor warns of running as root, even where the user is meant to be root.
                **({"user": "root"} if os.getuid() == 0 else {}),
            },
        ),
        ("unix_http_server", {"file": home.socket, "chmod": "0600", "username": USER, "password": password}),
        ("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": _RPC}),
    ]
    for group, priority, programs in ((STORES, 1, list(stores)), (STAGES, 2, list(stages))):
        if not programs:
            continue
        sections.append(
            (f"group:{group}", {"programs": ",".join(each.name for each in programs), "priority": priority})
        )
        sections += [(f"program:{each.name}", _program(each, autostart=group == STORES)) for each in programs]
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key}={_value(value)}\n" for key, value in settings.items())
        for name, settings in sections
    )


_RPC = "supervisor.rpcinterface:make_main_rpcinterface"


def _program(program: Program, *, autostart: bool) -> dict[str, object]:
    return {
        "command": shlex.join(program.command),
        "environment": ",".join(f'{name}="{_plain(value)}"' for name, value in program.environment.items()),
        "autostart": str(autostart).lower(),
        "autorestart": "true",
        "startsecs": START_S,
        "startretries": TRIES,
        "stopsignal": "TERM",
        "stopwaitsecs": program.grace_s,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": program.log,
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": LOG_BACKUPS,
    }


def _plain(value: str) -> str:
    # Whatever else is in a value, the supervisor's own quoting loses it; such values are in the shared environment.
    if not value.isalnum():
        raise ValueError(f"{value!r} belongs into the environment that all processes share")
    return value


def _value(value: object) -> str:
    text = str(value)
    # The supervisor's format has no way to write these: a comment may start after any blank.
    if "\n" in text or " ;" in text or " #" in text:
        raise UserError(f"the supervisor cannot take {text!r}; choose a folder without ' ;', ' #' or a line break")
    return text.replace("%", "%%")


def start(home: Home, stores: Iterable[Program], stages: Iterable[Program], shared: dict[str, str]) -> None:
    """Start the supervisor, and with it the stores; it answers when this returns.

    Args:
        home: of the stack.
        stores: start at once.
        stages: start when told.
        shared: environment variables of every process. They are handed down and never written to a file, since there
            may be a password among them.

    Raises:
        UserError: it does not start.
    """
    config = home.run / "supervisor.conf"
    config.touch(0o600)
    config.write_text(configuration(home, secrets.token_hex(16), stores, stages))
    home.socket.unlink(missing_ok=True)
    done = subprocess.run(
        (sys.executable, "-m", "supervisor.supervisord", "-c", str(config)),
        env=os.environ | shared | {MARK: str(home.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(f"the supervisor does not start: {said[-1] if said else f'exit status {done.returncode}'}")


class Supervisor:
    """The running supervisor of a home, by its socket."""

    def __init__(self, home: Home) -> None:
        """Remember where its socket is; nothing is asked yet."""
        from supervisor.xmlrpc import SupervisorTransport

        self._transport = SupervisorTransport(USER, _password(home), f"unix://{home.socket}")
        # The address is a dummy: the transport connects to the socket.
        self._rpc = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=self._transport)

    def close(self) -> None:
        """Let go of the socket."""
        self._transport.close()

    def _call(self, name: str, *arguments: Any) -> Any:
        return getattr(self._rpc.supervisor, name)(*arguments)

    def answers(self) -> bool:
        """Whether it runs."""
        try:
            self._call("getState")
        except xmlrpc.client.Fault:
            return True  # it is stopping, and says so
        except (OSError, http.client.HTTPException):
            self._transport.close()
            return False
        return True

    def statuses(self) -> dict[str, ProcessStatus]:
        """Every process by name.

        Raises:
            OSError: the supervisor does not run.
        """
        rows = cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        return {row["name"]: _status(row) for row in rows}

    def pid(self) -> int:
        """Its process id."""
        return int(self._call("getPID"))

    def start_stages(self) -> None:
        """Start every stage without waiting for it."""
        self._call("startProcessGroup", STAGES, False)

    def shutdown(self) -> None:
        """Ask it to stop everything and end; it answers before it does."""
        self._call("shutdown")


def _status(row: dict[str, Any]) -> ProcessStatus:
    return ProcessStatus(
        name=row["name"],
        state=row["statename"],
        pid=row["pid"],
        up_s=row["now"] - row["start"] if row["pid"] else 0,
        exit_status=row["exitstatus"],
        ended=row["stop"],
    )


def _password(home: Home) -> str:
    try:
        lines = (home.run / "supervisor.conf").read_text().splitlines()
    except FileNotFoundError:
        return ""
    return next((line.partition("=")[2] for line in lines if line.startswith("password=")), "")


def left_over(home: Home) -> list[int]:
    """Processes of this home's stack that run now, by the mark in their environment, this process left out."""
    import psutil

    mark, found = str(home.path), []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.pid != os.getpid():
                found.append(process.pid)
        except psutil.Error:
            continue  # another user's, or gone meanwhile: not ours either way
    return found


def end(pids: Iterable[int], grace_s: float = 5.0) -> None:
    """End processes: SIGTERM, then SIGKILL for those still there after `grace_s`."""
    import psutil

    processes = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            process.terminate()
        except psutil.NoSuchProcess:
            continue
        processes.append(process)
    _, stubborn = psutil.wait_procs(processes, timeout=grace_s)
    for process in stubborn:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(stubborn, timeout=grace_s)
