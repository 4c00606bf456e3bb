"""Settings: one typed object, grouped by stage. Units are in the names.

Read from the environment in composition roots only: `TOCSIN_KAFKA__BOOTSTRAP=host:9092` sets `kafka.bootstrap`. A
secret may be given as a file instead (`..._FILE`). A stage receives its own section, never the root.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.errors import UserError

PREFIX = "TOCSIN_"
NEST = "__"


class Kafka(BaseModel):
    """Where the log is."""

    bootstrap: str = Field(default="127.0.0.1:9092", description="host:port[,host:port...] of the brokers")
    partitions: int = Field(default=8, ge=1, description="of `documents` and `scores`: 8 on one machine, 32 deployed")
    replication: int = Field(default=1, ge=1, description="replicas of every topic; 3 where there are three brokers")
    session_timeout_s: float = Field(default=10.0, description="a member that is silent this long loses its partitions")
    heartbeat_s: float = 1.0
    rebalance_timeout_s: float = 15.0
    commit_interval_s: float = 1.0


class Redis(BaseModel):
    """Where windows, marks and leases are."""

    url: str = Field(default="redis://127.0.0.1:6379/0", description="redis://[user:password@]host:port/db")
    timeout_s: float = Field(default=10.0, description="an answer that takes longer counts as Redis being away")
    password: SecretStr | None = None


class Ingest(BaseModel):
    """Sources to documents."""

    sources: Path = Path("sources.yaml")
    watchlist: Path = Path("watchlist.yaml")
    heartbeat_s: float = Field(default=1.0, description="between two heartbeats of a source")
    author_key: SecretStr = Field(default=SecretStr("tocsin"), description="key of the hash that stands for an author")
    lease_s: float = Field(default=10.0, description="a source's owner that is silent this long loses the source")
    ahead_documents: int = Field(default=2000, ge=0, description="`documents` is at most this far ahead; 0 = no limit")
    scorer_group: str = Field(default="scorer", description="consumer group whose commits say how far scoring is")
    live_heartbeat_s: float = Field(default=10.0, description="between two heartbeats of a live source")
    live_lease_s: float = Field(default=30.0, description="as `lease_s`, of live sources: there may be hundreds")
    contact: str = Field(
        default="", description="mail or page, sent in the User-Agent, so that a publisher can reach you"
    )
    private_networks: str = Field(
        default="", description="networks beside the public internet that sources may lie in: `10.0.0.0/8,127.0.0.0/8`"
    )
    host_interval_s: float = Field(default=1.0, ge=0.0, description="between two requests to one host")
    dead_letter_ratio: float = Field(
        default=0.5, gt=0.0, description="of a source's last items: beyond it the source is paused, then the stage"
    )
    pause_s: float = Field(default=3600.0, description="a source that was paused is tried again after this time")
    buffer_documents: int = Field(
        default=5000, ge=1000, description="pushed documents that may wait; beyond it push answers 429"
    )


class Scorer(BaseModel):
    """Documents to scores."""

    bundle_en: str = Field(
        default="", description="the English bundle's folder; empty = shipped; `deterministic` = no model"
    )
    bundle_zh: str = Field(default="", description="the Chinese bundle's folder; empty = the one that ships, if any")
    batch_documents: int = Field(default=256, ge=1, description="at most this many documents are in flight at once")
    linger_s: float = Field(default=0.02, description="waits this long for a batch to fill")
    tokens: int = Field(default=1024, ge=16, description="padded tokens a model run may hold")
    dead_letter_ratio: float = Field(default=0.5, description="of the last 1,000 messages: beyond it the stage stops")
    watchdog_s: float = Field(
        default=60.0, description="a partition with lag that stands still this long ends the process"
    )


class Aggregator(BaseModel):
    """Scores to windows."""

    batch_scores: int = Field(default=1024, ge=1)
    linger_s: float = 0.02
    claim_s: int = Field(default=3600, description="how long a document id is remembered as counted")
    audit: bool = Field(default=False, description="also keep counts per series and minute for ever, for a judge")
    watchdog_s: float = 60.0


class Evaluator(BaseModel):
    """Windows to alerts."""

    tick_s: float = Field(default=0.1, description="between two looks at what is dirty")
    lease_s: float = Field(default=5.0, description="a leader that is silent this long is replaced")
    idle_partition_s: float = Field(default=60.0, description="a partition idle this long leaves the watermark")
    catch_up_lag_s: float = Field(default=120.0, description="while append-time lag is above this nothing pages")
    rules: Path = Path("rules.yaml")
    watchlist: Path = Path("watchlist.yaml")
    steps_per_commit: int = Field(default=5000, ge=1, description="series steps evaluated before they are written")


class Notify(BaseModel):
    """Alerts to people."""

    routes: Path = Path("routes.yaml")
    lease_s: float = 5.0
    desk_url: str = Field(default="http://127.0.0.1:8700", description="where links in alerts lead")


class Desk(BaseModel):
    """The web application."""

    host: str = "127.0.0.1"
    port: int = 8700
    database: str = Field(default="sqlite:///tocsin-desk.sqlite", description="address of the desk's database")
    watchlist: Path = Path("watchlist.yaml")


class Settings(BaseSettings):
    """Everything."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=NEST, extra="ignore", frozen=True)
    clock: Literal["wall", "replay"] = Field(
        default="wall", description="wall: documents become visible when the broker appends them; replay: in event time"
    )
    home: Path = Field(default=Path(".tocsin"), description="data, logs and state of the local stack")
    metrics_port: int = Field(default=0, description="where this process serves /metrics and /health; 0 = any")
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    kafka: Kafka = Field(default_factory=Kafka)
    redis: Redis = Field(default_factory=Redis)
    ingest: Ingest = Field(default_factory=Ingest)
    scorer: Scorer = Field(default_factory=Scorer)
    aggregator: Aggregator = Field(default_factory=Aggregator)
    evaluator: Evaluator = Field(default_factory=Evaluator)
    notify: Notify = Field(default_factory=Notify)
    desk: Desk = Field(default_factory=Desk)


def _secrets_from_files(environment: dict[str, str]) -> dict[str, str]:
    out = dict(environment)
    for name, value in environment.items():
        if name.startswith(PREFIX) and name.endswith("_FILE"):
            try:
                out[name.removesuffix("_FILE")] = Path(value).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise UserError(f"{name}={value}: cannot be read: {error.strerror}") from error
    return out


def read_settings(environment: dict[str, str] | None = None) -> Settings:
    """Settings from the environment (default: the process's).

    Raises:
        UserError: naming the variable that cannot be used.
    """
    values = _secrets_from_files(dict(os.environ if environment is None else environment))
    data: dict[str, Any] = {}
    for name, value in values.items():
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper.endswith("_FILE"):
            continue
        *groups, leaf = upper.removeprefix(PREFIX).lower().split(NEST)
        place = data
        for group in groups:
            place = place.setdefault(group, {})
        place[leaf] = value
    try:
        return Settings.model_validate({k: v for k, v in data.items() if k in Settings.model_fields})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        variable = PREFIX + NEST.join(str(part).upper() for part in first["loc"])
        raise UserError(f"{variable}: {first['msg']}") from error
