"""A small real recipe on disk, and the real command line that is run on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import warm

MODEL = """\
import os, signal, sys, time
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.last = nn.Linear(8, 2)

    def forward(self, x):
        hidden = torch.tanh(self.first(x))
        return self.last(hidden)


def build(seed=0, fault=""):
    torch.manual_seed(seed)
    net = Net()
    batch = {"x": torch.linspace(-1, 1, 12).reshape(3, 4)}

    def step(batch):
        out = net(batch["x"])
        return {"loss": (out**2).mean(), "size": out.abs().sum()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""

# What ends a source whose ``Net`` takes three rows of four numbers, and learns from one loss.
LEARNING = """

def build(seed=0):
    torch.manual_seed(seed)
    net = Net()
    batch = {"x": torch.linspace(-1, 1, 12).reshape(3, 4)}

    def step(batch):
        return {"loss": (net(batch["x"]) - 1).square().mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""

TOML = """\
[models.ref]
framework = "torch"
entry = "reference.py:build"

[models.port]
framework = "torch"
entry = "port.py:build"
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    def error(self, code: int) -> str:
        """Return the one line after ``error:``; assert all that holds for every error."""
        assert self.code == code, self.err + self.out
        assert self.out == ""
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        starts = [i for i, line in enumerate(lines) if line.startswith("error: ")]
        assert len(starts) == 1, self.err
        rest = lines[starts[0] + 1 :]
        assert len(rest) <= 1, self.err
        assert all(line.startswith("next: ") for line in rest), self.err
        return "\n".join(lines[starts[0] :])


class Desk:
    """A folder with the recipe ``small`` in it, and the command line run there.

    Attributes: ``folder``, ``recipe`` (folder of the recipe) and ``captures``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipes" / "small"
        self.captures = folder / "captures" / "small"

    def write(self, *, toml: str = TOML, reference: str = MODEL, port: str = MODEL) -> Desk:
        """Write the recipe's three files."""
        self.recipe.mkdir(parents=True, exist_ok=True)
        (self.recipe / "recipe.toml").write_text(toml)
        (self.recipe / "reference.py").write_text(reference)
        (self.recipe / "port.py").write_text(port)
        return self

    def captured(self) -> Path:
        """Capture the reference, with some seeds; return the folder."""
        done = self.bisect("capture", "--seeds", "4")
        assert done.code == 0, done.err
        return self.folder

    def port(self, *changes: tuple[str, str]) -> Desk:
        """Write the port as the reference with some words replaced."""
        (self.recipe / "port.py").write_text(changed(*changes))
        return self

    def bisect(
        self, *words: str, env: dict[str, str] | None = None, before: Sequence[str] = (), timeout: float = 100
    ) -> Ended:
        """Run the command line to its end."""
        environ = environment(env)
        if not before and warm.takes(environ):
            done = warm.run(words, environ, self.folder, timeout)
            return Ended(done.returncode, done.stdout, done.stderr)
        done = subprocess.run(
            [*before, sys.executable, "-m", "bisect_tool", *words],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def capture(self, *words: str, **options: object) -> Ended:
        """Run ``bisect capture`` without other initialisations, which take time."""
        return self.bisect("capture", "--seeds", "0", *words, **options)  # type: ignore[arg-type]

    def run(self, *words: str, **options: object) -> Ended:
        """Run ``bisect run`` for the target ``loss``."""
        return self.bisect("run", "--target", "loss", *words, **options)  # type: ignore[arg-type]

    def start(self, *words: str, env: dict[str, str] | None = None, to: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start the command line and return its process; ``to``: where both its streams go."""
        return subprocess.Popen(
            [sys.executable, "-m", "bisect_tool", *words],
            cwd=self.folder,
            env=environment(env),
            stdout=to,
            stderr=to,
            text=True,
        )

    def leftovers(self) -> list[str]:
        """Return what lies in the captures folder besides whole captures, reports and probes."""
        found = [p.name for p in self.captures.glob("*")] if self.captures.exists() else []
        return sorted(set(found) - {"ref", "port", "probes", "reports"})


def changed(*changes: tuple[str, str], model: str = MODEL) -> str:
    """Return the model's source with words replaced, each of which must be there."""
    for old, new in changes:
        assert old in model, old
        model = model.replace(old, new)
    return model


def environment(extra: dict[str, str] | None) -> dict[str, str]:
    """Return an environment in which the checkout's own package is the one that runs."""
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": root, "COLUMNS": "200", **(extra or {})}


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
