"""`tocsin demo`: the 2022 crypto stream through the real flow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from kafka import KafkaConsumer, TopicPartition
from redis import Redis
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from alerts.keys import EVALUATED
from contracts import codec
from contracts.clock import Clock, WallClock
from contracts.errors import Rejected
from contracts.messages import SourceHeartbeat, Transition
from contracts.settings import read_settings
from contracts.topics import ALERTS, SOURCES
from contracts.watchlist import read_watchlist
from tocsin import demo_story
from tocsin.commands.init import write
from tocsin.commands.interrupts import ends_like_ctrl_c, wait_for_ctrl_c
from tocsin.commands.options import home_of
from tocsin.commands.steps import Steps
from tocsin.demo_story import COLUMNS, Story
from tocsin.stack import local, ports
from tocsin.stack.state import State

app = typer.Typer(add_completion=False)
PLAIN_EVERY_MS = 10_000
PLAIN_WIDTH = 140  # where no terminal says how wide it is, a table is not folded
# A home of its own, wiped at every start: never the one that holds somebody's data.
DEMO_HOME = Path(".tocsin-demo")
HomeOption = Annotated[Path, typer.Option("--home", help="Folder of the demo; wiped when it starts.")]


@app.command()
def demo(
    home: HomeOption = DEMO_HOME,
    port_base: Annotated[
        int, typer.Option("--port-base", help="The desk's port; the others follow it. 0 = any free ones.")
    ] = ports.BASE,
    end: Annotated[bool, typer.Option("--exit", help="End when the replay is over, for scripts.")] = False,
) -> None:
    """Replay the 2022 crypto stream through the real flow and watch FTX ring.

    History up to 2022-11-05 runs at full speed and only teaches what is normal; then the days of the FTX collapse run
    slowly enough to watch, and the rest of November quickly. Ctrl-C stops everything.
    """
    console, clock = Console(), WallClock()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    folder = (home / "demo").expanduser().resolve()
    local.down(home, clock, wipe=True)  # the last demo's end is not this one's beginning
    with ends_like_ctrl_c():
        home_of(home).make()
        configure(folder)
        options = local.Options(
            home=home,
            config=folder,
            port_base=port_base,
            settings={"TOCSIN_CLOCK": "replay"},
        )
        with Steps(Console(stderr=True)) as say:
            state = local.up(options, read_settings().kafka, clock, say)
        try:
            console.print(
                f"The desk: [link={state.desk}]{state.desk}[/link]   (a replay of 2022; nothing here is news)"
            )
            console.print(f"More while it runs: tocsin status --home {home}", highlight=False)
            entities = read_watchlist(folder / "watchlist.yaml")
            names = {entity.id: entity.name for entity in entities}
            story = _watch(console, state, names, clock)
            _conclude(console, story, names)
            if not end:
                console.print(f"The desk keeps serving at {state.desk}. Ctrl-C stops everything.")
                wait_for_ctrl_c()
        except KeyboardInterrupt:
            console.print("Stopping.")
        finally:
            local.down(home, clock, wipe=False)


def configure(folder: Path) -> None:
    """The demo's four files: the starter ones, with the shipped stream as the only source."""
    write(folder, force=True)
    stream = demo_story.shipped("crypto_2022_en_3src.csv.gz")
    (folder / "sources.yaml").write_text(demo_story.sources_yaml(stream), encoding="utf-8")


def _watch(console: Console, state: State, names: dict[str, str], clock: Clock) -> Story:
    """Follow the flow until everything replayed has been evaluated."""
    story = Story({}, {})
    consumer = KafkaConsumer(bootstrap_servers=state.kafka.split(","), enable_auto_commit=False)
    topics = [TopicPartition(ALERTS.name, 0), TopicPartition(SOURCES.name, 0)]
    consumer.assign(topics)
    consumer.seek_to_beginning(*topics)
    heartbeat: SourceHeartbeat | None = None
    said_ms = 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with (
        Redis.from_url(state.redis) as redis,
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("starting", total=None)
        while True:
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    try:
                        if record.topic == SOURCES.name:
                            heartbeat = codec.decode(SourceHeartbeat, record.value)
                        elif story.add(transition := codec.decode(Transition, record.value)):
                            console.print(
                                demo_story.alert_line(transition, names, state.desk), soft_wrap=True, highlight=False
                            )
                    except Rejected as error:
                        console.print(f"unreadable record in {record.topic}: {error}", markup=False)
            evaluated_s = int(redis.get(EVALUATED) or 0)
            if heartbeat is None or heartbeat.replay is None:
                continue
            replay = heartbeat.replay
            text = _where(heartbeat, evaluated_s)
            bar.update(task, description=text, total=replay.rows, completed=replay.rows_done)
            if not console.is_terminal and clock.wall_ms() - said_ms > PLAIN_EVERY_MS:
                console.print(f"{text}  {replay.rows_done} of {replay.rows} documents", highlight=False)
                said_ms = clock.wall_ms()
            if replay.done and evaluated_s >= replay.end_ms // 1000 - 1:
                break
    consumer.close()
    return story


def _where(heartbeat: SourceHeartbeat, evaluated_s: int) -> str:
    replay = heartbeat.replay
    learning = replay is not None and evaluated_s * 1000 < replay.learn_until_ms
    phase = "learning" if learning else "watching"
    return f"{phase}, {demo_story.moment(max(evaluated_s * 1000, replay.start_ms if replay else 0))} UTC"


def _conclude(console: Console, story: Story, names: dict[str, str]) -> None:
    table = Table(title="Alerts of the replay", box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(
            column, no_wrap=True, justify="right" if column in ("negative", "in", "expected", "S") else "left"
        )
    for row in story.rows(names):
        table.add_row(*row, style=None if row[-1] == "paged" else "dim")
    console.print(table)
    crises = demo_story.read_crises(demo_story.shipped("crypto_2022_known_events.csv"))
    alerts: list[demo_story.Rang] = [
        (t.series, t.rule, t.at_ms, story.newest[a].resolved_ms) for a, t in story.fired.items()
    ]
    known = Table("day", "whom", "what", "wanted", "found", "as wanted", title="Known events of the stream", box=None)
    for row in demo_story.crisis_rows(crises, alerts, {name: entity for entity, name in names.items()}):
        known.add_row(*row)
    console.print(known)
