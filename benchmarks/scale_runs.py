"""Runs to measure: a recipe whose port is its reference, commands of the tool on it, and the same model without the tool."""

import contextlib
import importlib
import json
import multiprocessing
import os
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

HERE = Path(__file__).resolve().parent
ROUNDS = 5
Row = dict[str, Any]


@contextlib.contextmanager
def recipe_folder(entry: str, path: Iterable[Path] = ()) -> Iterator[Path]:
    """Give the folder of a recipe whose port is its reference; it goes away with all that was captured beside it."""
    with tempfile.TemporaryDirectory(prefix="bisect-scale-") as name:
        folder = Path(name) / "recipe"
        folder.mkdir()
        shutil.copy(HERE / "scale_models.py", folder / "models.py")
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
