"""How often the tool names the true culprit, and how often an innocent: single and paired mistakes made by themselves.

    python benchmarks/mutants.py yolo11n --count 500
    python benchmarks/mutants.py gold_yolo --count 500
    python benchmarks/mutants.py yolo11n --framework jittor --count 60

Makes single mistakes in a recipe's faithful port, chosen from all that its files and modules offer by a seed, evenly over
kinds, and has each one looked for: without a target, and with the target that it moves most. The torch twin is the
port's own files, translated. Prints how right the answers are, by kind, and writes every answer with `--json`.
"""

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mutant_build
import numpy as np
from mutant_score import OUTCOMES, outcome, pair_outcome
from mutant_values import Values
from mutating_modules import module_mutants, named_state, to_numpy
from mutating_source import source_mutants
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bisect_tool import session
from bisect_tool.captures.reader import Capture
from bisect_tool.errors import BisectError
from bisect_tool.probes.port import WorkerPort
from bisect_tool.recipes.load import load_recipe
from bisect_tool.workers.start import build_model, start_worker

HERE = Path(__file__).resolve().parent
OPTIONS: Mapping[str, dict[str, Any]] = {"yolo11n": {"size": 192}, "gold_yolo": {"size": 192, "zero_heads": False}}
TARGETS = {"yolo11n": ("cls_loss", "box_loss", "dfl_loss"), "gold_yolo": ("cls_loss", "iou_loss")}
SILENCE = 300.0  # seconds


def main() -> None:
    """Make the mutants, have them looked for, print the tables."""
    parser = arguments(str(__doc__))
    parser.add_argument("--count", type=int, default=100, help="single mutants")
    parser.add_argument("--pairs", type=int, default=0, help="pairs of mutants")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(asked.recipe, asked.framework, Path(folder))
        found = run(bench, asked)
    show(found)


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark of a recipe's port takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=OPTIONS)
    parser.add_argument(
        "--framework", choices=("torch", "jittor"), default="torch", help="the twin, or the port itself"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="kinds, or rewrites, that start with this")
    parser.add_argument("--json", type=Path, help="write every answer to this file")
    return parser


