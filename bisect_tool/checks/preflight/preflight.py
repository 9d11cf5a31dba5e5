"""Differences that need no probe: names, shapes, counts, settings, mode, calls, batch.

Each check takes a ``Pair`` and returns findings; ``CHECKS`` is the list of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from bisect_tool.captures.reader import tensor_keys
from bisect_tool.checks.preflight.counts import buffers, parameters
from bisect_tool.checks.preflight.sizes import explained_difference, row_counts
from bisect_tool.finding import Finding
from bisect_tool.pairing.pair import Pair, setting_differences
from bisect_tool.sentences.spelling import counted, listed


def tied(pair: Pair) -> list[Finding]:
    """List parameters that the port ties to another one although the reference's values differ."""
    alike = set(pair.tied())
    return [
        Finding(
            "tied",
            (ours.name,),
            f"{ours.name}: the port's is the same tensor as {theirs.alias_of}, the reference's is not",
        )
        for ours, theirs in pair.state()
        if theirs.alias_of is not None and ours.name not in alike
    ]


def names(pair: Pair) -> list[Finding]:
    """Say which parameters and buffers have no partner, and how much of the model they are."""
    found = []
    for side, unmatched, state in (
        ("reference", pair.matching.unmatched_reference, pair.reference.described.state),
        ("port", pair.matching.unmatched_port, pair.port.state),
    ):
        aliases = {s.name for s in state if s.alias_of is not None and s.alias_of not in unmatched}
        unmatched = tuple(n for n in unmatched if n not in aliases)  # noqa: PLW2901 - tied: matched by its first name
        if unmatched:
            sizes = {s.name: s.size for s in state}
            lost, total = sum(sizes[n] for n in unmatched), sum(sizes.values())
            other = "port" if side == "reference" else "reference"
            found.append(
                Finding(
                    "names",
                    tuple(unmatched),
                    f"{counted(len(unmatched), 'tensor')} of the {side} without a partner in the {other}: "
                    f"{listed(unmatched)}; {lost:,} of its {total:,} numbers ({lost / max(total, 1):.1%})",
                )
            )
    guessed = [name for name, how in pair.matching.how.items() if how in ("shape", "guess")]
    if guessed:
        found.append(
            Finding(
                "names",
                tuple(guessed),
                f"{counted(len(guessed), 'tensor')} matched by shape and order only: "
                + listed([f"{n} = {pair.matching.state[n]}" for n in guessed]),
            )
        )
    return found


def shapes(pair: Pair) -> list[Finding]:
    """List matched tensors whose shapes differ."""
    return [
        Finding("shape", (ours.name,), f"{ours.name}: shape {list(theirs.shape)}, reference {list(ours.shape)}")
        for ours, theirs in pair.state()
        if ours.shape != theirs.shape and not ours.size == theirs.size == 1
    ]


def dtypes(pair: Pair) -> list[Finding]:
    """List matched tensors whose dtypes differ."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for ours, theirs in pair.state():
        if ours.dtype != theirs.dtype:
            groups[ours.dtype, theirs.dtype].append(ours.name)
    return [
        Finding("dtype", tuple(sites), f"{port}, reference {reference}: {listed(sites)}")
        for (reference, port), sites in groups.items()
    ]


def settings(pair: Pair) -> list[Finding]:
    """List modules whose own settings differ, those alike in one finding."""
    classes = {m.name: m.class_ for m in pair.reference.described.modules}
    groups: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for name, different in setting_differences(pair).items():
        for key, (ours, theirs) in different.items():
            kind = "module" if key == "mode" else classes[name]
            groups[kind, key, str(ours), str(theirs)].append(name)
    return [
        Finding(
            "mode" if key == "mode" else "setting",
            tuple(sites),
            f"{kind} {key} {theirs}, reference {ours}: {counted(len(sites), 'module')}: {listed(sites)}",
        )
        for (kind, key, ours, theirs), sites in groups.items()
    ]


def trainable(pair: Pair) -> list[Finding]:
    """List parameters that train on one side only; a model in eval mode is reported as such instead."""
    eval_mode = any("mode" in d for d in setting_differences(pair).values())
    found = []
    for word, sites in (
        (
            "is frozen in the port, trains in the reference",
            [a.name for a, b in pair.state() if a.trainable > b.trainable],
        ),
        (
            "trains in the port, is frozen in the reference",
            [a.name for a, b in pair.state() if a.trainable < b.trainable],
        ),
    ):
        if sites and not eval_mode:
            found.append(Finding("trainable", tuple(sites), f"{word}: {listed(sites)}"))
    return found


def calls(pair: Pair) -> list[Finding]:
    """List sites that the port never passes, and outputs of another shape."""
    never, misshapen = [], []
    recorded = {entry.site: entry for entry in pair.reference.sites}
    known_sizes = row_counts(pair.reference)
    for site, entry in recorded.items():
        if site not in pair.calls:
            never.append(site)
            continue
        shapes_ = dict(pair.calls[site])
        for path, key in tensor_keys(entry.output):
            expected = pair.reference.tensors[key].shape
            found = shapes_.get(path)
            if found is None or (found != expected and (_size(found), _size(expected)) != (1, 1)):
                where = f"{site} output{' ' + path if path else ''}"
                text = "missing" if found is None else f"shape {list(found)}"
                why = explained_difference(expected, found, known_sizes)
                words = f"{where}: {text}, reference {list(expected)}{f'; {why}' if why else ''}"
                misshapen.append(Finding("shape", (site,), words))
    if never:
        known = [site for site in never if recorded[site].module in pair.matching.modules]
        words = f"{counted(len(never), 'call')} of the reference that the port does not make: {listed(never)}"
        if len(known) < len(never):
            words += f" ({counted(len(never) - len(known), 'call')} of modules that it does not have)"
        misshapen.append(Finding("calls", tuple(never), words))
    return misshapen


def batch(pair: Pair) -> list[Finding]:
    """List parts of the batch that differ in name or shape; the port is given the reference's values."""
    ours = {e.path: e for e in pair.reference.described.batch}
    theirs = {e.path: e for e in pair.port.batch}
    alone = [*((path, "reference") for path in ours if path not in theirs)]
    alone += [(path, "port") for path in theirs if path not in ours]
    return [Finding("batch", (), f"batch {path}: only in the {side}") for path, side in alone] + [
        Finding("batch", (), f"batch {path}: shape {list(theirs[path].shape)}, reference {list(entry.shape)}")
        for path, entry in ours.items()
        if path in theirs and entry.shape != theirs[path].shape
    ]


CHECKS: list[Callable[[Pair], list[Finding]]] = [
    names, tied, parameters, buffers, shapes, dtypes, settings, trainable, calls, batch,
]  # fmt: skip


def preflight(pair: Pair, *, ran: bool = True) -> list[Finding]:
    """Run every check; before the port ran, but for that of its calls."""
    return [finding for check in CHECKS if ran or check is not calls for finding in check(pair)]


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
