"""The tables of mutants.py: how right the answers are, by kind, and what they cost."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mutant_score import OUTCOMES
from rich.console import Console
from rich.table import Table


def show(found: Mapping[str, Any]) -> None:
    """Print how right the answers are, by kind."""
    console = Console(width=140)
    for way in ("without a target", "with the target that it moves most"):
        table = Table("kind", "mutants", *OUTCOMES, title=f"{found['recipe']}, {way}", title_justify="left")
        rows: dict[str, list[str]] = {}
        for answer in found["answers"]:
            for one in answer["answers"]:
                if len(answer["mutants"]) == 1 and (one["target"] is None) == (way == "without a target"):
                    rows.setdefault(answer["mutants"][0]["kind"], []).append(one["outcome"])
        every = [o for outcomes in rows.values() for o in outcomes]
        for kind, outcomes in [*sorted(rows.items()), ("all", every)]:
            table.add_row(kind, str(len(outcomes)), *(str(outcomes.count(name)) for name in OUTCOMES))
        console.print(table)
    console.print(costs(found))
    paired = [a["answers"][0]["outcome"] for a in found["answers"] if len(a["mutants"]) == 2]
    if paired:
        console.print("pairs:", {name: paired.count(name) for name in sorted(set(paired))})
    console.print("left out:", dict(sorted(Counter(found["left_out"]).items())))
    console.print(f"{found['seconds']} s")


def costs(found: Mapping[str, Any]) -> Table:
    """Return what answers cost, as a table: medians and the most, beside what no search could do without."""
    title = "what an answer costs: median, and the most"
    headings = ("asked", "answers", "sites", "of code", "at least", "probes", "forward passes", "seconds")
    table = Table(*headings, title=title, title_justify="left")
    for size, words in ((1, "one mistake"), (2, "two")):
        for aimed in (False, True):
            ones = [
                one
                for answer in found["answers"]
                for one in answer["answers"]
                if len(answer["mutants"]) == size and "probes" in one and (one["target"] is not None) == aimed
            ]
            if not ones:
                continue
            sites = max(one["probes"]["sites"] for one in ones)
            bound = math.ceil(math.log2(math.comb(sites, size)))  # bits that tell which of all sets of sites it is
            columns = [[one["probes"][key] for one in ones] for key in ("search", "count", "passes")]
            of_code, probes, passes = (f"{statistics.median(column):.3g}, {max(column):.3g}" for column in columns)
            seconds = [one["seconds"] for one in ones]
            table.add_row(
                f"{words}, {'with' if aimed else 'without'} a target",
                str(len(ones)),
                str(sites),
                of_code,
                str(bound),
                probes,
                passes,
                f"{statistics.median(seconds):.2f}, {max(seconds):.2f}",
            )
    return table
