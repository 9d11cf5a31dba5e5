"""Who gets a gradient: none, exactly zero, tiny, or an ordinary one, for each parameter on both sides, module by module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypedDict

from bisect_tool.axes.gradients.targets import reference_rms
from bisect_tool.captures.manifest import Gradients, Manifest
from bisect_tool.probes.reading import Pulled
from bisect_tool.questions.tolerance import SAFETY
from bisect_tool.sentences import learning as sentences

Kind = Literal["none", "zero", "tiny", "ordinary"]
KINDS: tuple[Kind, ...] = ("none", "zero", "tiny", "ordinary")
DEPTH = 2  # name parts by which parameters are put together


class ModuleGradients(TypedDict):
    """How many parameters of a module get which gradient, and whether the same ones go without on both sides."""

    module: str
    parameters: int
    reference: dict[Kind, int]
    port: dict[Kind, int]
    same: bool


def reference_kinds(manifest: Manifest, gradients: Gradients) -> dict[str, Kind]:
    """Return what gradient each of the reference's parameters gets, at its own initialisation."""
    return {name: _kind(gradients, name, reference_rms(manifest, gradients, name)) for name in gradients.parameters}


def port_kinds(gradients: Gradients, rows: Mapping[str, Pulled]) -> dict[str, Kind]:
    """Return what gradient each of these parameters gets in the port; what the port does not train gets none."""
    sizes = {name: None if row.none else row.rms for name, row in rows.items()}
    return {name: _kind(gradients, name, sizes.get(name)) for name in gradients.parameters}


def _kind(gradients: Gradients, name: str, rms: float | None) -> Kind:
    if rms is None:
        return "none"
    if rms == 0:
        return "zero"
    return "tiny" if rms <= SAFETY * gradients.noise.parameters.get(name, 0.0) else "ordinary"


def silent(kinds: Mapping[str, Kind]) -> set[str]:
    """Return the parameters that do not learn: none and exactly zero are the same where a framework has zeros for none."""
    return {name for name, kind in kinds.items() if kind in ("none", "zero")}


def table(ours: Mapping[str, Kind], theirs: Mapping[str, Kind]) -> list[ModuleGradients]:
    """Return for each module how many of its parameters get which gradient on both sides, the modules that differ first."""
    groups: dict[str, list[str]] = {}
    for name in ours:
        groups.setdefault(".".join(name.split(".")[:-1][:DEPTH]) or name, []).append(name)
    apart = silent(ours) ^ silent(theirs)
    rows = [
        ModuleGradients(
            module=module,
            parameters=len(names),
            reference=_counts(ours, names),
            port=_counts(theirs, names),
            same=apart.isdisjoint(names),
        )
        for module, names in groups.items()
    ]
    return sorted(rows, key=lambda row: row["same"])


def _counts(kinds: Mapping[str, Kind], names: Sequence[str]) -> dict[Kind, int]:
    counts = Counter(kinds[name] for name in names)
    return {kind: counts[kind] for kind in KINDS}


def who_learns(
    manifest: Manifest, ours: Mapping[str, Kind], theirs: Mapping[str, Kind], weights: sentences.Side
) -> Iterator[str]:
    """Say whether the same parameters go without a gradient on both sides, and why where the reference shows it.

    ``weights`` tells whose the port had.
    """
    yield from _who_goes_without(manifest, list(ours), silent(ours), silent(theirs), sentences.with_weights(weights))
    tiny = [name for name, kind in ours.items() if kind == "tiny"]
    if tiny:
        yield sentences.below_rounding(tiny)


def _who_goes_without(
    manifest: Manifest, names: Sequence[str], ours: set[str], theirs: set[str], weights: str
) -> Iterator[str]:
    if ours == theirs and not ours:
        yield sentences.everyone_gets_one(len(names), weights)
    elif ours == theirs:
        yield sentences.same_go_without(len(ours), len(names), weights, _why(manifest, ours))
    else:
        sides: tuple[tuple[sentences.Side, set[str]], ...] = (("port", theirs - ours), ("reference", ours - theirs))
        for side, alone in sides:
            if alone:
                listed = [name for name in names if name in alone]
                yield sentences.goes_without_in(side, listed, len(names), weights)
        if ours & theirs:
            yield sentences.both_go_without(len(ours & theirs), _why(manifest, ours & theirs))


def _why(manifest: Manifest, silenced: set[str]) -> str:
    """Return which weights of the reference keep the gradient from others, in words; nothing where none do."""
    zero = [e.name for e in manifest.described.state if e.trainable and e.size > 1 and e.min == e.max == 0]
    weights = [name for name in zero if name not in silenced and not name.endswith("bias")]
    later = manifest.gradients.later if manifest.gradients else 0
    return sentences.starts_at_zero(weights, later) if weights else ""
