"""How often the tool names the true culprit, and how often an innocent: single and paired mistakes made by themselves.

    python benchmarks/mutants.py yolo11n --count 500
    python benchmarks/mutants.py gold_yolo --count 500
    python benchmarks/mutants.py yolo11n --framework jittor --count 60

Makes single mistakes in a recipe's faithful port, chosen from all that its files and modules offer by a seed, evenly over
kinds, and has each one looked for: without a target, and with the target that it moves most. The torch twin is the
port's own files, translated. Prints how right the answers are, by kind, and writes every answer with `--json`.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mutant_build
from mutant_bench import TARGETS, Bench, arguments
from mutant_choice import chosen
from mutant_score import outcome, pair_outcome
from mutant_tables import show
from rich.console import Console
from rich.progress import Progress

from bisect_tool import BisectError, Capture, InconclusiveError, bisect
from bisect_tool.probes.port import WorkerPort


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
    described = capture.manifest.described
    classes: dict[str, list[str]] = {}
    for module in described.modules:
        classes.setdefault(module.class_.rpartition(".")[2], []).append(module.name)
    names = [*(module.name for module in described.modules), *(tensor.name for tensor in described.state)]
    ours = {mutant_build.renamed(name, bench.recipe): name for name in names}
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
    renamed = {key: [ours.get(name, name) for name in truth[key]] for key in ("modules", "state") if key in truth}
    return {**truth, **renamed}


def _one(
    port: WorkerPort, capture: Capture, target: str | None, mutants: list[dict], classes: Mapping
) -> dict[str, Any]:
    started = time.time()
    try:
        report = bisect(port, capture, target=target).model_dump(mode="json")
    except InconclusiveError as error:
        found = {"outcome": "inconclusive", "said": str(error)}
    except BisectError as error:
        found = {"outcome": "crashed", "said": str(error)}
    except Exception as error:  # noqa: BLE001 - a defect of the tool is an answer too
        found = {"outcome": "crashed", "said": f"{type(error).__name__}: {error}"}
    else:
        right = outcome(report, mutants[0], classes) if len(mutants) == 1 else pair_outcome(report, mutants, classes)
        found = {"outcome": right, **_in_short(report)}
    return {**found, "seconds": time.time() - started}


def _in_short(report: Mapping[str, Any]) -> dict[str, Any]:
    culprits = [
        {"sites": c["sites"][:8], "kind": c["kind"], "confirmed": c["confirmed"], "line": _place(c)}
        for c in report["culprits"]
    ]
    kept = ("count", "sites", "search", "start_passes", "passes", "seconds")
    probes = {k: report["probes"][k] for k in kept}
    return {"verdict": report["verdict"], "said": report["sentence"], "culprits": culprits, "probes": probes}


def _place(culprit: Mapping) -> str | None:
    line = culprit["line"] and culprit["line"]["port"]
    return f"{line['file']}:{line['line']}" if line else None


if __name__ == "__main__":
    main()
