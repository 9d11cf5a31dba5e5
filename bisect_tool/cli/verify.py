"""``bisect verify``: read all that is kept, and say whether it is what was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from bisect_tool.captures.reader import Capture
from bisect_tool.captures.verifying import command_again, damage_of
from bisect_tool.cli import common, screen
from bisect_tool.cli.progress import Progress
from bisect_tool.errors import AGAIN, BisectError
from bisect_tool.probes.cache import ProbeCache
from bisect_tool.report.saved import load_report
from bisect_tool.sentences.spelling import counted

MOST_SAID = 10  # damaged tensors of one capture


@dataclass(frozen=True)
class Verified:
    """One capture, file of kept probes or report: what it holds, what is wrong with it, and how to mend that."""

    path: str
    ok: bool
    holds: str
    problems: tuple[str, ...] = ()
    next: str = ""


def verify(
    capture: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CAPTURE]", help="Folder of a capture, e.g. captures/yolo11n/ref; without it, all is checked."
        ),
    ] = None,
    captures: common.CapturesOption = Path("captures"),
    json_: common.JsonOption = False,
    debug: common.DebugOption = False,
) -> None:
    """Check that a capture is what was recorded: its manifest, and every tensor's digest. Says how to mend what is not.

    Without CAPTURE, all captures under --captures are checked, with the kept probes and the reports beside them.

    Exit codes: 0 all is as it was written, 2 something is damaged, or nothing is there.
    """
    with common.ending(debug=debug, interrupted="nothing was changed"), Progress() as progress:
        found = [_capture(capture, progress)] if capture is not None else list(_all(captures, progress))
        if not found:
            raise BisectError(f"nothing to verify in {captures}", hint="record a capture with `bisect capture`")
    with common.ending(debug=debug, interrupted="nothing was changed"):
        if json_:
            print(json.dumps([asdict(one) for one in found], indent=1))
        else:
            for one in found:
                _print(one)
    raise typer.Exit(0 if all(one.ok for one in found) else common.EXIT_USAGE)


def _all(captures: Path, progress: Progress) -> Iterator[Verified]:
    for path in sorted(captures.glob("*/*")):
        if path.name == "probes":
            yield from (_probes(file) for file in sorted(path.glob("*.jsonl")))
        elif path.name == "reports":
            yield from (_report(file) for file in sorted(path.glob("*.json")))
        elif (path / "manifest.json").exists():
            yield _capture(path, progress)


def _capture(folder: Path, progress: Progress) -> Verified:
    progress.phase(f"verifying {folder}")
    try:
        opened = Capture.open(folder)
    except BisectError as error:
        return _damaged(folder, error, AGAIN)
    count, size = len(opened.manifest.tensors), sum(opened.manifest.bytes.values())
    problems = tuple(damage_of(opened, lambda done: progress.say(f"{done} of {count} tensors")))
    holds = f"whole: {counted(count, 'tensor')}, {opened.manifest.bytes.get('written', size) / 1e6:.1f} MB"
    again = f"record it again with `{command_again(opened)}`" if problems else ""
    return Verified(str(folder), ok=not problems, holds=holds, problems=problems, next=again)


def _probes(file: Path) -> Verified:
    try:
        kept = ProbeCache(file)
    except BisectError as error:
        return _damaged(file, error)
    said = f"whole: {counted(len(kept), 'kept probe')}"
    if kept.passed_over:
        said = f"{kept.passed_over} of {counted(len(kept) + kept.passed_over, 'line')} damaged: what they answered is asked again"
    return Verified(str(file), ok=True, holds=said)


def _report(file: Path) -> Verified:
    try:
        return Verified(str(file), ok=True, holds=f"whole: a report, {load_report(file).verdict}")
    except BisectError as error:
        return _damaged(file, error)


def _damaged(path: Path, error: BisectError, otherwise: str = "") -> Verified:
    """Return what is said of something that cannot be read; ``otherwise`` is the next step where the error has none."""
    return Verified(str(path), ok=False, holds="", problems=(str(error),), next=error.hint or otherwise)


def _print(one: Verified) -> None:
    screen.put(f"{one.path}: {one.holds if one.ok else 'DAMAGED'}")
    for problem in one.problems[:MOST_SAID]:
        screen.put(f"  {problem}")
    if len(one.problems) > MOST_SAID:
        screen.put(f"  and {len(one.problems) - MOST_SAID} more")
    if one.next:
        screen.put(f"  next: {one.next}")
