"""Who gets gradients wrong, and who does so together: calls by their own code, parameters that take none."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bisect_tool.axes.gradients.findings import gradient_findings
from bisect_tool.axes.gradients.passes import Backward, Repair, of_calls
from bisect_tool.axes.gradients.pieces import Pieces
from bisect_tool.captures.described import StateEntry
from bisect_tool.finding import Finding
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import PulledAt, Reading
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sentences import learning
from bisect_tool.sites import STEP, Site, module_of
from bisect_tool.wrong_learning import Frozen, Unregistered, Untied, WrongBackward

MOST_TIMES = 100.0  # as large as the reference's gradient is
DESCRIBED = 2  # calls of one culprit whose gradients are described, where there are more


@dataclass(frozen=True)
class Suspect:
    """What may be one culprit, still without proofs: ``repair`` puts it right."""

    culprit: WrongBackward
    repair: Repair

    @property
    def sites(self) -> tuple[Site, ...]:
        """Return what is named."""
        return self.culprit.sites


def wrong_calls(asked: Backward, pieces: Pieces, either: Collection[tuple[Site, ...]] = ()) -> Iterator[Suspect]:
    """Put calls together whose own code is wrong, where they are of the same classes and lose the same kinds of gradients.

    Of each group of ``either`` one at least is wrong: they are one suspect.
    """
    alike: dict[Hashable, list[Site]] = {}
    grouped = {owner: group for group in either for owner in group}
    for owner, rows in pieces.off.items():
        if owner in grouped:
            alike.setdefault(grouped[owner], [*grouped[owner]])
        elif owner not in asked.wrong:
            alike.setdefault(_kind_of(asked.trace, owner, rows), []).append(owner)
    for kind, owners in alike.items():
        findings = [*_findings(owners, pieces, _batch_size(asked.pair))]
        if kind in either:
            findings.insert(0, Finding("code", tuple(owners), sentences.one_of(owners)))
        inside = tuple(_inside(asked.trace, owners))
        culprit = WrongBackward(sites=tuple(owners), findings=tuple(findings), inside=inside, either=kind in either)
        large = [owner for owner in owners if not _is_moderate(pieces.off[owner])]
        yield Suspect(culprit, of_calls(asked.trace, large) | Repair(corrected=frozenset(owners) - set(large)))


def split(suspect: Suspect) -> tuple[Suspect, ...]:
    """Return the calls of a suspect each by itself; what is no code of a call as it is."""
    repair, calls = suspect.repair, suspect.repair.severed | suspect.repair.corrected
    if not calls.issuperset(suspect.sites):
        return (suspect,)
    return tuple(
        Suspect(
            replace(suspect.culprit, sites=(site,)),
            Repair(severed=repair.severed & {site}, corrected=repair.corrected & {site}),
        )
        for site in suspect.sites
    )


def _is_moderate(rows: Sequence[PulledAt]) -> bool:
    """Tell whether what makes up for some gradients are numbers, and none so large that it rounds as much as these are."""
    scale = max(row.gradient.reference or 0.0 for row in rows)
    return all(row.gradient.mismatch is None and row.gradient.rms <= MOST_TIMES * scale for row in rows)


def _inside(trace: Trace, owners: Collection[Site]) -> Iterator[Site]:
    """Yield the calls of own modules that could not be cut out, and so are part of the code of others."""
    for call in map(Site, trace.parents):
        if call not in trace.members and not trace.is_library(call) and trace.owner(call) in owners:
            yield call


def _kind_of(trace: Trace, owner: Site, rows: Sequence[PulledAt]) -> Hashable:
    if owner == STEP:
        return STEP
    return trace.classes.get(module_of(owner)), frozenset((row.part, row.gradient.missing) for row in rows)


def _findings(owners: Sequence[Site], pieces: Pieces, batch: int) -> Iterator[Finding]:
    for owner in owners[:DESCRIBED]:
        yield from gradient_findings(owner, pieces.off[owner], batch)
    others = tuple(owners[DESCRIBED:])
    if others:
        yield Finding("backward", others, sentences.and_others(others))


def _batch_size(pair: Pair) -> int:
    sizes = [entry.shape[0] for entry in pair.reference.described.batch if len(entry.shape) == 4]
    return sizes[0] if sizes else 0


def left_out(asked: Backward, whole: Reading) -> Iterator[Suspect]:
    """Yield the parameters that learn in the reference, and are frozen in the port or not among its parameters."""
    silent = [
        entry
        for entry in asked.pair.reference.described.state
        if asked.gradients.parameters.get(entry.name) is not None and entry.name not in whole.gradients
    ]
    theirs = {entry.name: entry for entry in asked.pair.port.state}
    partners = {entry.name: theirs.get(asked.pair.matching.state.get(entry.name, "")) for entry in silent}
    frozen = tuple(Site(entry.name) for entry in silent if _fits(entry, partners))
    if frozen:
        findings = (Finding("frozen", frozen, learning.frozen(frozen)),)
        yield Suspect(Frozen(sites=frozen, findings=findings), Repair(thawed=frozenset(frozen)))
    lost = tuple(Site(entry.name) for entry in silent if partners[entry.name] is None)
    if lost:
        findings = (Finding("not registered", lost, learning.unregistered(lost)),)
        yield Suspect(Unregistered(sites=lost, findings=findings), Repair(given=frozenset(lost)))


def untied(asked: Backward, whole: Reading) -> Iterator[Suspect]:
    """Yield the parameters that the reference ties to another one and that the port holds apart: each gets a part of the gradient."""
    theirs = {entry.name: entry.alias_of or entry.name for entry in asked.pair.port.state}
    held = {ours: theirs.get(port) for ours, port in asked.pair.matching.state.items()}
    apart: dict[str, list[Site]] = {}
    for entry in asked.pair.reference.described.state:
        first, copy = held.get(entry.alias_of or ""), held.get(entry.name)
        if entry.alias_of is not None and first and copy and first != copy and entry.name in whole.gradients:
            apart.setdefault(entry.alias_of, []).append(Site(entry.name))
    for name, copies in apart.items():
        findings = (Finding("not tied", tuple(copies), learning.untied(copies, name)),)
        tied = frozenset((copy, Site(name)) for copy in copies)
        yield Suspect(Untied(sites=tuple(copies), first=Site(name), findings=findings), Repair(tied=tied))


def _fits(entry: StateEntry, partners: Mapping[str, StateEntry | None]) -> bool:
    partner = partners[entry.name]
    return partner is not None and partner.alias_of is None and partner.shape == entry.shape
