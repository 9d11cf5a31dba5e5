"""Differences that need no probe: names, shapes, counts, settings, mode, calls, batch.

Each check takes a ``Pair`` and returns findings; ``CHECKS`` is the list of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from bisect_tool.captures.reader import tensor_keys
from bisect_tool.checks.preflight.counts import buffers, parameters
from bisect_tool.checks.preflight.optimizers import optimizer
from bisect_tool.checks.preflight.sizes import explained_difference, row_counts
from bisect_tool.finding import Finding
from bisect_tool.frameworks import known_framework
from bisect_tool.pairing.pair import Pair, of_the_users, setting_differences
from bisect_tool.sentences import names as sentences
from bisect_tool.sentences.spelling import counted, listed
from bisect_tool.sites import Site, module_of, parent_of

HINT = " (attributes of a user's own class: a hint, no proof)"


def tied(pair: Pair) -> list[Finding]:
    """List parameters that the port ties to another one although the reference's values differ."""
    alike = set(pair.tied())
    found = [(a.name, b.alias_of) for a, b in pair.state() if b.alias_of is not None and a.name not in alike]
    return _alike(
        "tied",
        {name: f"the port's is the same tensor as {first}, the reference's is not" for name, first in found},
        "tensor",
    )


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
    found += [
        Finding("names", tuple(ours for ours, _ in pairs), sentences.matched(how, pairs)) for how, pairs in _hows(pair)
    ]
    torn = pair.matching.torn
    if torn:
        found.append(Finding("names", tuple(torn), sentences.torn(torn)))
    return found


