"""What is said of a worker that failed: the model's own error, or how the process ended."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bisect_tool.errors import BisectError, CaptureError, ModelError
from bisect_tool.worker import protocol
from bisect_tool.workers.crashes import died_at

BACKWARD = ("pull", "pull_pieces")
SCRIPT = Path(__file__).resolve().parent.parent / "worker"


@dataclass(frozen=True)
class Program:
    """What a worker is started with: ``words``, the program first; ``own``: a command of the user's, not the tool's own worker."""

    words: tuple[str, ...]
    own: bool = False

    @property
    def name(self) -> str:
        """The program that is started."""
        return self.words[0]

    @property
    def kind(self) -> str:
        """What the program is, for messages."""
        return "command" if self.own else "interpreter"

    @property
    def not_there(self) -> str:
        """What to do where it cannot be started."""
        if self.own:
            return "`command` of this model in recipe.toml names it: see that it is there and may be run"
        return "set `python` of this model in recipe.toml to the interpreter of its environment"

    @property
    def no_worker(self) -> str:
        """What to do where it starts, and does not say that it is ready."""
        if self.own:
            return f"{self.name} has to say `ready` on its socket first: see docs/protocol.md"
        return f"check that {self.name} is the Python that this model needs; see `bisect doctor`"


def of_python(python: str) -> Program:
    """Return what starts the tool's own worker with an interpreter."""
    return Program((python, "-u", str(SCRIPT)))


def model_error(error: Mapping[str, Any], python: str, printed: str) -> BisectError:
    """Return the error that a worker answers with, which its interpreter's path ("": it has none) and what it printed belong to."""
    try:
        protocol.check_failure(error)
    except protocol.ProtocolError as wrong:
        return ModelError(f"the worker failed, and does not say how: {wrong}", detail=printed)
    if error["type"] == "DamagedError":
        return CaptureError(error["message"], detail=error["traceback"])
    where = f" at {error['where']}" if error["where"] else ""
    ours = error["type"] in ("RecipeError", "DiskError")  # written for the user, with all that is to be said
    kind, place = ("", "") if ours else (f"{error['type']}: ", where)
    message, *of_another = error["message"].splitlines() or [""] if ours else [error["message"]]
    said = f"{error['phase']} failed{place}: {kind}{message}"
    if error["phase"] in BACKWARD:  # whoever asked says what failed
        said = message if ours else f"{error['type']}{where}: {message}"
    return ModelError(
        said.rstrip(),
        said=of_another,
        hint=_hint_of(error, python),
        detail=f"{error['traceback']}\n{printed}",
    )


def how_it_ended(code: int | None) -> str:
    """Return how a process ended, in words; None: it still runs."""
    if code is None:
        return "closed its connection"
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended (status {code})"


def hint_of_end(code: int | None, operation: str, program: Program) -> str:
    """Return what to do next where a process ended during an operation."""
    if code == -signal.SIGKILL:
        return "the system kills what needs too much memory: " + (
            "end what else uses it" if operation == "start" else "try a smaller batch or input in build"
        )
    if operation == "start":
        return program.no_worker
    return "--verbose shows all it printed"


def last_words(lines: Sequence[str]) -> str:
    """Return where in the user's code it was, as far as Python's fault handler says, or the last line printed."""
    native = died_at(lines)
    if native:
        said = next((line.strip() for line in reversed(lines) if line.startswith("  what():")), "")
        return f"it was at {native}" + (f"; {said.partition(':')[2].strip()}" if said else "")
    start = max((i for i, line in enumerate(lines) if line.endswith("(most recent call first):")), default=len(lines))
    for line in lines[start:]:
        found = re.match(r'  File "(.+)", line (\d+) in ', line)
        if found and not found[1].startswith(str(SCRIPT)) and not re.search(r"/lib/python3\.|-packages/|^<", found[1]):
            return f"it was at {found[1]}:{found[2]}"
    last = next((line.strip() for line in reversed(lines[:start]) if line.strip()), "")
    return f"last output: {last}" if last else "it printed nothing"


def _hint_of(error: Mapping[str, Any], python: str) -> str:
    if error["type"] == "DiskError":
        return "free some space, or choose another place with --captures"
    if error["type"] != "ModuleNotFoundError":
        return ""
    if error["phase"] == "import":
        if not python:
            return ""
        missing = error["message"].rpartition("named ")[2].strip("'")
        return f"install {missing} for {python}, or set `python` of this model in recipe.toml; see `bisect doctor`"
    return "add the folder that holds it to `path` of this model in recipe.toml"
