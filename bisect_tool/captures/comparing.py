"""Compare two captures value by value, in the execution order of the first."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bisect_tool.captures.manifest import Manifest
from bisect_tool.captures.reader import Capture
from bisect_tool.sites import call_number, call_site, module_of, parent_of
from bisect_tool.worker.arrays import measure, trees

BLOCK = 1 << 20  # bytes compared at a time
Array = NDArray[Any]
Tree = dict[str, Any]
Place = tuple[str, str]  # kind, site
Verdict = Literal["equal", "rounding", "off", "shape"]


@dataclass(frozen=True)
class ComparedValue:
    """One value that both captures have: a whole site, or the part of it that lies at ``path``.

    Attributes: ``kind`` (batch, state, output, left: a buffer after the step, or target), ``site``, ``path``, ``verdict`` (``equal`` is bit for bit),
    ``error`` (relative to A, None where the two do not compare) and ``why`` they do not.
    """

    kind: str
    site: str
    path: str
    verdict: Verdict
    error: float | None
    why: str


@dataclass(frozen=True)
class ComparedCaptures:
    """Two captures compared: ``rows`` in the execution order of A, and what only one of them has."""

    rows: tuple[ComparedValue, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Tell whether both have the same values, within the tolerance."""
        return not (self.off or self.only_a or self.only_b)

    @property
    def off(self) -> list[ComparedValue]:
        """Return the values that are off or of another shape."""
        return [row for row in self.rows if row.verdict in ("off", "shape")]

    @property
    def largest(self) -> ComparedValue | None:
        """Return the value with the largest error, if there is any error; NaN counts as the largest."""
        errors = [row for row in self.rows if row.error]
        return max(errors, key=_size, default=None)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many sites and values were compared, and how many values have which verdict."""
        verdicts = Counter(row.verdict for row in self.rows)
        return {
            "sites": len({(row.kind, row.site) for row in self.rows}),
            "values": len(self.rows),
            "equal": verdicts["equal"],
            "rounding": verdicts["rounding"],
            "off": verdicts["off"],
            "shape": verdicts["shape"],
        }


def compare_captures(
    a: Capture, b: Capture, rtol: float, rename: Callable[[str], str] = lambda name: name
) -> ComparedCaptures:
    """Compare all that two captures have under the same names; ``rtol`` is what a value may be off, relative to A's.

    ``rename`` gives B's name for one of A's, where B has one of that name. Every value is read. Raises CaptureError for
    one that is not as it was recorded.
    """
    compare_tensors = _tensor_comparison(a, b, rtol)
    ours, theirs = _sites(a.manifest), _sites(b.manifest)
    rows: list[ComparedValue] = []
    only_a: list[str] = []
    only_b: list[str] = []
    found = {place: _partner(place, theirs, rename) for place in ours}
    for (kind, site), tree in ours.items():
        partner = found[kind, site]
        if partner is None:
            only_a.append(spelled(kind, site))
            continue
        for path, left, right in _paired(tree, theirs[partner]):
            if left is None or right is None:
                (only_a if right is None else only_b).append(spelled(kind, site, path))
            elif left.keys() == right.keys() == {"tensor"}:
                rows.append(ComparedValue(kind, site, path, *compare_tensors(left["tensor"], right["tensor"])))
            else:
                rows.append(ComparedValue(kind, site, path, *_compare_plain(left, right, rtol)))
    taken = set(found.values())
    only_b += [spelled(*place) for place in theirs if place not in taken]
    return ComparedCaptures(tuple(rows), tuple(only_a), tuple(only_b))


def _partner(place: Place, theirs: Mapping[Place, Tree], rename: Callable[[str], str]) -> Place | None:
    """Return where B has what A has at a place."""
    kind, site = place
    renamed = site
    if kind == "output":
        renamed = call_site(rename(f"{module_of(site)}.").removesuffix("."), call_number(site))
    elif kind in ("state", "left"):
        renamed = rename(site)
    return next((each for each in ((kind, str(renamed)), place) if each in theirs), None)


def spelled(kind: str, site: str, path: str = "") -> str:
    """Return a value's place in words."""
    return " ".join(word for word in (kind if kind != site else "", site, path and f"[{path}]") if word)


