"""Print what watching the variables of a loss costs, against the loss itself.

    python benchmarks/lines.py

For each recipe's reference (PyTorch): the time of `step` with the network's outputs remembered. Plain; with every
variable of the recipe's functions reported to a hook that does nothing; and recorded into shards as `bisect capture`
does. One thread; the median of some runs, in turns.
"""

import contextlib
import statistics
import sys
import tempfile
import time
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
RECIPES = {"yolo11n": {}, "gold_yolo": {"zero_heads": False}}
RUNS = 15


def median_seconds(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median time of each way in seconds, run in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


@contextlib.contextmanager
def built(recipe: str, options: dict) -> Iterator[tuple[build.Model, lines.Lines]]:
    """Give a recipe's reference and its watched functions; its files, named as the other recipe's, are forgotten then."""
    folders = [str(ROOT / "recipes" / recipe), str(ROOT / "recipes" / "detection")]
    sys.path[:0] = folders
    try:
        model = build.build(torch_adapter, torch_adapter.load_entry(folders[0], "reference.py:build"), options)
        yield model, lines.Lines(folders, [])
    finally:
        del sys.path[:2]
        for name in list(sys.modules):
            if Path(getattr(sys.modules[name], "__file__", None) or ".").parent in map(Path, folders):
                del sys.modules[name]


def remembering() -> Callable:
    """Return what computes the network once and gives its outputs from then on; see ``calls.wrapped``."""
    outputs = {}

    def remembered(call: calls.Call, compute: Callable, args: tuple, kwargs: dict) -> object:
        output = outputs.get(call.site) if call.parent is None else None
        if output is None:
            output = compute(*args, **kwargs)
            if call.parent is None:
                outputs[call.site] = output
        return output

    return remembered


def measured(model: build.Model, watched: lines.Lines) -> tuple[dict[str, float], int]:
    """Return the median seconds of each way for one loss, and how many variables it assigns."""
    remembered, seen = remembering(), []

    def run(watching: Callable | None = None) -> None:
        with calls.wrapped(torch_adapter, model.tree, remembered, watching):
            model.run_step(model.batch)

    def reported(site: str, _place: object, _where: object, value: object) -> object:
        seen.append(site)
        return value

    def hooked() -> None:
        seen.clear()
        run(lambda current: watched.watching(current, reported))

    def recorded() -> None:
        with tempfile.TemporaryDirectory() as folder:
            recorder = Recorder(torch_adapter, shards.ShardWriter(folder), watched, [], [], lambda **_f: None)
            run(recorder.watching)
            recorder.store.flush()

    run()
    return median_seconds({"plain": run, "watched": hooked, "recorded": recorded}), len(seen)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    table = Table(
        "loss of", "variables", "plain, ms", "watched", "recorded", title="Watching a loss", title_justify="left"
    )
    for recipe, options in RECIPES.items():
        with built(recipe, options) as (model, watched):
            seconds, count = measured(model, watched)
        ratios = [f"{seconds[way] / seconds['plain']:.2f}x" for way in ("watched", "recorded")]
        table.add_row(recipe, str(count), f"{1000 * seconds['plain']:.1f}", *ratios)
    Console().print(table)


if __name__ == "__main__":
    main()
