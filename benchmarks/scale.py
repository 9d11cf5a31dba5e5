"""Speed and scale, each figure as a ratio to something that is measured in the same run.

    OMP_NUM_THREADS=1 python benchmarks/scale.py [sites] [size] [cuts] [search] [--gigabytes 8] [--json FILE]

Four tables, all of them unless some are named: what recording costs a site, against a plain run and against torch.save
by hooks; a big capture's time against writing the same files plainly, and the memory of its worker against that of a plain
run; what a probe costs against the share of the model that comes after its cut; and what a search costs against the number
of sites. Every figure comes from processes of their own, out of fresh captures that are deleted afterwards.
"""

import argparse
import contextlib
import importlib
import json
import math
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bisect_tool.captures.reader import Capture
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.port import WorkerPort
from bisect_tool.recipes.load import load_recipe
from bisect_tool.sites import Site
from bisect_tool.workers.start import build_model, start_worker

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
LARGE = 256 << 20  # bytes of one tensor of the big capture: a shard of its own
COUNTS = (10, 100, 1000, 10000)  # sites of the chains that are searched
PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the sites, at which cuts are asked
CHAIN = '''import torch


class Block(torch.nn.Module):
    def __init__(self, width, scale):
        super().__init__()
        self.linear = torch.nn.Linear(width, width)
        self.act = torch.nn.ReLU()
        self._scale = scale  # no setting: nothing but probes shows it

    def forward(self, x):
        inner = self.act(self.linear(x))
        return x + self._scale * inner


class Chain(torch.nn.Module):
    """Blocks of three calls each, 32 to a container."""

    def __init__(self, count, wrong):
        super().__init__()
        blocks = [Block(16, 1 / count + 0.05 * (wrong in (number, -2))) for number in range(count)]
        self.stages = torch.nn.ModuleList(torch.nn.ModuleList(blocks[i : i + 32]) for i in range(0, count, 32))

    def forward(self, x):
        for stage in self.stages:
            for block in stage:
                x = block(x)
        return x


class Scaled(torch.nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(scale))

    def forward(self, x):
        return x * self.scale


def build(seed=0, calls=10, wrong=-1):  # wrong: the number of a block, -1 for none, -2 for all
    torch.manual_seed(seed)
    net = Chain((calls - 1) // 3, wrong)
    batch = {"x": torch.randn(4, 16, generator=torch.Generator().manual_seed(1))}
    return {"modules": {"net": net}, "batch": batch, "step": lambda batch: {"loss": net(batch["x"]).square().mean()}}


def build_large(calls=1, numbers=1):
    net = torch.nn.Sequential(*[Scaled(1.01) for _ in range(calls)])
    batch = {"x": torch.randn(numbers, generator=torch.Generator().manual_seed(1))}

    @torch.no_grad()  # a plain run holds two activations, not all of them
    def step(batch):
        return {"loss": net(batch["x"]).mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
'''
Row = dict[str, Any]


@contextlib.contextmanager
def recipe_folder(entry: str, path: Iterable[Path] = ()) -> Iterator[Path]:
    """Give the folder of a recipe whose port is its reference; it goes away with all that was captured beside it."""
    with tempfile.TemporaryDirectory(prefix="bisect-scale-") as name:
        folder = Path(name) / "recipe"
        folder.mkdir()
        (folder / "models.py").write_text(CHAIN)
        spec = f'framework = "torch"\nentry = "{entry}"\npath = {json.dumps([str(part) for part in path])}\n'
        (folder / "recipe.toml").write_text(f"[models.ref]\n{spec}\n[models.port]\n{spec}")
        yield folder


def memory_of(process: int | str) -> tuple[int, int]:
    """Return the bytes that a process holds now of its own, and the most it ever held, mapped files included."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["RssAnon"].split()[0]) << 10, int(fields["VmHWM"].split()[0]) << 10


class Memory(threading.Thread):
    """Watch the processes below this one: the most that one of them holds, ``own`` and with ``mapped`` files."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = self.mapped = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look now and then until the block is left."""
        while not self._ended.wait(0.02):
            for process in _below(os.getpid()):
                with contextlib.suppress(OSError, KeyError):  # it may have just ended
                    own, mapped = memory_of(process)
                    self.own, self.mapped = max(self.own, own), max(self.mapped, mapped)

    def __enter__(self) -> "Memory":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self.join()


def _below(process: int) -> Iterator[int]:
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                yield child
                yield from _below(child)


def bisect(folder: Path, command: str, *words: str, options: Row | None = None) -> tuple[Row, float]:
    """Run a command of the tool on a recipe; return its answer, and the seconds that all of it took."""
    given = [word for key, value in (options or {}).items() for word in ("--option", f"{key}={value}")]
    call = [sys.executable, "-m", "bisect_tool", command, "--recipe", str(folder), *words, *given, "--json"]
    start = time.perf_counter()
    call += ["--captures", str(folder.parent / "captures")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 1):
        raise SystemExit(f"bisect {command} failed:\n{done.stderr}")
    return json.loads(done.stdout), seconds


