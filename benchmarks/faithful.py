"""Whether a faithful port is ever accused, over many ways to build one; and how near it comes.

    python benchmarks/faithful.py yolo11n --captures 24
    python benchmarks/faithful.py gold_yolo --captures 24 --json FILE
    python benchmarks/faithful.py yolo11n --framework jittor --captures 4

Records the reference for batches, image sizes and initial weights that a seed draws, every other time with gradients. For
each it asks about the port as it is, and, of the torch twin, about ports that compute the same in other words
(rewrites.py): without a target, with one, and with that of gradients. Any verdict but "agrees" is a false accusation.
Prints, for each kind of port, the worst error in parts of what is allowed.
"""

import argparse
import itertools
import json
import multiprocessing
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mutant_build
import numpy as np
from faithful_errors import WORST, worst
from mutant_bench import OPTIONS, TARGETS, Bench, arguments
from rewrites import FORWARD_ONLY, names
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from bisect_tool import BisectError, Capture, bisect
from bisect_tool.axes.gradients.targets import NORM

SIZES = {"yolo11n": range(64, 321, 32), "gold_yolo": (*range(96, 321, 32), 150, 236)}


def main() -> None:
    """Ask about all ports and print the table."""
    parser = arguments(str(__doc__))
    parser.add_argument("--captures", type=int, default=12, help="of the reference, each built otherwise")
    parser.add_argument("--ports", type=int, default=12, help="rewritten ports for each of them")
    asked = parser.parse_args()
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Rewritten(asked.recipe, asked.framework, Path(folder))
        jobs = [(bench, case) for case in cases(asked)]
        with (
            multiprocessing.get_context("spawn").Pool(asked.jobs) as pool,
            Progress(console=Console(stderr=True)) as bar,
        ):
            task = bar.add_task("captures", total=len(jobs))
            for answers in pool.imap_unordered(_answers, jobs):
                found += answers
                bar.advance(task)
                if asked.json:
                    asked.json.write_text(json.dumps(found, indent=1))
    show(asked.recipe, found)


class Rewritten(Bench):
    """A recipe's references and ports whose port can be rewritten, and loads weights like those of a trained net."""

    def __init__(self, recipe: str, framework: str, folder: Path) -> None:
        super().__init__(recipe, framework, folder)
        if framework == "torch":  # a process of Jittor shall not import torch
            file = folder / "recipe.toml"
            file.write_text(file.read_text().replace("mutant_build.py:port", "rewrites.py:port"))

    def trained(self, seed: int) -> str:
        """Write weights that are scattered as training scatters them, and return their file."""
        rng, path = np.random.default_rng(seed), self.folder / f"weights-{seed}.npz"
        with np.load(self.weights) as arrays:
            np.savez(path, **{name: _scattered(name, arrays[name], rng) for name in arrays.files})
        return str(path)