def _size(row: ComparedValue) -> float:
    return math.inf if row.error is None or math.isnan(row.error) else row.error


def _sites(manifest: Manifest) -> dict[Place, Tree]:
    """Return what was recorded by kind and name, in execution order: parameters before their module's first call."""
    called = {entry.module for entry in manifest.sites}
    of_module: dict[str, list[str]] = {}
    for name in manifest.state:
        of_module.setdefault(parent_of(name) if parent_of(name) in called else "", []).append(name)
    found: dict[Place, Tree] = {("batch", "batch"): manifest.batch}
    found.update({("state", name): {"tensor": manifest.state[name]} for name in of_module.pop("", [])})
    for entry in manifest.sites:
        found.update({("state", name): {"tensor": manifest.state[name]} for name in of_module.get(entry.module, [])})
        found["output", entry.site] = entry.output
    found.update({("left", name): {"tensor": key} for name, key in manifest.left.items()})
    found.update({("target", name): {"scalar": value} for name, value in manifest.targets.items()})
    return found


def _paired(ours: Tree, theirs: Tree) -> Iterator[tuple[str, Tree | None, Tree | None]]:
    """Yield every part of two recorded values with its path; None where one of them has no such part."""
    left, right = dict(_leaves(ours)), dict(_leaves(theirs))
    if left.keys() != right.keys() and len(left) == len(right):  # a dict for a tuple: the order says which is which
        right = dict(zip(left, right.values(), strict=True))
    for path in left | right:
        yield path, left.get(path), right.get(path)


def _leaves(tree: Tree) -> Iterator[tuple[str, Tree]]:
    return ((path, {kind: content}) for path, kind, content in trees.ends(tree) if kind in ("tensor", "scalar"))


def _tensor_comparison(a: Capture, b: Capture, rtol: float) -> Callable[[str, str], tuple[Verdict, float | None, str]]:
    """Return what compares a tensor of A with one of B, each pair once: many calls hand on what they are given."""

    @functools.cache
    def compare(key_a: str, key_b: str) -> tuple[Verdict, float | None, str]:
        ours, theirs = a.manifest.tensors[key_a], b.manifest.tensors[key_b]
        left, right = a.view(key_a), b.view(key_b)
        alike = (ours.hash, ours.shape, ours.dtype) == (theirs.hash, theirs.shape, theirs.dtype)
        return ("equal", 0.0, "") if alike and _same_bytes(left, right) else _judged(left, right, rtol)

    return compare


def _same_bytes(left: Array, right: Array) -> bool:
    ours, theirs = (array.reshape(-1).view(np.uint8) for array in (left, right))
    blocks = (slice(start, start + BLOCK) for start in range(0, ours.size, BLOCK))
    return all(np.array_equal(ours[block], theirs[block]) for block in blocks)


def _compare_plain(ours: Tree, theirs: Tree, rtol: float) -> tuple[Verdict, float | None, str]:
    """Compare two numbers or words, or one of them with a tensor."""
    if "tensor" in ours or "tensor" in theirs:
        return "shape", None, "a tensor on one side only"
    left, right = ours["scalar"], theirs["scalar"]
    if left == right or (left != left and right != right):  # noqa: PLR0124  NaN is not itself
        return "equal", 0.0, ""
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return _judged(np.asarray(left), np.asarray(right), rtol)
    return "off", None, f"{right!r}, reference {left!r}"


def _judged(ours: Array, theirs: Array, rtol: float) -> tuple[Verdict, float | None, str]:
    found = measure.difference(theirs, ours)
    if "mismatch" in found:
        return "off" if ours.shape == theirs.shape else "shape", None, found["mismatch"]
    allowed = rtol if ours.dtype.kind in "fc" else 0.0  # of integers and booleans nothing rounds
    return "rounding" if found["error"] <= allowed else "off", found["error"], ""