def plain_run(folder: Path, entry: str, options: Row) -> Row:
    """Return what a plain step of a model takes: median seconds, seconds with hooks that save by hand, peak memory."""
    import torch

    torch.set_num_threads(1)
    sys.path.insert(0, str(folder))
    built = getattr(importlib.import_module("models"), entry)(**options)

    def seconds() -> float:
        start = time.perf_counter()
        built["step"](built["batch"])
        return time.perf_counter() - start

    seconds()
    found = {"seconds": statistics.median(seconds() for _ in range(ROUNDS)), "memory": memory_of("self")[1]}
    number = iter(range(sys.maxsize))
    with tempfile.TemporaryDirectory(dir=folder) as saved:
        for module in built["modules"]["net"].modules():
            module.register_forward_hook(lambda _m, _i, output: torch.save(output, f"{saved}/{next(number)}.pt"))
        found["saved"] = seconds()
    return found


def apart(folder: Path, entry: str, options: Row) -> Row:
    """Return ``plain_run`` of a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: Row = pool.apply(plain_run, (folder, entry, options))
    return found


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


def cuts(_gigabytes: float) -> Iterator[Row]:
    """Measure a probe with everything before a cut patched against a plain step: YOLO11n against itself, in turns."""
    own = ROOT / "recipes" / "yolo11n"
    with recipe_folder(f"{own}/reference.py:build", (own, own.parent / "detection")) as folder:
        bisect(folder, "capture", "--seeds", "0")
        capture, recipe = Capture.open(folder.parent / "captures" / "recipe" / "ref"), load_recipe(folder)
        worker = start_worker(recipe, recipe.model("port"), silence_limit=300)
        described = build_model(worker, recipe, "port", {})
        port = WorkerPort.open(lambda: (worker, described), capture, (), folder.parent / "probes", ())
        try:
            state, order = [Site(name) for name in port.matching.state], [Site(e.site) for e in capture.manifest.sites]
            whole = len(port.run(Intervention()).calls)
            steps, shares = [], {}
            seconds: dict[float, list[float]] = {part: [] for part in PARTS}
            for number in range(ROUNDS + 1):
                start = time.perf_counter()
                worker.ask("step")
                steps.append(time.perf_counter() - start)
                for part in PARTS:
                    patched = frozenset([*state, *order[: round(part * len(order))]])
                    reading = port.run(Intervention(patched, repeat=number))
                    shares[part] = len(reading.calls) / whole
                    seconds[part].append(reading.seconds)
        finally:
            port.close()
    base = statistics.median(steps[1:])
    for part in PARTS:
        probe = statistics.median(seconds[part][1:])
        yield {"cut, %": 100 * part, "share": shares[part], "plain, ms": base * 1e3, "probe / plain": probe / base}


def search(_gigabytes: float) -> Iterator[Row]:
    """Measure searches in chains, for one wrong block and for blocks that are all wrong, against a plain step."""
    for calls, everywhere in [*((count, False) for count in COUNTS), (1000, True)]:
        blocks = (calls - 1) // 3
        wrong = random.Random(calls).randrange(blocks)
        with recipe_folder("models.py:build") as folder:
            base = apart(folder, "build", {"calls": calls})["seconds"]
            bisect(folder, "capture", "--seeds", "2", options={"calls": calls})
            options = {"calls": calls, "wrong": -2 if everywhere else wrong}
            report, command = bisect(folder, "run", "--target", "loss", options=options)
        blamed = {site for culprit in report["culprits"] for site in culprit["sites"]}
        expected = {f"net.stages.{n // 32}.{n % 32}" for n in (range(blocks) if everywhere else [wrong])}
        probes = report["probes"]
        yield {
            "sites": calls,
            "wrong": len(expected),
            "blamed rightly": str(blamed == expected),
            "plain, ms": base * 1e3,
            "log2 sites": math.ceil(math.log2(calls)),
            "cuts": probes["search"],
            "probes": probes["count"],
            "passes": probes["passes"],
            "probes' seconds / plain": probes["seconds"] / base,
            "all of run / plain": command / base,
        }


def main() -> None:
    """Measure, print the tables and write them into a file where asked."""
    parts = {"sites": sites, "size": size, "cuts": cuts, "search": search}
    parser = argparse.ArgumentParser(description="Speed and scale of bisect, as ratios.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; all of them without")
    parser.add_argument("--gigabytes", type=float, default=8.0, help="of the big capture")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(parts):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found = {}
    for name in given.parts or parts:
        found[name] = list(parts[name](given.gigabytes))
        table = Table(*found[name][0], title=parts[name].__doc__, title_justify="left")
        for row in found[name]:
            table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
        Console(width=120).print(table)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
