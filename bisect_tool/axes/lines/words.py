"""Say in words what is wrong with a line: how far its value is off, what it was taken for, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bisect_tool.axes.lines.probes import LineProbes
from bisect_tool.axes.lines.statements import FLOOR, Lines, Statement
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.checks.values.checks import describe
from bisect_tool.checks.values.evidence import Array, Evidence
from bisect_tool.culprit import Line
from bisect_tool.finding import Finding, counted, listed
from bisect_tool.probes.reading import Comparison
from bisect_tool.questions.judging import worst
from bisect_tool.questions.tolerance import SAFETY
from bisect_tool.sites import Site, variable_of


def line(probes: LineProbes, statement: Statement) -> Line:
    """Return where a statement stands on both sides; in a function of another branch, where that is taken."""
    branch = probes.lines.branch(statement)
    if branch is not None:
        taken = probes.lines.survey.excerpts.get(branch.condition)
        words = f"by which {branch.theirs.function} is called and not {branch.ours.function}"
        return Line(probes.lines.excerpt(branch.ours, port=False), taken, does=words)
    mine = probes.lines.excerpt(statement.theirs, port=True)
    places = [v.place for v in probes.unclear_before(statement)]
    return Line(probes.lines.excerpt(statement.ours, port=False), mine, tuple(dict.fromkeys(places)))


def said(probes: LineProbes, statement: Statement) -> Iterator[Finding]:
    """Say how far a statement's value is off and where it stands, and what is wrong with it where that is known."""
    site = probes.first_off(statement)
    off = (
        _how_far(probes.free.watched[site].output) if site in probes.free.watched else "no value: it is never assigned"
    )
    pairs = _values(probes, site)
    if len(pairs) == 1 and pairs[0][0].size == pairs[0][1].size == 1:
        off = "{:.6g} for {:.6g}".format(*(float(array.reshape(-1)[0]) for array in pairs[0]))
    where = f"{statement.theirs.place} (reference {statement.ours.place})"
    rest = f", and {counted(len(statement.sites) - 1, 'other assignment')} there" if len(statement.sites) > 1 else ""
    yield Finding("line", statement.sites[:1], f"{where}: {site} gets {off}{rest}")
    framework = probes.lines.port.described.framework
    for value, expected in pairs:
        if value.shape == expected.shape and np.allclose(value, expected, rtol=SAFETY * FLOOR, equal_nan=True):
            continue
        if expected.size > 1 and value.size:
            both = f"port {_statistics(value)}; reference {_statistics(expected)}"
            yield Finding("statistics", (site,), both)
        words = describe(Evidence(site, value, expected, framework=framework, floor=SAFETY * FLOOR))
        if words:
            yield Finding("values", (site,), f"the value of {site} {'; '.join(words)}")
        return


def _values(probes: LineProbes, site: Site) -> list[tuple[Array, Array]]:
    """Return the parts of a variable on both sides: the port's, in the reference's shape where only 1s differ."""
    handed = probes.lines.port.asides.values(probes.lines.layers.watching(probes.lines.sites), [site]).get(site)
    keys = list(tensor_keys(probes.lines.capture.variables[site]))
    if handed is None or len(handed.output) != len(keys):
        return []
    pairs = [(value, probes.lines.capture.read(key)) for (_, value), (_, key) in zip(handed.output, keys, strict=True)]
    return [(v.reshape(e.shape) if np.squeeze(v).shape == np.squeeze(e).shape else v, e) for v, e in pairs]


def context(probes: LineProbes, statement: Statement) -> Iterator[Finding]:
    """Say what a statement was taken for, and what it rests on that nothing clears."""
    why = probes.lines.pairs.proposed.get(statement.sites[0])
    if why:
        words = f"the port's {statement.theirs.site} is taken for {statement.name}: by {why}"
        yield Finding("name", statement.sites[:1], words)
    branch = probes.lines.branch(statement)
    if branch is not None:
        theirs, ours = branch.theirs, branch.ours
        words = (
            f"by the condition at {branch.condition} the port calls {theirs.function} ({theirs.place}); the reference calls "
            f"{ours.function} ({ours.place})"
        )
        yield Finding("branch", statement.sites[:1], words)
        return
    unclear = []
    for variable in probes.unclear_before(statement):
        shown = f"{variable_of(variable.site)} ({variable.place})"
        anew = probes.replaced(probes.lines.to_ours.get(variable.site))
        if anew is None:
            unclear.append(shown)
        else:
            words = f"{statement.name} is computed from {shown}: the reference assigns it anew at {anew.place}, the port does not"
            yield Finding("not assigned", statement.sites[:1], words)
    if unclear:
        words = f"{statement.name} is computed from {listed(list(dict.fromkeys(unclear)), 6)}: the reference has no counterpart that agrees"
        yield Finding("reads", statement.sites[:1], words)


def swallowed(lines: Lines) -> Iterator[Finding]:
    """Say which exceptions the port caught that the reference did not."""
    known = {(row.function, row.type) for row in lines.capture.manifest.caught}
    for row in lines.survey.caught:
        if (row.function, row.type) not in known:
            message = f"{row.raised} raised {row.type}: {row.message}; caught at {row.place}, and the run went on"
            yield Finding("swallowed exception", (), message)


def _how_far(output: Sequence[Comparison]) -> str:
    """Say how far a variable is off: by its norm, or by the elements that are wholly wrong where that hides them."""
    misplaced = sum(c.misplaced for c in output)
    hidden = misplaced and not any(c.exceeds(SAFETY * FLOOR) for c in output)
    return f"{counted(misplaced, 'element')} that are wholly wrong" if hidden else worst(output)


def _statistics(array: Array) -> str:
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    lost = f", {values.size - finite.size} not finite" if finite.size < values.size else ""
    if not finite.size:
        return f"{list(array.shape)} all NaN or infinite"
    return (
        f"{list(array.shape)} {finite.mean():.4g} ± {finite.std():.4g}, {finite.min():.4g} to {finite.max():.4g}{lost}"
    )