def _scattered(name: str, array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if array.dtype.kind != "f" or "running_" in name or "dfl" in name or "proj_conv" in name or name.endswith(".proj"):
        return array
    if array.ndim == 1:
        return (array * rng.lognormal(0, 0.4, array.shape) + rng.normal(0, 0.3, array.shape)).astype(array.dtype)
    return (array * rng.lognormal(0, 0.5, (len(array), *[1] * (array.ndim - 1)))).astype(array.dtype)


def cases(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield for each capture what both sides are built with, and the ports to ask about."""
    rng = random.Random(asked.seed)
    sizes = [s for s in SIZES[asked.recipe] if asked.framework == "torch" or s > 160]  # Jittor pools no smaller maps
    dealt = dealt_rewrites(asked)
    for number in range(asked.captures):
        case = {"number": number, "weights": ("drawn", "loaded", "scattered")[number % 3], "grads": number % 2 == 1}
        options = {"seed": 0, "size": rng.choice(sizes), "images": rng.choice((1, 2, 2, 3)), "batch_seed": number}
        options["boxes"] = rng.choice((1, 4, 9))
        if asked.recipe == "gold_yolo":
            options["zero_heads"] = case["weights"] == "drawn" and rng.random() < 0.5
            options["warmup_epochs"] = rng.choice((0, 1))
        ports = list(_ports(case, rng, dealt, asked.ports))
        if asked.only:
            ports = [port for port in ports if port.get("rewrites")]
        yield {**case, "options": options, "ports": ports, "target": rng.choice(TARGETS[asked.recipe])}


def dealt_rewrites(asked: argparse.Namespace) -> Iterator[tuple[str, bool]]:
    """Yield the rewrites that were asked for, over and over, and whether each is made in a single layer; none for Jittor."""
    if asked.framework == "jittor":
        return iter(())
    found = names(asked.recipe, mutant_build.port(asked.recipe, **OPTIONS[asked.recipe])["modules"])
    found = [name for name in found if name.startswith(asked.only)]
    return itertools.cycle([*((name, False) for name in found), *((name, True) for name in found if name[0].isupper())])


def _ports(
    case: dict[str, Any], rng: random.Random, dealt: Iterator[tuple[str, bool]], count: int
) -> Iterator[dict[str, Any]]:
    """Yield the ports of one case: as they are, and rewritten; every fourth of these rewrites each layer by another way."""
    for _ in range(3 if case["weights"] == "drawn" else 1):
        yield {"name": "as it is", "seed": rng.randrange(1000)}
    for i in range(count):
        name, single = next(dealt, (None, False)) if i % 4 < 3 else ("", False)
        if name is None:
            return
        if case["grads"] and name in FORWARD_ONLY:
            continue
        draw = rng.randrange(10**6) if single or not name else None
        kind = f"{name}, one layer" if single else name or "each layer by a way of its own"
        yield {"name": kind, "seed": case["number"], "rewrites": [name] if name else [], "draw": draw}


def _answers(job: tuple[Rewritten, dict[str, Any]]) -> list[dict[str, Any]]:
    """Record the reference of one case and ask about all of its ports."""
    bench, case = job
    options = dict(case["options"])
    if case["weights"] != "drawn":
        options["weights"] = bench.trained(case["number"]) if case["weights"] == "scattered" else bench.weights
    with tempfile.TemporaryDirectory(dir=bench.folder) as home:
        capture = Capture.open(bench.record(options, Path(home).resolve(), grads=case["grads"]))
        targets = [None, *([NORM] if case["grads"] else []), case["target"]]
        return [
            {**{k: v for k, v in case.items() if k != "ports"}, "port": port, "target": target, **answer}
            for port in case["ports"]
            for target, answer in _asked(bench, capture, {**options, **port}, targets)
        ]


def _asked(
    bench: Rewritten, capture: Capture, options: dict[str, Any], targets: list[str | None]
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    del options["name"]
    try:
        with bench.port(capture, options) as port:
            for target in targets:
                try:
                    report = bisect(port, capture, target=target)
                    answer = report.model_dump(mode="json", include={"verdict", "culprits"})
                    answer |= {"said": report.sentence, "worst": worst(port, capture.manifest, report)}
                except Exception as error:  # noqa: BLE001 - a defect of the tool is an answer too
                    answer = {"verdict": "crashed", "said": f"{type(error).__name__}: {error}", "worst": {}}
                yield target, answer
    except BisectError as error:  # of its start: what a run raises is an answer
        yield None, {"verdict": "crashed", "said": str(error), "worst": {}}


def show(recipe: str, found: list[dict[str, Any]]) -> None:
    """Print each kind of port with the worst of its errors, and every accusation."""
    console = Console(width=140)
    table = Table("port", "runs", "accused", *WORST, title=f"{recipe}: worst error, 1 is allowed", title_justify="left")
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        kind = one["port"]["name"]
        heads = ", heads of zeros" if one["options"].get("zero_heads") else ""
        rows.setdefault(f"{kind}: {one['weights']} weights{heads}" if kind == "as it is" else kind, []).append(one)
    for kind, answers in [*sorted(rows.items()), ("all", found)]:
        accused = sum(one["verdict"] != "agrees" for one in answers)
        most = [max((one["worst"][key] for one in answers if key in one["worst"]), default=None) for key in WORST]
        table.add_row(escape(kind), str(len(answers)), str(accused), *("" if m is None else f"{m:.2g}" for m in most))
    console.print(table)
    for one in found:
        if one["verdict"] != "agrees":
            built = {k: one[k] for k in ("weights", "grads", "options", "port", "target")}
            console.print(f"{one['verdict']}: {one['said']}\n   {built}", markup=False)


if __name__ == "__main__":
    main()