class Bench:
    """One recipe's references, recorded, and its port to put mutants in; it lives in a folder of its own."""

    def __init__(self, recipe: str, framework: str, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        self.weights = str(folder / "weights.npz")
        built = mutant_build.reference(recipe, **OPTIONS[recipe])
        np.savez(self.weights, **{name: to_numpy(t) for name, t in named_state(built["modules"]).items()})
        rules = (mutant_build.RECIPES / recipe / "recipe.toml").read_text().partition("[names]")
        places = [mutant_build.RECIPES / recipe, mutant_build.RECIPES / "detection"]
        shared = f"path = {json.dumps([str(p) for p in places])}\noptions = {{ recipe = {json.dumps(recipe)} "
        entry = Path(os.path.relpath(HERE / "mutant_build.py", folder))
        twin = json.dumps(framework == "torch")
        (folder / "recipe.toml").write_text(
            f'[models.ref]\nframework = "torch"\nentry = "{entry}:reference"\n{shared}}}\n'
            f'[models.port]\nframework = "{framework}"\nentry = "{entry}:port"\n{shared}, twin = {twin} }}\n'
            f"{''.join(rules[1:])}"
        )

    def options(self, mutants: list[Mapping]) -> dict[str, Any]:
        """Return what both sides are built with: mistakes in what is drawn at the start need drawn weights."""
        drawn = any(mutant["kind"].startswith("initial") for mutant in mutants)
        return {**OPTIONS[self.recipe], "seed": 0, **({} if drawn else {"weights": self.weights})}

    def capture(self, options: Mapping[str, Any], *, grads: bool) -> Path:
        """Record the reference once for each way to build it; return the capture's folder."""
        home = self.folder / ("loaded" if "weights" in options else "drawn") / ("grads" if grads else "plain")
        return home / self.folder.name / "ref" if home.exists() else self.record(options, home, grads=grads)

    def record(self, options: Mapping[str, Any], home: Path, *, grads: bool) -> Path:
        """Record the reference into a folder of captures; return the capture's folder."""
        command = [
            sys.executable,
            "-m",
            "bisect_tool",
            "capture",
            "--recipe",
            str(self.folder),
            "--captures",
            str(home),
        ]
        command += [word for k, v in options.items() for word in ("--option", f"{k}={json.dumps(v)}")]
        command += ["--grads"][: int(grads)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=HERE.parent)
        if done.returncode:
            raise RuntimeError(f"cannot record with {dict(options)}: {done.stderr}")
        return home / self.folder.name / "ref"

    @contextlib.contextmanager
    def port(
        self, capture: Capture, options: Mapping[str, Any], kind: type[WorkerPort] = WorkerPort
    ) -> Iterator[WorkerPort]:
        """Start the port in a worker of its own, with no probe kept from before. Raises BisectError when it cannot be."""
        recipe = load_recipe(self.folder)

        def start() -> Any:
            worker = start_worker(recipe, recipe.model("port"), silence_limit=SILENCE)
            return worker, build_model(worker, recipe, "port", dict(options))

        with tempfile.TemporaryDirectory() as cache:
            port = kind.open(start, capture, recipe.names.rename, Path(cache), ())
            try:
                yield port
            finally:
                port.close()


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


def run(bench: Bench, asked: argparse.Namespace) -> dict[str, Any]:
    """Have mutants looked for and return all that is to be said of them; what is known so far is in the file asked for."""
    started = time.time()
    found: dict[str, Any] = {"recipe": bench.recipe, "seed": asked.seed, "left_out": [], "answers": []}

    def jobs() -> Iterator[tuple[Bench, list[dict]]]:
        for group in chosen(bench, asked, found["left_out"]):
            bench.capture(bench.options(group), grads=_by_gradient(group))
            yield bench, group

    with (
        Progress(console=Console(stderr=True)) as progress,
        multiprocessing.get_context("spawn").Pool(asked.jobs) as pool,
    ):
        task = progress.add_task("looking for mutants", total=asked.count + asked.pairs)
        for answer in pool.imap_unordered(_answer, jobs()):  # which chooses the next ones meanwhile
            found["answers"].append(answer)
            found["seconds"] = round(time.time() - started)
            if asked.json:
                asked.json.write_text(json.dumps(found, indent=1))
            progress.advance(task)
    return found


def _by_gradient(mutants: list[Mapping]) -> bool:
    return any(mutant["status"] == "gradient" for mutant in mutants)


def _answer(job: tuple[Bench, list[dict]]) -> dict[str, Any]:
    bench, mutants = job
    moved = mutants[0]["targets"]
    felt = max(TARGETS[bench.recipe], key=lambda name: (moved.get(name, 0.0), name))
    asked = [None] if _by_gradient(mutants) else [None, felt]
    if any("state" in mutant["truth"] or mutant["kind"].startswith("initial") for mutant in mutants):
        asked = [felt]  # without a target nobody asks what the port starts with
    return {"mutants": mutants, "answers": list(looked_for(bench, mutants, asked))}


def looked_for(bench: Bench, mutants: list[dict], targets: list[str | None]) -> Iterator[dict[str, Any]]:
    """Have mutants looked for, and yield for each target how right the answer is and what it cost."""
    options = bench.options(mutants)
    capture = Capture.open(bench.capture(options, grads=_by_gradient(mutants)).resolve())
    classes: dict[str, list[str]] = {}
    described = capture.manifest.described
    for module in described.modules:
        classes.setdefault(module.class_.rpartition(".")[2], []).append(module.name)
    ours = {mutant_build.renamed(e.name, bench.recipe): e.name for e in (*described.modules, *described.state)}
    named = [{**m, "truth": _in_reference(m["truth"], ours)} for m in mutants]
    own = [{k: mutant[k] for k in ("edits", "changes") if k in mutant} for mutant in mutants]
    try:
        with bench.port(capture, {**options, "mutants": own}) as port:
            for target in targets:
                yield {"target": target, **_one(port, capture, target, named, classes)}
    except BisectError as error:  # of its start: what a run raises is an answer
        yield {"target": None, "outcome": "crashed", "said": str(error)}


def _in_reference(truth: Mapping[str, Any], ours: Mapping[str, str]) -> dict[str, Any]:
    """Return a truth with the port's names of modules and tensors as the reference has them, as reports do."""
    return {
        **truth,
        **{key: [ours.get(name, name) for name in truth[key]] for key in ("modules", "state") if key in truth},
    }


def _one(
    port: WorkerPort, capture: Capture, target: str | None, mutants: list[dict], classes: Mapping
) -> dict[str, Any]:
    started = time.time()
    try:
        report = session.bisect(port, capture, target=target)
    except BisectError as error:
        found = "inconclusive" if type(error).__name__ == "InconclusiveError" else "crashed"
        return {"outcome": found, "said": str(error), "seconds": time.time() - started}
    except Exception as error:  # noqa: BLE001 - a defect of the tool is an answer too
        return {"outcome": "crashed", "said": f"{type(error).__name__}: {error}", "seconds": time.time() - started}
    scored = outcome(report, mutants[0], classes) if len(mutants) == 1 else pair_outcome(report, mutants, classes)
    probes = report["probes"]
    return {
        "outcome": scored,
        "verdict": report["verdict"],
        "said": report["sentence"],
        "culprits": [
            {"sites": c["sites"][:8], "kind": c["kind"], "confirmed": c["confirmed"], "line": _place(c)}
            for c in report["culprits"]
        ],
        "probes": {k: probes[k] for k in ("count", "sites", "search", "search_passes", "passes", "seconds")},
        "seconds": time.time() - started,
    }


def _place(culprit: Mapping) -> str | None:
    line = culprit["line"] and culprit["line"]["port"]
    return f"{line['file']}:{line['line']}" if line else None


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
    headings = ("asked", "answers", "sites", "cuts", "at least", "probes", "forward passes", "seconds")
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
            cuts, probes, passes = (f"{statistics.median(column):.3g}, {max(column):.3g}" for column in columns)
            seconds = [one["seconds"] for one in ones]
            table.add_row(
                f"{words}, {'with' if aimed else 'without'} a target",
                str(len(ones)),
                str(sites),
                cuts,
                str(bound),
                probes,
                passes,
                f"{statistics.median(seconds):.2f}, {max(seconds):.2f}",
            )
    return table


if __name__ == "__main__":
    main()
