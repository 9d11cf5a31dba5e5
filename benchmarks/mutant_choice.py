"""Which mutants are looked for: drawn with a seed, evenly over kinds, of those that change something."""

import argparse
import random
from collections.abc import Iterator, Mapping
from typing import Any

import mutant_build
from mutant_bench import OPTIONS, Bench
from mutant_values import Values
from mutating_modules import module_mutants
from mutating_source import source_mutants


def candidates(recipe: str) -> Iterator[dict[str, Any]]:
    """Yield every single mutant that a recipe's port offers."""
    yield from source_mutants(mutant_build.port_files(recipe))
    yield from module_mutants(mutant_build.port(recipe, **OPTIONS[recipe])["modules"])


def chosen(bench: Bench, asked: argparse.Namespace, left_out: list[str]) -> Iterator[list[dict]]:
    """Yield mutants that change something, evenly over kinds, then pairs of them; list why others are left out."""
    rng = random.Random(asked.seed)
    by_kind = _by_kind(bench.recipe, rng, asked.only)
    values = {
        drawn: Values(bench.recipe, "" if drawn else bench.weights, OPTIONS[bench.recipe]) for drawn in (False, True)
    }
    found: list[dict] = []
    wanted = asked.count or 2 * asked.pairs
    while len(found) < wanted and any(by_kind.values()):
        for kind in [k for k, waiting in by_kind.items() if waiting]:
            mutant = by_kind[kind].pop()
            if len(found) == wanted:
                break
            effect = values[kind.startswith("initial")].effect([mutant])
            if effect["status"] in ("changed", "gradient"):
                truth = {"state": effect["state"]} if kind.startswith("initial") else mutant["truth"]
                found.append({**mutant, **effect, "truth": truth})
                if asked.count:
                    yield found[-1:]
            else:
                left_out.append(f"{kind}: {effect['status']}")
    yield from _pairs(found, asked.pairs, rng, values[False])


def _by_kind(recipe: str, rng: random.Random, only: str) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for mutant in candidates(recipe):
        if mutant["kind"].startswith(only):
            found.setdefault(mutant["kind"], []).append(mutant)
    for waiting in found.values():
        rng.shuffle(waiting)
    return found


def _pairs(found: list[dict], count: int, rng: random.Random, values: Any) -> Iterator[list[dict]]:
    """Yield pairs of mutants in the code that change a loss, at different places."""
    pool = [m for m in found if m["status"] == "changed" and m["kind"] != "parameter" and "initial" not in m["kind"]]
    both = 0
    for _ in range(20 * count):
        pair = rng.sample(pool, 2)
        if both < count and _apart(*pair):
            effect = values.effect(pair)
            if effect["status"] == "changed":
                both += 1
                yield [{**m, "targets": effect["targets"]} for m in pair]


def _apart(one: Mapping, other: Mapping) -> bool:
    """Tell whether two mutants lie at different places, so that both can be found."""
    ours, theirs = (set(m["truth"].get("modules", [])) or {m["truth"].get("function")} for m in (one, other))
    return not ours & theirs
