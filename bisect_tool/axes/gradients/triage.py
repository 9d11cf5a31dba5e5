"""Who gets a gradient: none, exactly zero, tiny, or an ordinary one, for each parameter on both sides, module by module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bisect_tool.axes.gradients.targets import reference_rms
from bisect_tool.captures.manifest import Gradients, Manifest
from bisect_tool.finding import counted, listed
from bisect_tool.probes.reading import Pulled
from bisect_tool.questions.tolerance import SAFETY

Kind = Literal["none", "zero", "tiny", "ordinary"]
KINDS: tuple[Kind, ...] = ("none", "zero", "tiny", "ordinary")
DEPTH = 2  # name parts by which parameters are put together


def reference_kinds(manifest: Manifest, gradients: Gradients) -> dict[str, Kind]:
    """Return what gradient each of the reference's parameters gets, at its own initialisation."""
    return {
        name: _kind(reference_rms(manifest, gradients, name), gradients.noise.parameters.get(name, 0.0))
        for name in gradients.parameters
    }


def port_kinds(gradients: Gradients, rows: Mapping[str, Pulled]) -> dict[str, Kind]:
    """Return what gradient each of these parameters gets in the port; what the port does not train gets none."""
    found: dict[str, Kind] = {}
    for name in gradients.parameters:
        row = rows.get(name)
        rms = None if row is None or row.none else row.rms
        found[name] = _kind(rms, gradients.noise.parameters.get(name, 0.0))
    return found


def _kind(rms: float | None, noise: float) -> Kind:
    if rms is None:
        return "none"
    if rms == 0:
        return "zero"
    return "tiny" if rms <= SAFETY * noise else "ordinary"


def silent(kinds: Mapping[str, Kind]) -> set[str]:
    """Return the parameters that do not learn: none and exactly zero are the same where a framework has zeros for none."""
    return {name for name, kind in kinds.items() if kind in ("none", "zero")}


def table(ours: Mapping[str, Kind], theirs: Mapping[str, Kind]) -> list[dict[str, Any]]:
    """Return for each module how many of its parameters get which gradient on both sides, the modules that differ first."""
    groups: dict[str, list[str]] = {}
    for name in ours:
        groups.setdefault(".".join(name.split(".")[:-1][:DEPTH]) or name, []).append(name)
    rows = [
        {
            "module": module,
            "parameters": len(names),
            "reference": _counts(ours, names),
            "port": _counts(theirs, names),
            "same": silent({n: ours[n] for n in names}) == silent({n: theirs[n] for n in names}),
        }
        for module, names in groups.items()
    ]
    return sorted(rows, key=lambda row: bool(row["same"]))


def _counts(kinds: Mapping[str, Kind], names: Sequence[str]) -> dict[str, int]:
    counts = Counter(kinds[name] for name in names)
    return {kind: counts[kind] for kind in KINDS}


def words(manifest: Manifest, ours: Mapping[str, Kind], theirs: Mapping[str, Kind], weights: str) -> list[str]:
    """Say whether the same parameters go without a gradient on both sides, and why where the reference shows it."""
    mine, port, total = silent(ours), silent(theirs), len(ours)
    said = []
    if mine == port and not mine:
        said.append(f"every one of {counted(total, 'parameter')} gets a gradient on both sides, {weights}")
    elif mine == port:
        without = f"{len(mine)} of {counted(total, 'parameter')} get no gradient, or an exactly zero one"
        said.append(f"{without}, {weights}: the same ones on both sides{_why(manifest, mine)}")
    else:
        for names, side, other in (
            (port - mine, "the port", "the reference"),
            (mine - port, "the reference", "the port"),
        ):
            if names:
                said.append(
                    f"{len(names)} of {counted(total, 'parameter')} get no gradient in {side}, {weights}, and do in {other}: "
                    f"{listed(sorted(names, key=list(ours).index))}"
                )
        if mine & port:
            said.append(
                f"{len(mine & port)} get none, or an exactly zero one, on both sides{_why(manifest, mine & port)}"
            )
    tiny = [name for name, kind in ours.items() if kind == "tiny"]
    if tiny:
        said.append(
            f"{counted(len(tiny), 'gradient')} of the reference lies below its rounding, as of a bias before a batch norm, "
            f"whose true gradient is zero: {listed(tiny)}"
        )
    return said


def _why(manifest: Manifest, names: set[str]) -> str:
    zero = [e.name for e in manifest.described.state if e.trainable and e.size > 1 and e.min == e.max == 0]
    weights = [name for name in zero if name not in names and not name.endswith("bias")]
    if not weights:
        return ""
    later = manifest.gradients.later if manifest.gradients else None
    after = f"; after one step it has {later}" if later else ""
    return f": {listed(weights)} of the reference start at zero, and nothing before them gets any{after}"
