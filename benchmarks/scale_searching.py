"""What finding costs: a probe by where its cut lies, and a search by how many sites there are."""

import math
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from scale_runs import ROUNDS, Row, apart, bisect, recipe_folder

from bisect_tool import Capture, open_port
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.port import WorkerPort
from bisect_tool.sites import Site

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
COUNTS = (10, 100, 1000, 10000)  # sites of the chains that are searched
PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the sites, at which cuts are asked


def cuts(_gigabytes: float) -> Iterator[Row]:
    """Measure a probe with everything before a cut patched against a plain step: YOLO11n against itself, in turns."""
    own = RECIPES / "yolo11n"
    with recipe_folder(f"{own}/reference.py:build", (own, RECIPES / "detection")) as folder:
        bisect(folder, "capture", "--seeds", "0")
        capture = Capture.open(folder.parent / "captures" / "recipe" / "ref")
        with open_port(folder, capture, probes=folder.parent / "probes") as port:
            steps, probes, shares = in_turns(port, [Site(entry.site) for entry in capture.manifest.sites])
    for part in PARTS:
        yield {
            "cut, %": 100 * part,
            "share": shares[part],
            "plain, ms": steps * 1e3,
            "probe / plain": probes[part] / steps,
        }


def in_turns(port: WorkerPort, order: list[Site]) -> tuple[float, dict[float, float], dict[float, float]]:
    """Return the median seconds of a plain step and of a probe for each cut, and the share of the calls that it computes."""
    state = [Site(name) for name in port.matching.state]
    whole = len(port.run(Intervention()).calls)
    steps, shares = [], {}
    seconds: dict[float, list[float]] = {part: [] for part in PARTS}
    for number in range(ROUNDS + 1):
        start = time.perf_counter()
        port._link.ask("step")
        steps.append(time.perf_counter() - start)
        for part in PARTS:
            patched = frozenset([*state, *order[: round(part * len(order))]])
            reading = port.run(Intervention(patched, repeat=number))
            shares[part] = len(reading.calls) / whole
            seconds[part].append(reading.seconds)
    medians = {part: statistics.median(taken[1:]) for part, taken in seconds.items()}
    return statistics.median(steps[1:]), medians, shares


def search(_gigabytes: float) -> Iterator[Row]:
    """Measure searches in chains, for one wrong block and for blocks that are all wrong, against a plain step."""
    for calls, everywhere in [*((count, False) for count in COUNTS), (1000, True)]:
        blocks = (calls - 1) // 3
        wrong = random.Random(calls).randrange(blocks)
        with recipe_folder("models.py:build") as folder:
            base = apart(folder, "build", {"calls": calls})["seconds"]
            bisect(folder, "capture", "--seeds", "2", options={"calls": calls})
            options = {"calls": calls, "wrong": -2 if everywhere else wrong}
            report, command = bisect(folder, "run", "--target", "loss", options=options)
        blamed = {site for culprit in report["culprits"] for site in culprit["sites"]}
        expected = {f"net.stages.{n // 32}.{n % 32}" for n in (range(blocks) if everywhere else [wrong])}
        probes = report["probes"]
        yield {
            "sites": calls,
            "wrong": len(expected),
            "blamed rightly": str(blamed == expected),
            "plain, ms": base * 1e3,
            "log2 sites": math.ceil(math.log2(calls)),
            "of code": probes["search"],
            "probes": probes["count"],
            "passes": probes["passes"],
            "probes' seconds / plain": probes["seconds"] / base,
            "all of run / plain": command / base,
        }
