"""``bisect verify``: read all that is kept, and say whether it is what was written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from bisect_tool.captures.again import again
from bisect_tool.captures.owned import check_replaceable, is_capture
from bisect_tool.captures.reader import Capture
from bisect_tool.captures.verifying import damage_of
from bisect_tool.cli import common, screen
from bisect_tool.cli.progress import Progress
from bisect_tool.errors import BisectError
from bisect_tool.probes.cache import ProbeCache
from bisect_tool.report.saved import load_report
from bisect_tool.sentences.spelling import counted, listed

KEPT = {".jsonl": "probes", ".json": "reports"}  # which folder files are in
MOST_SAID = 10  # damaged tensors of one capture


@dataclass(frozen=True)
class Verified:
    """One capture, file of kept probes or report: what it holds, what is wrong with it, how to mend that, and what else to know.

    ``holds`` is empty where it is not whole.
    """

    path: str
    ok: bool
    holds: str
    problems: tuple[str, ...] = ()
    next: str = ""
    notes: tuple[str, ...] = ()


def verify(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]",
            help="A capture, e.g. captures/yolo11n/ref, a report, kept probes, or a folder of these; without it, all is checked.",
        ),
    ] = None,
    captures: common.CapturesOption = Path("captures"),
    json_: common.JsonOption = False,
    debug: common.DebugOption = False,
) -> None:
    """Check that a capture is what was recorded: its manifest, and every tensor's digest. Says how to mend what is not.

    Without PATH, all captures under --captures are checked, with the kept probes and the reports beside them.

    Exit codes: 0 nothing is to be mended, 2 something is damaged, or nothing is there. A kept probe that is damaged is said, and is
    no damage: it is asked again.
    """
    with common.ending(debug=debug, interrupted="nothing was changed"), Progress() as progress:
        found = list(_found(captures if path is None else path, progress))
        if not found:
            raise _nothing(captures if path is None else path, captures)
    with common.ending(debug=debug, interrupted="nothing was changed"):
        if json_:
            print(json.dumps([asdict(one) for one in found], indent=1))
        else:
            _print(sorted(found, key=lambda one: one.ok))
    raise typer.Exit(0 if all(one.ok for one in found) else common.EXIT_USAGE)


def _found(path: Path, progress: Progress, depth: int = 3) -> Iterator[Verified]:
    """Verify what is at a path, and in the folders there: CAPTURES/RECIPE/MODEL, /reports and /probes."""
    if path.name == "manifest.json" and is_capture(path.parent):
        path = path.parent
    if is_capture(path):
        yield _capture(path, progress)
    elif path.is_dir():
        inner = sorted(each for each in path.iterdir() if not each.name.startswith(".")) if depth else ()
        for each in inner:
            if each.is_dir() or each.parent.name == KEPT.get(each.suffix):
                yield from _found(each, progress, depth - 1)
    elif path.suffix == ".jsonl" and os.path.lexists(path):
        yield _probes(path)
    elif path.suffix == ".json" and os.path.lexists(path):
        yield _report(path)


def _nothing(path: Path, captures: Path) -> BisectError:
    """Return what is said where there is nothing to verify, with what there is."""
    what = "nothing of bisect's is in it" if path.is_dir() else "it is none of bisect's files"
    there = sorted(str(each) for each in captures.glob("*/*") if is_capture(each))
    return BisectError(
        f"nothing to verify in {path}: {what if os.path.lexists(path) else 'nothing is there'}",
        hint=f"name a capture that is there: {listed(there, 6)}" if there else "record a capture with `bisect capture`",
    )


def _capture(folder: Path, progress: Progress) -> Verified:
    progress.phase(f"verifying {folder}")
    notes = tuple(_irreplaceable(folder))
    try:
        opened = Capture.open(folder)
    except BisectError as error:
        return _damaged(folder, error, again(folder.resolve()), notes)
    count, size = len(opened.manifest.tensors), sum(opened.manifest.bytes.values())
    problems = tuple(damage_of(opened, lambda done: progress.say(f"{done} of {count} tensors")))
    if problems:
        return Verified(str(folder), False, "", problems, again(opened.folder, opened.manifest), notes)
    holds = f"whole: {counted(count, 'tensor')}, {opened.manifest.bytes.get('written', size) / 1e6:.1f} MB"
    return Verified(str(folder), True, holds, notes=notes)


def _irreplaceable(folder: Path) -> Iterator[str]:
    """Say why `bisect capture` would not put another capture in this one's place."""
    try:
        check_replaceable(folder)
    except BisectError as error:
        yield f"`bisect capture` would refuse to replace it: {error} ({error.hint})"


def _probes(file: Path) -> Verified:
    try:
        kept = ProbeCache(file)
    except BisectError as error:
        return _damaged(file, error)
    lines = len(kept) + kept.passed_over
    damaged = f"{kept.passed_over} of {counted(lines, 'line')} damaged: what they answered is asked again"
    notes = (damaged,) if kept.passed_over else ()
    return Verified(str(file), True, f"{'' if notes else 'whole: '}{counted(len(kept), 'kept probe')}", notes=notes)


def _report(file: Path) -> Verified:
    try:
        return Verified(str(file), True, f"whole: a report, {load_report(file).verdict}")
    except BisectError as error:
        return _damaged(file, error)


def _damaged(path: Path, error: BisectError, otherwise: str = "", notes: tuple[str, ...] = ()) -> Verified:
    """Return what is said of something that cannot be read; ``otherwise`` is the next step where the error has none."""
    return Verified(str(path), False, "", (str(error),), error.hint or otherwise, notes)


def _print(found: Sequence[Verified]) -> None:
    """Print the damaged ones first, and how many there are at the end, where a terminal shows it."""
    for one in found:
        _print_one(one)
    if len(found) > 1:
        noted, damaged = [one for one in found if one.ok and one.notes], [one.path for one in found if not one.ok]
        said = f"{len(found) - len(damaged)} whole" + (f" ({len(noted)} with a note)" if noted else "")
        screen.put(f"{said}, {len(damaged)} damaged" + (f": {listed(damaged, 4)}" if damaged else ""))


def _print_one(one: Verified) -> None:
    screen.put(f"{one.path}: {one.holds if one.ok else 'DAMAGED'}")
    for problem in one.problems[:MOST_SAID]:
        screen.put(f"  {problem}")
    if len(one.problems) > MOST_SAID:
        screen.put(f"  and {len(one.problems) - MOST_SAID} more")
    for note in one.notes:
        screen.put(f"  note: {note}")
    if one.next:
        screen.put(f"  next: {one.next}")
