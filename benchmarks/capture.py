"""What recording costs: a captured run over a plain one, beside what people do today.

    OMP_NUM_THREADS=1 python benchmarks/capture.py [ROUNDS]

One process, one thread, the variants interleaved in every round; prints the median CPU and wall time of each over
the plain run's, and the bytes that each wrote. The captured run is everything that `bisect capture` does while the
model runs: copying, hashing, statistics and writing. Nothing of it is left behind.
"""

import contextlib
import functools
import importlib
import os
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays import shards
from bisect_tool.worker.code import lines
from bisect_tool.worker.model import build, calls
from bisect_tool.worker.recording.recorder import Recorder

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "recipes" / "yolo11n"
SHARED = ROOT / "recipes" / "detection"


def plain(model: build.Model, _folder: Path) -> None:
    """Run one step, nothing else."""
    model.run_step(model.batch)


@functools.cache
def watched_lines() -> lines.Lines:
    """Return the recipe's watched functions: looked for once, when a model is built."""
    return lines.Lines([str(RECIPE), str(SHARED)], [])


def captured(model: build.Model, folder: Path) -> None:
    """Run one step and record every call, as `bisect capture` does."""
    store = shards.ShardWriter(str(folder))
    recorder = Recorder(model.adapter, store, watched_lines(), [], [], lambda **_fields: None)
    with calls.wrapped(model.adapter, model.tree, recorder.around, recorder.watching):
        model.run_step(model.batch)
    recorder.store.flush()


def saved_by_hand(model: build.Model, folder: Path) -> None:
    """Run one step with a hook on every module that calls torch.save on its output."""
    number = 0

    def hook(_module: torch.nn.Module, _inputs: tuple, output: object) -> None:
        nonlocal number
        number += 1
        torch.save(output, folder / f"{number}.pt")

    handles = [module.register_forward_hook(hook) for module in model.roots["model"].modules()]
    try:
        model.run_step(model.batch)
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def auto_diff(model: build.Model) -> Iterator[Callable[[build.Model, Path], None]]:
    """Give a variant that records with Jittor's auto_diff: inputs and outputs of every module, pickled."""
    hooked = importlib.import_module("jittor_utils.auto_diff")
    draws = torch.rand, torch.randn, torch.normal
    name = f"bisect-benchmark-{uuid.uuid4().hex}"
    hook = hooked.Hook(name)
    hook.hook_module(model.roots["model"])
    torch.rand, torch.randn, torch.normal = draws  # the hook replaces them for good

    def variant(model: build.Model, folder: Path) -> None:
        hook.base_path = str(folder)
        hook.record_status.clear()
        model.run_step(model.batch)

    try:
        yield variant
    finally:
        shutil.rmtree(Path.home() / ".cache" / "jittor" / "auto_diff" / name, ignore_errors=True)


def new_model() -> build.Model:
    """Build the reference of the recipe, sharing nothing with one that was built before."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith((str(RECIPE), str(SHARED))):
            del sys.modules[name]
    return build.build(torch_adapter, torch_adapter.load_entry(str(RECIPE), "reference.py:build"), {})


def measure(variant: Callable[[build.Model, Path], None], model: build.Model) -> tuple[float, float, int]:
    """Return CPU seconds, wall seconds and bytes written of one run."""
    folder = Path(tempfile.mkdtemp(prefix="bisect-benchmark-"))
    try:
        cpu, wall = time.process_time(), time.perf_counter()
        variant(model, folder)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    finally:
        shutil.rmtree(folder)
    return cpu, wall, size


def main() -> None:
    """Measure and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    sys.path[:0] = [str(RECIPE), str(SHARED)]
    model, hooked_model = new_model(), new_model()
    with auto_diff(hooked_model) as jittor_variant:
        variants = {
            "plain": (plain, model),
            "bisect capture": (captured, model),
            "torch.save per module, by hand": (saved_by_hand, model),
            "Jittor auto_diff hook": (jittor_variant, hooked_model),
        }
        results: dict[str, list] = {name: [] for name in variants}
        for number in range(rounds + 1):
            for name, (variant, its_model) in variants.items():
                result = measure(variant, its_model)
                if number:  # the first round warms up
                    results[name].append(result)
    show(results, rounds)


def show(results: dict[str, list], rounds: int) -> None:
    """Print medians as ratios to the plain run."""
    middle = {n: [statistics.median(r[i] for r in rows) for i in range(3)] for n, rows in results.items()}
    base = middle["plain"]
    table = Table(title=f"YOLO11n, 2 images of 320 px, one thread, median of {rounds} interleaved rounds", box=None)
    for heading in ("", "CPU s", "CPU ratio", "wall s", "wall ratio", "MB written"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, (cpu, wall, size) in middle.items():
        table.add_row(
            name, f"{cpu:.3f}", f"{cpu / base[0]:.2f}", f"{wall:.3f}", f"{wall / base[1]:.2f}", f"{size / 1e6:.0f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
