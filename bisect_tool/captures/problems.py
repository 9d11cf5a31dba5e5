"""What is wrong with a capture whose manifest can be read: names that lead nowhere, files that do not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError

from bisect_tool.captures.manifest import Manifest, Point
from bisect_tool.captures.stored import STIRRED, uses_of
from bisect_tool.sites import STEP
from bisect_tool.worker.arrays import files

NUMBERED = re.compile(r"#[1-9]\d*")
HEADER = 8  # bytes of a shard that say how long its header is
MOST_OF_A_HEADER = 100_000_000  # bytes, of any safetensors file
DEEPEST = 1000  # calls in one another: Python itself allows no more


def problems_of(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong with the capture in a folder, in words."""
    yield from _dangling(manifest)
    yield from _misshapen(manifest, manifest.state)
    yield from _unordered(manifest, manifest)
    yield from _unwritten(manifest, manifest)
    yield from _misplaced(manifest)
    yield from _undrawn(manifest)
    yield from _stirred(manifest)
    yield from _misfits(folder, manifest)


def _dangling(manifest: Manifest) -> Iterator[str]:
    for where, key in uses_of(manifest):
        if key not in manifest.tensors:
            yield f"{where} names tensor {key!r}, which is not in the manifest"


def _misshapen(manifest: Manifest, state: Mapping[str, str]) -> Iterator[str]:
    """Check the parameters and buffers of a run: those that are described, in their shapes."""
    shapes = {entry.name: entry.shape for entry in manifest.described.state}
    if shapes.keys() != state.keys():
        yield f"the parameters described and stored differ: {', '.join(sorted(shapes.keys() ^ state.keys()))}"
    for name in shapes.keys() & state.keys():
        entry = manifest.tensors.get(state[name])
        if entry is not None and entry.shape != shapes[name]:
            yield f"{name} has shape {list(shapes[name])}, its tensor {list(entry.shape)}"


def _stirred(manifest: Manifest) -> Iterator[str]:
    """Check the run at stirred weights: there with all that belongs to it, or a reason why it is not."""
    point = manifest.stirred
    if (point is None) == (manifest.not_stirred is None):
        yield "there must be a run at stirred weights, or a reason why there is none"
    if point is None:
        return
    problems = (*_misshapen(manifest, point.state), *_unordered(manifest, point), *_unwritten(manifest, point))
    yield from (f"{problem}{STIRRED}" for problem in problems)
    changed = {name for name, key in point.state.items() if key != manifest.state.get(name)}
    if changed != set(point.stirred):
        yield f"the parameters stirred are others than those said to be: {', '.join(sorted(changed ^ set(point.stirred)))}"
    for what, targets in (("step", point.targets), ("rounding", point.noise.targets), ("rounding", point.noise.loss)):
        if targets.keys() != manifest.targets.keys():
            yield f"the targets of {what}{STIRRED} are others: {', '.join(sorted(targets.keys() ^ manifest.targets.keys()))}"
    strangers = sorted(point.noise.exact.keys() - {entry.site for entry in point.sites})
    if strangers:
        yield f"the rounding of {', '.join(strangers)}{STIRRED} is that of no site"


def _unordered(manifest: Manifest, run: Manifest | Point) -> Iterator[str]:
    """Check the calls of a run: each of a module that is described, once, and finished before the call around it."""
    modules = {entry.name for entry in manifest.described.modules}
    seen: set[str] = set()
    for entry in run.sites:
        if (
            entry.site in seen
            or entry.module not in modules
            or (entry.site != entry.module and not NUMBERED.fullmatch(entry.site.removeprefix(entry.module)))
        ):
            yield f"site {entry.site!r} is no call of a module that is described, or is there twice"
        if entry.site not in run.calls:
            yield f"site {entry.site!r} is not among the calls"
        seen.add(entry.site)
    yield from _unheld(run.calls)


def _unheld(calls: Mapping[str, str | None]) -> Iterator[str]:
    """Check who calls whom: each call lies in calls that are there, up to one that lies in none. Each is looked at once."""
    depths: dict[str | None, int] = {None: 0}  # of those that do
    for call in calls:
        way: dict[str, None] = {}
        outer: str | None = call
        while outer is not None and outer not in depths and outer in calls and outer not in way:
            way[outer] = None
            outer = calls[outer]
        if outer not in depths:
            yield f"call {call!r} lies in no call that was recorded, or in itself"
            continue
        depths.update({one: depth for depth, one in enumerate(reversed(way), start=depths[outer] + 1)})
        if depths[call] > DEEPEST:
            yield f"call {call!r} lies in more than {DEEPEST} others"


def _unwritten(manifest: Manifest, run: Manifest | Point) -> Iterator[str]:
    """Check the buffers and parameters that a run writes: each is described, and all that calls write are there in the end."""
    described = {entry.name for entry in manifest.described.state}
    if strangers := sorted(run.left.keys() - described):
        yield f"{', '.join(strangers)} was written, and is no parameter or buffer that is described"
    for entry in run.sites:
        if lost := sorted(entry.state.keys() - run.left.keys()):
            yield f"{entry.site} writes {', '.join(lost)}, of which nothing is known after the step"


def _misplaced(manifest: Manifest) -> Iterator[str]:
    """Check the variables: each there once, in a call that was made."""
    seen = {entry.site for entry in manifest.sites}
    for variable in manifest.variables:
        if variable.site in seen or not re.fullmatch(r"[^:]*:[^:]+", variable.site):
            yield f"variable {variable.site!r} is there twice, or is none"
        if variable.around is not None and variable.around not in manifest.calls:
            yield f"variable {variable.site!r} lies in a call that is not among the calls"
        seen.add(variable.site)


def _undrawn(manifest: Manifest) -> Iterator[str]:
    for draw in manifest.draws:
        if draw.site != STEP and draw.site not in manifest.calls:
            yield f"a draw lies in {draw.site!r}, which is not among the calls"


def _misfits(folder: Path, manifest: Manifest) -> Iterator[str]:
    by_file: dict[str, list[str]] = {}
    for key, entry in manifest.tensors.items():
        by_file.setdefault(entry.file, []).append(key)
    for name, keys in sorted(by_file.items()):
        try:
            shard = files.ArrayFile(folder / name)
            present = set(shard.keys())
            for key in keys:
                if key not in present:
                    yield f"{name} does not hold tensor {key}"
                    continue
                shape, dtype = shard.described(key)
                entry = manifest.tensors[key]
                if shape != entry.shape or dtype != entry.dtype:
                    yield f"{name}: {key} is {dtype} {list(shape)}, the manifest says {entry.dtype} {list(entry.shape)}"
        except OSError as error:
            yield f"{name}: {error.strerror or error}"
        except SafetensorError as error:
            yield f"{name}: {_cut(folder / name) or f'its header is not the one that was written ({error})'}"


def _cut(path: Path) -> str:
    """Say how many bytes a shard has and had, where its header still tells; else, and where it has them all, nothing."""
    try:
        size = path.stat().st_size
    except OSError:
        return ""
    if not size:
        return "is empty"
    with path.open("rb") as file:
        begin = HEADER + int.from_bytes(file.read(HEADER), "little")
        if begin > size:
            return f"is {size} bytes, its header alone was {begin}" if begin < MOST_OF_A_HEADER else ""
        try:
            entries = json.loads(file.read(begin - HEADER))
            end = begin + max(entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return ""
    return f"is {size} bytes, recorded were {end}" if size != end else ""
