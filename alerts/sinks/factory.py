"""A sink from its settings in `routes.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alerts.routes import AlertmanagerSink as AlertmanagerSettings
from alerts.routes import AppriseSink as AppriseSettings
from alerts.routes import GrafanaSink as GrafanaSettings
from alerts.routes import Routes, read_secret
from alerts.routes import WebhookSink as WebhookSettings
from alerts.sinks.log import LogSink
from alerts.sinks.sink import Sink
from alerts.texts import Wording
from contracts.errors import UserError


def make_sink(routes: Routes, name: str, path: Path, desk_url: str, names: Mapping[str, str]) -> Sink:
    """The sink of that name.

    Args:
        routes: the file's content.
        name: of the sink.
        path: of the file; secrets lie beside it.
        desk_url: where links lead.
        names: entity id -> name.

    Raises:
        UserError: a secret cannot be read, or an address is none.
    """
    settings = routes.sinks[name]
    wording = Wording(settings.language, names, desk_url)
    if isinstance(settings, WebhookSettings):
        from alerts.sinks.webhook import WebhookSink  # noqa: PLC0415 - what a route does not name is not loaded

        return WebhookSink(settings.url, read_secret(settings.secret_file, path), settings.timeout_s, desk_url)
    if isinstance(settings, AlertmanagerSettings):
        from alerts.sinks.alertmanager import AlertmanagerSink  # noqa: PLC0415

        return AlertmanagerSink(settings.url, settings.resend, settings.timeout_s, wording)
    if isinstance(settings, GrafanaSettings):
        from alerts.sinks.grafana import GrafanaSink  # noqa: PLC0415

        token = read_secret(settings.token_file, path)
        return GrafanaSink(settings.url, token, settings.dashboard, settings.timeout_s, wording)
    if isinstance(settings, AppriseSettings):
        from alerts.sinks.apprise import AppriseSink, read_addresses  # noqa: PLC0415

        place = settings.url_file if settings.url_file.is_absolute() else path.parent / settings.url_file
        try:
            return AppriseSink(read_addresses(place), settings.characters, wording)
        except UserError as error:
            raise UserError(f"{path}, sinks.{name}: {error}") from error
    return LogSink(wording)
