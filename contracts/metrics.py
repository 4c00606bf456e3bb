"""Every metric of Tocsin, declared once with its unit and what it means. An undeclared name is an AttributeError.

Names end in their unit (`_seconds`, `_bytes`, `_total` for counters). No document id, headline or series is ever a label:
label values come from small closed sets, given per metric.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

# Which process this is. Labels: stage (ingest, scorer, aggregator, evaluator, notify, desk), slot (a, b, ...), version.
BUILD = Gauge(
    "tocsin_build_info",
    "Always 1; the labels say which stage, slot and version serve these metrics.",
    ["stage", "slot", "version"],
)
# Last event time this stage has finished with, seconds since 1970.
STAGE_WATERMARK = Gauge(
    "tocsin_stage_watermark_seconds", "Event time up to which this stage has worked, as a Unix time.", ["stage"]
)
# Messages finished by a stage. Labels: stage, result (ok, rejected, dead, duplicate, repeat, late).
STAGE_MESSAGES = Counter(
    "tocsin_stage_messages_total", "Messages that a stage has finished, by result.", ["stage", "result"]
)
# Messages behind the end of the log, per stage.
STAGE_LAG = Gauge(
    "tocsin_stage_lag_messages", "Messages between what a stage has finished and the end of its topic.", ["stage"]
)
# Age of the oldest message not yet finished, by the broker's append time.
STAGE_LAG_SECONDS = Gauge(
    "tocsin_stage_lag_seconds", "Age of the oldest message not yet finished, by append time.", ["stage"]
)
# Batch sizes as taken.
BATCH_MESSAGES = Histogram("tocsin_batch_messages", "Messages in one batch of a stage.", ["stage"], buckets=_SIZES)
# Time between two hops of a document's way. Label hop: publish, queue, tokenise, infer, count, decide, notify.
HOP_SECONDS = Histogram(
    "tocsin_hop_seconds", "Time a document or alert spends in one hop of the flow.", ["hop"], buckets=_LATENCY
)
# Dead letters. Labels: stage, reason.
DEAD_LETTERS = Counter(
    "tocsin_dead_letters_total", "Messages sent to dead letters, by stage and reason.", ["stage", "reason"]
)

# Ingest. Label source: a name from sources.yaml.
SOURCE_ITEMS = Counter("tocsin_source_items_total", "Items taken from a source.", ["source"])
SOURCE_ALIVE = Gauge(
    "tocsin_source_alive", "1 while a source delivers as it normally does, 0 when it stopped.", ["source"]
)
SOURCE_NEWEST = Gauge(
    "tocsin_source_newest_seconds", "Event time of a source's newest item, as a Unix time.", ["source"]
)
# Label kind: rss, json, websocket, push, mail; result: new, unchanged, failed, paused.
SOURCE_POLLS = Counter("tocsin_source_polls_total", "Looks at live sources, by kind and result.", ["kind", "result"])
SOURCE_SILENT = Gauge(
    "tocsin_source_silent_seconds",
    "How long a source has delivered nothing, once that is longer than normal at this hour; else 0.",
    ["source"],
)
# Label status: 202, 400, 401, 409, 413, 429.
PUSH_REQUESTS = Counter("tocsin_push_requests_total", "Requests that push answered, by status.", ["status"])
# What normalising dropped or changed. Label reason: empty, future_dated, truncated, masked, ...
NORMALISE_CHANGES = Counter(
    "tocsin_normalise_changes_total", "Items that normalising changed or dropped, by reason.", ["reason"]
)

# Scorer. Label lang: a bundle's language; bundle: a bundle version.
SCORER_BUNDLE = Gauge(
    "tocsin_scorer_bundle_info",
    "Always 1; the bundle that scores a language, and the provider it runs on.",
    ["lang", "bundle", "provider"],
)
# Label bundle: a bundle version; provider: the one that failed.
DEVICE_DROPS = Counter(
    "tocsin_scorer_device_drops_total",
    "Times a device failed and the next one took over until the scorer restarts.",
    ["bundle", "provider"],
)
SCORED_DOCUMENTS = Counter(
    "tocsin_scored_documents_total", "Documents scored, by topic and sentiment.", ["topic", "sentiment"]
)

# Aggregator.
COUNTED_DOCUMENTS = Counter("tocsin_counted_documents_total", "Documents applied to windows.", [])
LATE_DOCUMENTS = Counter(
    "tocsin_late_documents_total",
    "Documents counted late. age: window (up to 60 min), baseline (up to 24 h), beyond.",
    ["age"],
)
REWINDS = Counter("tocsin_rewinds_total", "Times a stage went back because Redis had gone back.", ["stage"])

# Evaluator.
LEADER = Gauge("tocsin_evaluator_leader", "1 in the process that evaluates, 0 in a standby.", [])
TICK_SECONDS = Histogram("tocsin_evaluator_tick_seconds", "Time one tick of the evaluator takes.", [], buckets=_LATENCY)
EVALUATED_SERIES = Counter(
    "tocsin_evaluated_series_total", "Series evaluated: one per series and step of event time.", []
)
OPEN_ALERTS = Gauge("tocsin_open_alerts", "Alerts open now, by rule and severity.", ["rule", "severity"])
TRANSITIONS = Counter("tocsin_transitions_total", "Steps in alerts' lives, by rule and state.", ["rule", "state"])
CATCHING_UP = Gauge("tocsin_catching_up", "1 while a backlog is caught up and nothing pages.", [])

# Notify. Label sink: a name from routes.yaml; result: sent, retried, failed; held: grouped, storm; not sent: repeat, muted,
# silenced, inhibited, acknowledged, untold, not_routed, not_for_people.
NOTIFICATIONS = Counter(
    "tocsin_notifications_total", "What became of alerts' steps at a sink, by result.", ["sink", "result"]
)
SINK_UP = Gauge("tocsin_sink_up", "1 while a sink takes what it is sent, 0 after five failures in a row.", ["sink"])
SINK_SECONDS = Histogram("tocsin_sink_seconds", "Time a sink takes to answer.", ["sink"], buckets=_LATENCY)

# Desk.
DESK_REQUESTS = Counter(
    "tocsin_desk_requests_total", "Requests the desk answered, by page and status class.", ["page", "status"]
)
DESK_READERS = Gauge("tocsin_desk_readers", "Browsers that follow the live stream.", [])
DESK_PROJECTED = Counter(
    "tocsin_desk_projected_total", "Messages written into the desk's database, by topic.", ["topic"]
)
