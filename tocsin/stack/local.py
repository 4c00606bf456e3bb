"""Up and down: everything on this machine, in order, or nothing.

1. Look at configuration, disk, memory and ports; complain in one line before anything is started.
2. Fetch Kafka's jars where they are not cached.
3. Start the supervisor, and with it Kafka and Redis; wait until they answer.
4. Create the topics.
5. Start the stages; wait until each says that it is healthy.

A failure in any step, or Ctrl-C, takes down what was started.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from contracts.clock import SECOND_MS, Clock
from contracts.errors import UserError
from contracts.settings import Kafka, Settings
from tocsin import topics
from tocsin.stack import checks, jars, kafka, ports, processes, redis, stages, waiting
from tocsin.stack.programs import Program
from tocsin.stack.stages import Addresses, Slot
from tocsin.stack.state import Home, State

STORE_LIMIT_MS = 60 * SECOND_MS
STAGE_LIMIT_MS = 120 * SECOND_MS
DOWN_LIMIT_MS = 60 * SECOND_MS

# What needs a port, in the words of a message that says that it is taken.
DESK, KAFKA, CONTROLLER, REDIS = "the desk", "Kafka", "Kafka's controller", "Redis"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What to start.

    Attributes:
        home: the folder of the stack.
        config: the folder of the four files.
        kafka: host:port of a Kafka that already runs; None = start one.
        redis: URL of a Redis that already runs; None = start one.
        port_base: first of the ports; 0 = any free ones.
        scorers: processes that score.
        aggregators: processes that count.
        standbys: processes that wait behind the evaluator, and as many beside notify.
        settings: further environment variables for every stage, `TOCSIN_...`.
    """

    home: Path
    config: Path
    kafka: str | None = None
    redis: str | None = None
    port_base: int = ports.BASE
    scorers: int = 1
    aggregators: int = 1
    standbys: int = 0
    settings: dict[str, str] = field(default_factory=dict)


def given_addresses(settings: Settings) -> tuple[str | None, str | None]:
    """The Kafka and the Redis that the environment names, None where it names none."""
    bootstrap = settings.kafka.bootstrap if "bootstrap" in settings.kafka.model_fields_set else None
    url = settings.redis.url if "url" in settings.redis.model_fields_set else None
    return bootstrap, url


def up(options: Options, topic_settings: Kafka, clock: Clock, say: Say) -> State:
    """Start everything and return what runs where.

    Args:
        options: what to start.
        topic_settings: partitions and replication of the topics.
        clock: tells how long is too long.
        say: told each step in a few words.

    Raises:
        UserError: something is missing, taken, already running or does not start; nothing is left running.
    """
    home = Home(options.home.expanduser().resolve())
    config = options.config.expanduser().resolve()
    checks.demand([checks.configuration(config)])
    home.make()
    with _alone(home):
        if running(home):
            raise UserError(f"a stack already runs in {home.path}; see `tocsin status`, or stop it with `tocsin down`")
        processes.end(processes.left_over(home))
        try:
            return _start(home, config, options, topic_settings, clock, say)
        except BaseException:
            if running(home):
                say("stopping what was started")
            _stop(home, clock)
            raise


def _start(home: Home, config: Path, options: Options, topic_settings: Kafka, clock: Clock, say: Say) -> State:
    say("checking the machine")
    slots = stages.slots(options.scorers, options.aggregators, options.standbys)
    plan = ports_of(options, slots)
    checks.demand([checks.disk(home.path), checks.memory(), *(checks.free_port(what, plan[what]) for what in plan)])
    addresses = Addresses(
        kafka=options.kafka or f"{ports.HOST}:{plan[KAFKA]}",
        redis=options.redis or f"redis://{ports.HOST}:{plan[REDIS]}/0",
        desk_host=ports.HOST,
        desk_port=plan[DESK],
    )
    stores = _stores(home, options, plan, say)
    shared = stages.environment(home, config, addresses) | options.settings
    metrics_ports = {slot: plan[_metrics(slot)] for slot in slots}
    say("starting the supervisor")
    processes.start(home, stores, [stages.program(home, slot, port) for slot, port in metrics_ports.items()], shared)
    with closing(processes.Supervisor(home)) as supervisor:
        state = State(
            supervisor_pid=supervisor.pid(),
            started_ms=clock.wall_ms(),
            config=str(config),
            kafka=addresses.kafka,
            redis=addresses.redis,
            desk=addresses.desk,
            processes=(
                *(stages.store_process(home, each.name) for each in stores),
                *(stages.process(home, slot, metrics_ports[slot]) for slot in slots),
            ),
        )
        home.write_state(state)
        up_to = partial(waiting.wait, statuses=supervisor.statuses, logs=home.log, clock=clock, say=say)
        up_to(_stores_answer(addresses), limit_ms=STORE_LIMIT_MS)
        say("creating the topics")
        applied = topics.apply(addresses.kafka, topic_settings.partitions, topic_settings.replication)
        for difference in applied.differences:
            say(f"warning: {difference}")
        supervisor.start_stages()
        healthy = {slot.name: partial(waiting.healthy, port) for slot, port in metrics_ports.items()}
        page = {"the page": partial(ports.accepts, addresses.desk_host, addresses.desk_port)}
        up_to(healthy | page, limit_ms=STAGE_LIMIT_MS)
    return state


