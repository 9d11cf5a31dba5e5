"""Search random nests of modules whose ports are written otherwise, with faults and without, and count what is answered.

    python benchmarks/nets.py [COUNT]        # 1000 nets, from seed 0 on
    python benchmarks/nets.py --smallest 17  # one net, made as small as its answer stays

Each net is a seed: modules nested up to four deep, with residuals, norms, gates and factors that its port may have on the other
side of a call, code that is a module of its own on one side alone, arguments and outputs in other structures; a faithful port,
or one with one or two faults. Everything runs in this process, in float32.
"""

import argparse
import statistics
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from random_nets.drawn import drawn
from random_nets.outcome import BAD, Outcome, outcome_of
from random_nets.smaller import shown, smallest
from random_nets.spec import Net

KINDS = ("silent", "exact", "enclosing", "inconclusive", "missed", "not silent", "false")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--smallest", type=int, metavar="SEED")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    console = Console()
    if asked.smallest is not None:
        _one(console, asked.smallest)
        return
    seeds = range(asked.first, asked.first + asked.count)
    start = time.perf_counter()
    outcomes = {seed: outcome_of(drawn(seed)) for seed in track(seeds, "searching", console=Console(stderr=True))}
    _show(console, outcomes, time.perf_counter() - start)


def _one(console: Console, seed: int) -> None:
    net = drawn(seed)
    before = outcome_of(net)

    def holds(other: Net) -> bool:
        try:
            after = outcome_of(other)
        except Exception:  # noqa: BLE001 - what is left out may be what held it together
            return False
        return (after.kind, after.felt) == (before.kind, before.felt)

    net = smallest(net, holds)
    console.print(shown(net), markup=False)
    console.print(outcome_of(net), markup=False)


def _show(console: Console, outcomes: dict[int, Outcome], seconds: float) -> None:
    counts = Counter(outcome.kind for outcome in outcomes.values())
    table = Table("answer", "nets")
    for kind in KINDS:
        table.add_row(kind, str(counts[kind]))
    console.print(table)
    unheard = [seed for seed, one in outcomes.items() if one.kind == "missed" and one.felt]
    passes = [one.passes for one in outcomes.values()]
    merged = [pieces for one in outcomes.values() for pieces in one.merged] or [0]
    share = max(one.passes / one.bound for one in outcomes.values())
    console.print(f"pieces of one proved culprit: {statistics.median(merged):g} in the median, {max(merged)} at most")
    console.print(f"forced passes: {statistics.median(passes):g} in the median, {max(passes)} at most")
    console.print(f"the most of its own bound that a search took: {share:.0%}")
    console.print(f"{seconds / len(outcomes):.2f} s a net, with its recording")
    console.print(f"missed though the target feels it: {', '.join(map(str, unheard)) or 'none'}")
    for seed, one in outcomes.items():
        if one.kind in BAD:
            console.print(f"seed {seed}: {one}", markup=False)


if __name__ == "__main__":
    main()