def _hows(pair: Pair) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield in which way tensors of unequal names were matched, and which."""
    matching = pair.matching
    for kinds, words in ((("values",), "by their initial values"), (("shape", "guess"), "by shape and order only")):
        names = [name for name, how in matching.how.items() if how in kinds and name not in matching.torn]
        if names:
            yield words, [(name, matching.state[name]) for name in names]


def shapes(pair: Pair) -> list[Finding]:
    """List matched tensors whose shapes differ."""
    different = [(a, b) for a, b in pair.state() if a.shape != b.shape and not a.size == b.size == 1]
    return _alike(
        "shape", {a.name: f"shape {list(b.shape)}, reference {list(a.shape)}" for a, b in different}, "tensor"
    )


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
    """List modules whose own settings differ, those alike in one finding.

    What a user's own class keeps as an attribute may mean anything: that is a hint.
    """
    classes = {m.name: m.class_ for m in pair.reference.described.modules}
    users = of_the_users(pair)
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, different in setting_differences(pair).items():
        own = {key: words for key, words in different.items() if key != "mode"}
        for check, some in (("mode", different.keys() - own), ("attribute" if name in users else "setting", own)):
            words = "; ".join(f"{key} {different[key][1]}, reference {different[key][0]}" for key in some)
            if words:
                groups[check, "module" if check == "mode" else classes[name], words].append(name)
    return [
        Finding(
            check,
            tuple(sites),
            f"{_of_class(len(sites), kind)}: {words}{HINT if check == 'attribute' else ''}: {listed(sites)}",
        )
        for (check, kind, words), sites in groups.items()
    ]


def _of_class(number: int, kind: str) -> str:
    return counted(number, kind) if kind == "module" else f"{number:,} {kind}"


def _alike(check: str, said: Mapping[str, str], noun: str, after: str = ": ") -> list[Finding]:
    """Return a finding for all that the same is said of; ``after`` stands after the name of a single one."""
    groups: dict[str, list[str]] = defaultdict(list)
    for site, words in said.items():
        groups[words].append(site)
    return [
        Finding(
            check,
            tuple(sites),
            f"{sites[0]}{after}{words}"
            if len(sites) == 1
            else f"{counted(len(sites), noun)}: {words}: {listed(sites)}",
        )
        for words, sites in groups.items()
    ]


def trainable(pair: Pair) -> list[Finding]:
    """List parameters that train on one side only; those of modules in eval mode are reported as such instead."""
    other_mode = {name for name, different in setting_differences(pair).items() if "mode" in different}
    pairs = [(a, b) for a, b in pair.state() if parent_of(a.name) not in other_mode]
    frozen = [a.name for a, b in pairs if a.trainable > b.trainable]
    thawed = [a.name for a, b in pairs if a.trainable < b.trainable]
    return [
        Finding("trainable", tuple(sites), f"{words}: {listed(sites)}")
        for words, sites in (
            ("is frozen in the port, trains in the reference", frozen),
            ("trains in the port, is frozen in the reference", thawed),
        )
        if sites
    ]


def calls(pair: Pair) -> list[Finding]:
    """List sites that one side never passes, modules that it calls more or less often, and outputs of another shape."""
    found = [finding for said in _misshapen(pair).values() for finding in _alike("shape", said, "call", " ")]
    modules = {entry.site: entry.module for entry in pair.reference.sites}
    never = [site for site in modules if site not in pair.calls]
    if never:
        lost = [site for site in never if modules[site] not in pair.matching.modules]
        hidden = ", or that nobody sees (`bisect doctor` says which line shows them)"
        hides = hidden if known_framework(pair.port.framework).hides_calls else ""
        words = f"{counted(len(never), 'call')} of the reference that the port does not make{hides}: {listed(never)}"
        if lost:
            words += f" ({counted(len(lost), 'call')} of modules that it does not have)"
        found.append(Finding("calls", tuple(never), words))
    return [*found, *_calls_of_the_port(pair)]


def _calls_of_the_port(pair: Pair) -> Iterator[Finding]:
    """Yield what the port calls and the reference does not have, and what it calls more often."""
    known = {*pair.matching.modules, *(entry.module for entry in pair.reference.sites)}
    alone = [call for call in pair.calls if module_of(Site(call)) not in known]
    if alone:
        words = (
            f"{counted(len(alone), 'call')} of the port of modules that the reference does not have: {listed(alone)}"
        )
        yield Finding("calls", tuple(alone), words)
    ours, theirs = (Counter(module_of(Site(call)) for call in calls) for calls in (pair.reference.calls, pair.calls))
    often: dict[tuple[int, int], list[str]] = defaultdict(list)
    for module, times in ours.items():
        if module in known and times < theirs[module]:
            often[times, theirs[module]].append(module)
    for (times, more), modules in often.items():
        verb = "is" if len(modules) == 1 else "are"
        words = f"{listed(modules)} {verb} called {more} times in the port, {times} {'time' if times == 1 else 'times'} in the reference"
        yield Finding("calls", tuple(modules), words)


def _misshapen(pair: Pair) -> dict[str, dict[str, str]]:
    """Return the calls whose outputs have another shape in words, by the path of the output."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    known_sizes = row_counts(pair.reference)
    for entry in pair.reference.sites:
        made = dict(pair.calls.get(entry.site, ()))
        for path, key in tensor_keys(entry.output) if entry.site in pair.calls else ():
            expected, shape = pair.reference.tensors[key].shape, made.get(path)
            if shape is None or (shape != expected and (_size(shape), _size(expected)) != (1, 1)):
                text = "missing" if shape is None else f"shape {list(shape)}"
                why = explained_difference(expected, shape, known_sizes)
                words = f"{text}, reference {list(expected)}{f'; {why}' if why else ''}"
                found[path][entry.site] = f"output{' ' + path if path else ''}: {words}"
    return found


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


# What no value of a forward pass shows comes first.
CHECKS: list[Callable[[Pair], list[Finding]]] = [
    trainable, names, tied, parameters, buffers, shapes, dtypes, settings, optimizer, calls, batch,
]  # fmt: skip


def preflight(pair: Pair, *, ran: bool = True) -> list[Finding]:
    """Run every check; before the port ran, but for that of its calls."""
    return [finding for check in CHECKS if ran or check is not calls for finding in check(pair)]


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