def _metrics(slot: Slot) -> str:
    return f"the metrics of {slot.name}"


def ports_of(options: Options, slots: list[Slot]) -> dict[str, int]:
    """What needs a port -> which; the desk has the first, and the others keep theirs when a store is elsewhere."""
    stores = {KAFKA: options.kafka, CONTROLLER: options.kafka, REDIS: options.redis}
    names = [DESK, *stores, *(_metrics(slot) for slot in slots)]
    try:
        plan = ports.plan(names, options.port_base)
    except ValueError as error:
        raise UserError(f"--port-base {options.port_base}: {error}") from error
    return {name: port for name, port in plan.items() if not stores.get(name)}


def _stores(home: Home, options: Options, plan: dict[str, int], say: Say) -> list[Program]:
    """The stores to start here; an address that was given must answer already."""
    programs = []
    if options.redis is None:
        programs.append(redis.prepare(home.redis, home.log("redis"), plan[REDIS]))
    elif not redis.answers(options.redis):
        raise UserError(f"no Redis answers at {redis.without_password(options.redis)}; start it, or leave out --redis")
    if options.kafka is None:
        class_path = jars.fetch(
            jars.cache_folder(), jars.locked(), lambda done, all_: say(f"fetching Kafka, once: {done} of {all_} jars")
        )
        programs.append(kafka.prepare(home.kafka, home.log("kafka"), class_path, plan[KAFKA], plan[CONTROLLER]))
    elif not kafka.any_answers(options.kafka):
        raise UserError(f"no Kafka answers at {options.kafka}; start it, or leave out --kafka")
    return programs


def _stores_answer(addresses: Addresses) -> dict[str, Callable[[], bool]]:
    return {
        "redis": partial(redis.answers, addresses.redis),
        "kafka": partial(kafka.any_answers, addresses.kafka),
    }


def running(home: Home) -> bool:
    """Whether the supervisor of this home runs."""
    with closing(processes.Supervisor(home)) as supervisor:
        return supervisor.answers()


def down(home_path: Path, clock: Clock, *, wipe: bool) -> bool:
    """Stop everything of a home, and with `wipe` delete what it holds.

    Returns:
        Whether anything ran.

    Raises:
        UserError: `wipe` of a folder that is not Tocsin's, or something refuses to end.
    """
    home = Home(home_path.expanduser().resolve())
    if not home.run.exists():
        if wipe:
            home.wipe()
        return False
    with _alone(home):
        ran = _stop(home, clock)
        if wipe:
            home.wipe()
    return ran


def _stop(home: Home, clock: Clock) -> bool:
    """Stop the supervisor and all its processes; those that lost their supervisor too."""
    with closing(processes.Supervisor(home)) as supervisor:
        ran = supervisor.answers()
        if ran:
            supervisor.shutdown()
        until = clock.wall_ms() + DOWN_LIMIT_MS
        while supervisor.answers() and clock.wall_ms() < until:
            clock.sleep(waiting.POLL_S)
    left = processes.left_over(home)
    processes.end(left)
    home.forget_state()
    return ran or bool(left)


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Only one `up` or `down` of a home at a time."""
    with (home.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"another `tocsin up` or `tocsin down` works on {home.path} now") from error
        yield
