"""How fast two captures are compared, beside numpy.allclose over the same files.

    OMP_NUM_THREADS=1 python benchmarks/compare.py [ROUNDS]

Makes two captures of 500 MB each in a temporary folder through the tool's own writer, in which no tensor has the same
bytes as its partner, and lets the variants take turns; the first round warms the page cache. Bytes are those of both
sides, for every variant. All start with `Capture.open`, which checks manifest and files; numpy.allclose gets the same
tensors as views of the same mapped files. `bisect compare` reads what is off once more, to check that it is what was
recorded. Nothing of it is left behind.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from manifests import of_outputs

from bisect_tool import Capture
from bisect_tool.captures import comparing
from bisect_tool.captures.owned import whole_or_absent
from bisect_tool.worker.arrays.shards import ShardWriter

SHAPES = [(2, 64, 160, 160), (2, 256, 40, 40), (512, 512, 3, 3), (2, 128, 80, 80), (1024,)]  # of one round of sites
BYTES = 500_000_000
RTOL = 2e-5


def write_capture(folder: Path, apart: float) -> None:
    """Write a capture of many outputs, each off by ``apart``, relative, from what was drawn."""
    draw = np.random.default_rng(0)
    with whole_or_absent(folder) as temporary:
        writer = ShardWriter(str(temporary))
        keys = []
        while writer.offered < BYTES:
            array = draw.standard_normal(SHAPES[len(keys) % len(SHAPES)], dtype=np.float32)
            keys.append(writer.add(array * np.float32(1 + apart)))
        writer.flush()
        made = of_outputs({f"m{number}": key for number, key in enumerate(keys)}, writer)
        (temporary / "manifest.json").write_text(json.dumps(made))


def compared(a: Path, b: Path, verdict: str) -> None:
    """Compare two captures as the command does; assert that no value was equal by its hash."""
    rows = comparing.compare_captures(Capture.open(a), Capture.open(b), RTOL).rows
    assert {row.verdict for row in rows if row.kind == "output"} == {verdict}


def all_close(a: Path, b: Path) -> None:
    """Compare the same tensors with numpy.allclose."""
    ours, theirs = Capture.open(a), Capture.open(b)
    for key in ours.manifest.tensors:
        np.allclose(theirs.view(key), ours.view(key), rtol=RTOL)


def seconds(variant: Callable[[], None]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    variant()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory(prefix="bisect-benchmark-") as made:
        a, near, far = (Path(made) / name for name in ("a", "near", "far"))
        for folder, apart in ((a, 0.0), (near, 1e-6), (far, 1e-3)):
            write_capture(folder, apart)
        size = 2 * sum(path.stat().st_size for path in a.glob("shard-*"))
        variants = {
            "numpy.allclose": lambda: all_close(a, near),
            "bisect compare, all within rounding": lambda: compared(a, near, "rounding"),
            "bisect compare, all off, bytes checked": lambda: compared(a, far, "off"),
        }
        results: dict[str, list[float]] = {name: [] for name in variants}
        for number in range(rounds + 1):
            for name, variant in variants.items():
                taken = seconds(variant)
                if number:  # the first round warms up
                    results[name].append(taken)
    show({name: statistics.median(taken) for name, taken in results.items()}, size, rounds)


def show(results: dict[str, float], size: int, rounds: int) -> None:
    """Print GB/s, and the ratio to numpy.allclose."""
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    title = f"{size / 1e9:.2f} GB in warm page cache, OMP_NUM_THREADS={threads}, median of {rounds}"
    table = Table(title=title, box=None)
    for heading in ("", "seconds", "GB/s", "against allclose"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, taken in results.items():
        ratio = results["numpy.allclose"] / taken
        table.add_row(name, f"{taken:.3f}", f"{size / taken / 1e9:.2f}", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
