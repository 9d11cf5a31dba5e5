"""What checking costs: digests when tensors are read, syncs when a capture is written, the checks of a manifest of many calls.

    OMP_NUM_THREADS=1 python benchmarks/reliability.py [FOLDER]

Writes some 800 MB into FOLDER (a temporary one without it) and removes it. The variants take turns; medians of the ratios.
"""

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from manifests import of_outputs

from bisect_tool import Capture
from bisect_tool.captures.owned import whole_or_absent
from bisect_tool.worker.arrays import measure
from bisect_tool.worker.arrays.shards import OpenShards, ShardWriter

ROUNDS = 5
COUNT, SHAPE = 100, (1000, 1000)
CALLS = (3_000, 30_000)


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compared(what: str, plain: Callable[[], object], checked: Callable[[], object]) -> None:
    """Print how long something takes with a check, beside without."""
    pairs = [(timed(plain), timed(checked)) for _ in range(ROUNDS + 1)][1:]
    ratio = statistics.median(after / before for before, after in pairs)
    without, with_it = (min(times) for times in zip(*pairs, strict=True))
    print(f"{what}: {without:.2f} s without, {with_it:.2f} s with, ratio {ratio:.2f}")


def reading(folder: Path) -> None:
    """Read tensors with and without a look at their digests."""
    writer = ShardWriter(str(folder))
    draw = np.random.default_rng(0)
    keys = [writer.add(draw.standard_normal(SHAPE, dtype=np.float32)) for _ in range(COUNT)]
    writer.flush()

    def read() -> None:
        shards = OpenShards(str(folder), writer.table)
        for key in keys:
            shards.read(key)

    def unchecked() -> None:
        hashes = iter([writer.table[key]["hash"] for key in keys])

        def known(_array: object) -> str:
            return next(hashes)

        with mock.patch.object(measure, "digest", known):
            read()

    compared(f"reading {COUNT} tensors of {np.prod(SHAPE) * 4 / 1e6:.0f} MB, digests", unchecked, read)


def writing(folder: Path) -> None:
    """Write a capture's folder with and without syncing it."""
    draw = np.random.default_rng(0)
    arrays = [draw.standard_normal(SHAPE, dtype=np.float32) for _ in range(COUNT)]

    def write() -> None:
        with whole_or_absent(folder / "ref") as new:
            writer = ShardWriter(str(new))
            for array in arrays:
                writer.add(array)
            writer.flush()
            (new / "manifest.json").write_text("{}")

    def unsynced() -> None:
        with mock.patch.object(os, "fsync"):
            write()

    compared(f"writing {COUNT} tensors, syncs", unsynced, write)


def opening(folder: Path, calls: int) -> None:
    """Open a capture of many calls, each with a tensor of its own."""
    with whole_or_absent(folder / str(calls)) as new:
        writer = ShardWriter(str(new))
        outputs = {f"m{number}": writer.add(np.full(3, number, np.float32)) for number in range(calls)}
        writer.flush()
        (new / "manifest.json").write_text(json.dumps(of_outputs(outputs, writer)))
    size = (folder / str(calls) / "manifest.json").stat().st_size / 1e6
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        Capture.open(folder / str(calls))
        seconds.append(time.process_time() - start)
    print(f"opening a capture of {calls:,} calls ({size:.0f} MB of manifest): {min(seconds):.2f} s of processor time")


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """Yield a folder that goes away."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        yield Path(folder)


if __name__ == "__main__":
    for work in (reading, writing):
        with place() as where:
            work(where)
    with place() as where:
        for many in CALLS:
            opening(where, many)
