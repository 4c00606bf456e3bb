"""Is the detector any better than what others do? Prints a table; asserts nothing.

    python tests/bench/detector [--seeds 101,102,103] [--quick] [--libraries] [--tweets FILE]

1. Worlds of the seeds are simulated (`simulate`); none of these seeds was looked at while the detector was made (1 to 5 were).
2. Ours (`ours`), what one writes oneself (`peers`), and with --libraries river's and adtk's detectors (`libraries`, in an
   environment of their own under ~/.cache) score the same counts.
3. Each detector's threshold is the one that gives the asked rate of false alerts (`episodes`); what it finds at that rate
   is compared. Every class of false alert has its own column.
4. --tweets does the same on real volumes (`real_volumes`), at 1e-3.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.bench.detector import ours, peers, real_volumes
from tests.bench.detector.episodes import CLASSES, Heat, Judged, at_rate
from tests.bench.detector.simulate import Simulated, World, simulate

RATES = (1e-2, 1e-3, 1e-4)
LIBRARIES = ("river==0.26.1", "adtk==0.6.2")
NAME = "Tocsin"


def scores(simulated: Simulated, libraries: Path | None) -> dict[str, Heat]:
    """Detector -> its scores on a world."""
    found = {NAME: ours.heat(simulated), **peers.heats(simulated)}
    if libraries is not None:
        found |= by_libraries(simulated, libraries)
    return found


def by_libraries(simulated: Simulated, python: Path) -> dict[str, Heat]:
    """The same of the libraries' detectors, by the Python of their environment."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(given, counts=peers.five_minutes(simulated), first=simulated.world.scored_from // 5)
        script = Path(__file__).parent / "libraries.py"
        subprocess.run([str(python), str(script), str(given), str(found)], check=True)
        with np.load(found) as read:
            return {name: peers.heat_of_matrix(simulated, read[name]) for name in read.files}


def environment() -> Path:
    """The Python of the libraries' environment, made on first use."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tocsin-bench-detectors"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *LIBRARIES], check=True)
    return python


def tables(console: Console, worlds: list[Simulated], heats: dict[str, list[Heat]], rates: tuple[float, ...]) -> None:
    """Print what each detector finds at each rate, and its false alerts by class."""
    for rate in rates:
        table = Table(
            "detector", "S or score", "recall", "rise", "busy x2-3", "burst", "share", "slow burn", "delay, min",
            title=f"at {rate:g} false alerts per series-day", box=None,
        )  # fmt: skip
        false = Table("detector", *CLASSES, title="false alerts by class", box=None)
        for name, its in heats.items():
            threshold, judged = at_rate(worlds, its, rate)
            table.add_row(name, f"{threshold:.2f}", *cells(judged))
            false.add_row(name, *(str(judged.false[one]) for one in CLASSES))
        console.print(table, false, sep="\n")


def cells(judged: Judged) -> list[str]:
    """A row of recalls and the delay (median / 90 %)."""
    recalls = (
        judged.recall(), judged.recall("rise"), judged.recall("rise", 2.0, 3.0, busy=True), judged.recall("burst"),
        judged.recall("share"), judged.recall("slow burn"),
    )  # fmt: skip
    return [*(f"{value:.2f}" for value in recalls), f"{judged.delay(0.5):.0f} / {judged.delay(0.9):.0f}"]


def main() -> None:
    """Simulate, score, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101,102,103", help="worlds, by commas")
    parser.add_argument("--quick", action="store_true", help="one world of 150 series: minutes")
    parser.add_argument("--series", type=int, default=300, help="series of a world")
    parser.add_argument("--libraries", action="store_true", help="river and adtk too")
    parser.add_argument("--tweets", type=Path, help="a file of tweets for real volumes")
    given = parser.parse_args()
    console = Console(width=max(120, Console().width))
    seeds = [int(seed) for seed in given.seeds.split(",")][: 1 if given.quick else None]
    world = World(
        series=150 if given.quick else given.series, texts_a_day=50.0 * (150 if given.quick else given.series)
    )
    python = environment() if given.libraries else None
    worlds: list[Simulated] = []
    heats: dict[str, list[Heat]] = {}
    for seed in track(seeds, "worlds", console=Console(stderr=True)):
        worlds.append(simulate(world, seed))
        for name, heat in scores(worlds[-1], python).items():
            heats.setdefault(name, []).append(heat)
    series_days = world.series * world.scored_days * len(seeds)
    console.print(
        f"seeds {given.seeds if not given.quick else seeds[0]}, {world.series} series, {world.texts_a_day:,.0f} texts a day, "
        f"{world.learn_days} days learned, {world.scored_days} judged: {series_days:,} series-days, "
        f"{sum(len(one.spikes) for one in worlds)} spikes; {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        highlight=False,
    )
    tables(console, worlds, heats, RATES)
    if given.tweets:
        real = [real_volumes.simulated(given.tweets, seeds[0])]
        console.print("\nreal volumes, injected spikes", highlight=False)
        tables(console, real, {name: [heat] for name, heat in scores(real[0], python).items()}, (1e-3,))


if __name__ == "__main__":
    main()
