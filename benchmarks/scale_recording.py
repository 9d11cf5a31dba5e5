"""What recording costs: by the site and the byte, and of a big capture."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from scale_runs import Memory, Row, apart, bisect, recipe_folder

LARGE = 256 << 20  # bytes of one tensor of the big capture: a shard of its own


def sites(_gigabytes: float) -> Iterator[Row]:
    """Measure recording by the site and the byte: the recorded run, as the worker reports it."""
    for calls in (1000, 10000):
        options = {"calls": calls}
        with recipe_folder("models.py:build") as folder:
            plain = apart(folder, "build", options)
            done, command = bisect(folder, "capture", "--seeds", "0", options=options)
        base, recorded, written = plain["seconds"], done["seconds"]["hooked"], done["bytes"]["written"]
        yield {
            "sites": done["sites"],
            "MB": written / 1e6,
            "plain, ms": base * 1e3,
            "µs a site more": (recorded - base) / calls * 1e6,
            "ns a byte more": (recorded - base) / written * 1e9,
            "recorded / plain": recorded / base,
            "by hand / plain": plain["saved"] / base,
            "recorded / by hand": recorded / plain["saved"],
            "all of capture / plain": command / base,
        }


def size(gigabytes: float) -> Iterator[Row]:
    """Measure a big capture against writing files of the same sizes, and its worker's memory against a plain run's."""
    options = {"calls": max(2, round(gigabytes * 1e9 / LARGE)), "numbers": LARGE // 4}
    with recipe_folder("models.py:build_large") as folder:
        needed, free = 2.2 * options["calls"] * LARGE, shutil.disk_usage(folder).free  # by hand, or plainly, too
        if free < needed:
            raise SystemExit(
                f"{needed / 1e9:.1f} GB of free disk are needed for temporary files, {free / 1e9:.1f} are there: "
                "choose fewer --gigabytes, or another disk with TMPDIR"
            )
        plain = apart(folder, "build_large", options)
        os.sync()  # what was written before is not paid for by what comes
        with Memory() as memory:
            done, command = bisect(folder, "capture", options=options)
        sizes = [shard.stat().st_size for shard in (folder.parent / "captures").rglob("*.safetensors")]
        shutil.rmtree(folder.parent / "captures")
        os.sync()
        writing = _written_plainly(folder, sizes)
    recorded = done["seconds"]["hooked"]
    yield {
        "GB": sum(sizes) / 1e9,
        "files": len(sizes),
        "written plainly, s": writing,
        "recorded / written": recorded / writing,
        "by hand / written": plain["saved"] / writing,
        "all of capture / written": command / writing,
        "plain peak, GB": plain["memory"] / 1e9,
        "worker's own peak / plain": memory.own / plain["memory"],
        "with mapped files / plain": memory.mapped / plain["memory"],
    }


def _written_plainly(folder: Path, sizes: list[int]) -> float:
    content = memoryview(os.urandom(LARGE + (1 << 20)))
    start = time.perf_counter()
    for number, length in enumerate(sizes):
        with (folder / f"plain-{number}").open("wb") as file:
            for begin in range(0, length, len(content)):
                file.write(content[: length - begin])
    return time.perf_counter() - start
