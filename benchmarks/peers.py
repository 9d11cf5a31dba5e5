"""How often the other ways to find a fault name the true culprit, on the mutants that mutants.py wrote.

    OMP_NUM_THREADS=1 python benchmarks/peers.py yolo11n MUTANTS.json --json OUT.json
    OMP_NUM_THREADS=1 python benchmarks/peers.py yolo11n MUTANTS.json --framework jittor --count 20

Every peer sees the reference's weights on both sides and one batch, and names one module or nothing:

- fx, flat: the minimizer of torch.fx, node by node. It compares two ways to run one graph, so the faithful twin stands
  for the reference, which is kinder than two models of unlike code. The graph runs as it was traced, then with the
  port's layers in the places of the same names. A class that cannot be traced is a leaf. What tracing wrote into the
  graph, such as a container's own code, is in both runs alike.
- fx, by level: the same, with the largest containers as nodes; the first bad one is opened, and so on, and one with no
  bad child, or that cannot be traced, is named itself. A way of our own, better than what the minimizer offers.
- atol, modules and atol, layers: a free run of both models; the first module in the order of definition with a
  tensor off by more than 1e-5, among all modules with one tensor as output, or among those without children.
- by hand: a free run of both models; the first module in the order in which calls end that is off by more than 1e-3.
- auto_diff: Jittor's own, with its own tolerances, which loads the reference's weights; the first value that it warns
  of, or only those where it prints an error. What it prints of names that only one side has is passed over.

exact: the module itself, or the owner of a changed parameter or initial value. enclosing: a container around it.
wrong: any other, and any at all where the mistake is in the loss. cannot: the port fails, or nothing is named and the
graph has no place for the mistake.
"""

import argparse
import json
import re
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import mutant_build
import numpy as np
import torch
from mutant_bench import OPTIONS, Bench
from mutant_score import among
from mutant_values import forget
from mutating_modules import named_state, to_numpy
from peer_minimizer import ATOL, Minimizers, arrays, near
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

from bisect_tool.worker.adapters.jittor_setup import import_jittor

WORDS = ("exact", "enclosing", "wrong", "nothing named", "cannot")
BY_HAND = 1e-3
# What auto_diff says of a value, and what follows a module's name there.
VALUE = re.compile(r"(?:Ndarray (?:shape )?<(?:\[\w+\])?|name:)<(\w+)>([\w.]*)")
LAST = re.compile(r"(^|\.)(input|output|kw|weight|bias|running_mean|running_var)(\..*)?$")

Named = tuple[str | None, bool]  # the module, and whether the peer could have seen the mistake at all
Outputs = dict[tuple[str, int], list[np.ndarray]]


def main() -> None:
    """Ask every peer about every single mutant of a file, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=OPTIONS)
    parser.add_argument("mutants", type=Path, help="what mutants.py wrote with --json")
    parser.add_argument("--framework", choices=("torch", "jittor"), default="torch", help="the twin, or the port")
    parser.add_argument("--count", type=int, help="at most so many mutants, spread over the file")
    parser.add_argument("--json", type=Path, help="write every answer to this file")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    singles = [a["mutants"][0] for a in json.loads(asked.mutants.read_text())["answers"] if len(a["mutants"]) == 1]
    singles = singles[:: -(-len(singles) // (asked.count or len(singles)))]
    with tempfile.TemporaryDirectory() as folder:
        sides = Sides(Bench(asked.recipe, asked.framework, Path(folder)), twin=asked.framework == "torch")
        faithful = {peer: name for peer, (name, _) in sides.named([], []).items()}
        answers = [answer(sides, mutant, faithful) for mutant in track(singles, console=Console(stderr=True))]
    found = {"recipe": asked.recipe, "framework": asked.framework, "faithful": faithful, "answers": answers}
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))
    show(found)


class Sides:
    """The reference and the faithful port, to hold mutants against."""

    def __init__(self, bench: Bench, *, twin: bool) -> None:
        self.bench, self.twin = bench, twin
        if not twin:
            import_jittor()
        known = outputs(self.reference()).items()
        self.outputs = {(mutant_build.renamed(name, bench.recipe), call): o for (name, call), o in known}
        self.saved = bench.folder / "auto_diff"
        if not twin:
            auto_diff(self.reference(), self.saved, "save")
        port = self.port([])
        self.classes: dict[str, list[str]] = {}
        for name, module in named_modules(port):
            self.classes.setdefault(type(module).__name__, []).append(name)
        if twin:
            self.minimizers = Minimizers(nn.Sequential(OrderedDict(port["modules"])), port["batch"]["img"])

    def reference(self) -> dict[str, Any]:
        """Build the reference."""
        return mutant_build.reference(self.bench.recipe, **OPTIONS[self.bench.recipe])

    def port(self, mutants: list[Mapping]) -> dict[str, Any]:
        """Build the port with mutants in it."""
        forget()
        return mutant_build.port(self.bench.recipe, twin=self.twin, mutants=mutants, **self.bench.options(mutants))

    def places(self, mutant: Mapping[str, Any]) -> list[str]:
        """Return the modules that a mistake lies in, or that own what it changes at the start; none in the loss."""
        truth = mutant["truth"]
        states = truth.get("state", [])
        if mutant["kind"].startswith("initial"):
            plain, changed = (named_state(self.port([m])["modules"]) for m in ({"kind": "initial"}, mutant))
            states = [name for name in plain if not np.array_equal(to_numpy(plain[name]), to_numpy(changed[name]))]
        if states:
            return [name.rpartition(".")[0] for name in states]
        return truth.get("modules") or [name for cls in truth["classes"] for name in self.classes.get(cls, ())]

    def named(self, mutants: list[Mapping], places: Sequence[str]) -> dict[str, Named]:
        """Return whom each peer names; ``places`` are where the mistake lies."""
        port = self.port(mutants)
        names = [name for name, _ in named_modules(port)]
        found = outputs(port)
        order = sorted((c for c in found if len(found[c]) == 1), key=lambda c: (names.index(c[0]), c[1]))
        layers = [call for call in order if not any(name.startswith(f"{call[0]}.") for name in names)]
        named: dict[str, Named] = {}
        if self.twin:
            other = nn.Sequential(OrderedDict(self.port(mutants)["modules"]))
            seen = any(f"{place}.".startswith(f"{leaf}.") for place in places for leaf in self.minimizers.leaves)
            named["fx, flat"] = self.minimizers.flat(other), seen
            named["fx, by level"] = self.minimizers.by_level(other), bool(places)
        free = {"atol, modules": (order, ATOL), "atol, layers": (layers, ATOL), "by hand": (found, BY_HAND)}
        named |= {peer: (self.first_off(found, *how), True) for peer, how in free.items()}
        if not self.twin:
            said = auto_diff(self.port(mutants), self.saved, "check")
            named |= zip(("auto_diff", "auto_diff, errors"), ((name, True) for name in said), strict=True)
        return named

    def first_off(self, found: Outputs, calls: Iterable[tuple[str, int]], atol: float) -> str | None:
        """Return the module of the first call whose output is off, of those that the reference has too."""
        return next((c[0] for c in calls if c in self.outputs and not near(found[c], self.outputs[c], atol)), None)


def named_modules(built: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the modules of a built model by their full names, in the order of definition."""
    return [
        (f"{root}.{inner}" if inner else root, module)
        for root, top in built["modules"].items()
        for inner, module in top.named_modules()
        if not re.search(r"(^|\.)_", inner)  # Jittor's pooling layers hold one of these each
    ]


