"""Print what watching the variables of a loss costs, against the loss itself.

    python benchmarks/lines.py

For each recipe's reference (PyTorch): the time of `step` with the network's outputs remembered. Plain; with every
variable of the recipe's functions reported to a hook that does nothing; and recorded into shards as `bisect capture`
does. One thread; the median of some runs, in turns.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
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


def measured(recipe: str, options: dict) -> tuple[dict[str, float], int]:
    """Return the median seconds of each way for one recipe's loss, and how many variables it assigns."""
    folders = [str(ROOT / "recipes" / recipe), str(ROOT / "recipes" / "detection")]
    sys.path[:0] = folders
    model = build.build(torch_adapter, build.load_entry(folders[0], "reference.py:build"), options)
    watched = lines.Lines(folders, [])
    outputs = {}

    def remembered(call: calls.Call, compute: Callable, args: tuple, kwargs: dict) -> object:
        output = outputs.get(call.site) if call.parent is None else None
        if output is None:
            output = compute(*args, **kwargs)
            if call.parent is None:
                outputs[call.site] = output
        return output

    def run(watching: Callable | None = None) -> None:
        with calls.wrapped(torch_adapter, model.tree, remembered, watching):
            model.run_step(model.batch)

    seen = []

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
    found = median_seconds({"plain": run, "watched": hooked, "recorded": recorded})
    del sys.path[:2]
    for name in list(sys.modules):
        if Path(getattr(sys.modules[name], "__file__", None) or ".").parent in map(Path, folders):
            del sys.modules[name]
    return found, len(seen)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    table = Table(
        "loss of", "variables", "plain, ms", "watched", "recorded", title="Watching a loss", title_justify="left"
    )
    for recipe, options in RECIPES.items():
        seconds, count = measured(recipe, options)
        ratios = [f"{seconds[way] / seconds['plain']:.2f}x" for way in ("watched", "recorded")]
        table.add_row(recipe, str(count), f"{1000 * seconds['plain']:.1f}", *ratios)
    Console().print(table)


if __name__ == "__main__":
    main()
