"""Mail and chat by Apprise: one address a line in a file, since addresses hold secrets."""

from __future__ import annotations

import logging
from pathlib import Path

import apprise

from alerts import texts
from alerts.sinks.sink import DeliveryError, Notice
from alerts.texts import Wording
from contracts.errors import UserError

_TYPES = {
    "critical": apprise.NotifyType.FAILURE,
    "warning": apprise.NotifyType.WARNING,
    "info": apprise.NotifyType.INFO,
}


class AppriseSink:
    """Tells every address of one file the same.

    Apprise says only whether all went well: after a failure all are tried again, so an address beside a broken one may
    be told twice. Give each its own sink where that matters.
    """

    def __init__(self, addresses: list[str], characters: int, wording: Wording) -> None:
        self._receivers = apprise.Apprise()
        for number, address in enumerate(addresses, 1):
            if not self._receivers.add(address):
                # Never the address itself: it holds a token.
                raise UserError(f"line {number} of the addresses is none that Apprise knows")
        self._characters = characters
        self._wording = wording
        logging.getLogger("apprise").setLevel(logging.ERROR)

    def close(self) -> None:
        """Nothing is open between sends."""

    def send(self, notice: Notice, now_ms: int) -> None:
        """One attempt.

        Raises:
            DeliveryError: an address did not take it.
        """
        wording = self._wording
        kind = apprise.NotifyType.INFO
        if notice.kind == "alive":
            title, body = wording.pick("Tocsin is alive", "Tocsin 运行正常"), wording.desk_url
        elif notice.kind in ("alert", "repeat", "test"):
            transition = notice.transitions[0]
            title, body = texts.title(transition, wording), texts.body(transition, wording, self._characters)
            kind = _TYPES[transition.severity] if transition.state == "firing" else apprise.NotifyType.SUCCESS
        else:
            title = texts.digest_title(notice.kind, notice.transitions, wording)
            body = texts.digest(notice.transitions, wording, self._characters)
        if notice.kind == "test":
            title = wording.pick("Test, not an alert: ", "测试，并非告警：") + title
        if not self._receivers.notify(body=body, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT):
            raise DeliveryError("an address did not take it; Apprise's own log line says which kind and why")


def read_addresses(path: Path) -> list[str]:
    """The addresses of a file: one a line; empty lines and lines that begin with # are passed over.

    Raises:
        UserError: the file is missing or holds none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the addresses {path} cannot be read: {error}") from error
    addresses = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not addresses:
        raise UserError(f"{path} holds no address; write one Apprise address a line")
    return addresses
