"""The feed's writer killed with SIGKILL at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.clock import WallClock
from desk.projection import project
from desk.store import Store
from tests.desk import made_up
from tests.desk.test_store import content

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from pathlib import Path
from desk.projection import project
from desk.store import Store
from tests.desk.test_killed import log
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
records = log()
while True:
    marks = store.marks()
    rest = [one for one in records if one.place >= marks.get((one.topic, one.partition), 0)][:37]
    if not rest:
        break
    store.apply(project(rest))
    print(len(rest), flush=True)
"""


def log() -> list[made_up.Record]:
    scores = [made_up.score(n, made_up.NOW - n * 1000, entity=f"e{n % 40}", position=1 + n % 7) for n in range(4000)]
    steps = [step for n in range(60) for step in made_up.life(f"entity:e{n}", resolved=n % 2 == 0)]
    return made_up.records([*scores, *steps])


def write(database: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(database)], stdout=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_during_projection_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    rng, clock = random.Random(seed), WallClock()
    undisturbed = Store(tmp_path / "undisturbed.sqlite")
    undisturbed.apply(project(log()))
    kills = 0
    for _ in range(4):
        with write(tmp_path / "killed.sqlite") as process:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready"
            for _ in range(rng.randint(1, 12)):
                process.stdout.readline()
            clock.sleep(rng.random() / 200)  # somewhere inside a transaction, or between two
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
    with write(tmp_path / "killed.sqlite") as process:
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait() == 0
    killed = Store(tmp_path / "killed.sqlite")
    assert kills == 4
    assert content(killed) == content(undisturbed)
    killed.close()
    undisturbed.close()