def outputs(built: Mapping[str, Any]) -> Outputs:
    """Run one step and return every call's output, in the order in which calls end."""
    found: Outputs = {}
    counts: dict[str, int] = {}

    def keep(name: str) -> Callable:
        def hook(_module: Any, _args: Any, output: Any, _kwargs: Any = None) -> None:
            counts[name] = counts.get(name, 0) + 1
            found[name, counts[name]] = [*arrays(output)]

        return hook

    for name, module in named_modules(built):
        module.register_forward_hook(keep(name))
    built["step"](built["batch"])
    return found


def auto_diff(built: Mapping[str, Any], folder: Path, mode: str) -> tuple[str | None, str | None]:
    """Run one step under Jittor's auto_diff, saving or checking; return the first module of its warnings and errors."""
    from jittor_utils import auto_diff as theirs

    warned: list[str | None] = []
    wrong: list[str | None] = []

    def warn(*words: object) -> None:
        if match := VALUE.search(" ".join(map(str, words))):
            warned.append(".".join(filter(None, (match[1], LAST.sub("", match[2])))))

    def err(*words: object) -> None:
        before = len(warned)
        warn(*words)
        if len(warned) > before or "HIGH err rate" in str(words):  # said of what was just warned of
            wrong.append(warned[-1])

    with mock.patch.object(theirs, "LOG", mock.Mock(w=warn, e=err)), mock.patch.object(theirs, "hook_rand"):
        hook = theirs.Hook(f"peers-{folder.parent.name}")
        shutil.rmtree(hook.base_path)
        folder.mkdir(exist_ok=True)
        hook.base_path, hook.mode = str(folder), mode
        for root, top in built["modules"].items():
            hook.hook_module(top, root)
        built["step"](built["batch"])
    return (*warned, None)[0], (*wrong, None)[0]


def answer(sides: Sides, mutant: Mapping[str, Any], peers: Iterable[str]) -> dict[str, Any]:
    """Return one mutant with what each peer says and how right it is."""
    places = sides.places(mutant)
    try:
        named = sides.named([mutant], places)
    except Exception:  # noqa: BLE001 - a mutant of the twin may do anything in the port
        named = dict.fromkeys(peers, (None, False))
    said = {}
    for peer, (name, seen) in named.items():
        missing = "nothing named" if seen else "cannot"
        word = missing if name is None else among([name], places) if places else "wrong"
        said[peer] = {"named": name, "outcome": word}
    return {"kind": mutant["kind"], "what": mutant["what"], "status": mutant["status"], "peers": said}


def show(found: Mapping[str, Any]) -> None:
    """Print how often each peer is exact and how often wrong, by kind, and all outcomes."""
    peers = list(found["faithful"])
    table = Table("exact / wrong, %", "mutants", *peers, title=f"{found['recipe']}, {found['framework']}")
    rows: dict[str, list[dict]] = {}
    for one in found["answers"]:
        rows.setdefault(one["kind"], []).append(one["peers"])
    every = [said for group in rows.values() for said in group]

    def count(group: list[dict], peer: str, word: str) -> int:
        return sum(said[peer]["outcome"] == word for said in group)

    for kind, group in [*sorted(rows.items()), ("all", every)]:
        shares = [[100 * count(group, peer, word) / len(group) for word in ("exact", "wrong")] for peer in peers]
        table.add_row(kind, str(len(group)), *(f"{exact:.0f} / {wrong:.0f}" for exact, wrong in shares))
    table.add_section()
    for word in WORDS:
        table.add_row(word, "", *(str(count(every, peer, word)) for peer in peers))
    table.add_row("faithful port accused", "", *(name or "no" for name in found["faithful"].values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
