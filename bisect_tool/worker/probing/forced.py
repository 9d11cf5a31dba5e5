"""A forced pass: each call in place is computed from the reference's inputs, compared, and replaced before anything reads it.

A call that is *dissolved* computes from what the port hands it and passes its own value on: it is then a part of whatever calls
it. So what is off at a call in place is made by its own code and by what is dissolved in it, and by nothing else. What a call
raises reaches no other: it gets the reference's output in its place.

Which recorded call one of the port's is, is told by what it is handed: modules that are shared may be called in another order.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple, Sequence

from ..arrays import Array, measure, trees
from ..code.watching import Caught
from ..model.calls import Call
from . import arguments, assigned, own
from .between import BEGINS, ENDS, Between
from .boundaries import ALIKE, Compared, Part
from .comparing import arrays, tensors
from .given import Values
from .probe import Probe
from .unknown import Unknowns

MOST_ROUNDED = 1e-2  # relative, of what several pieces of code compute one after the other
MOST_SAID = 200  # characters of what a call raised


class Begun(NamedTuple):
    """A call that began: the recorded one that it is (None: none of them), and how many calls it lies in."""

    site: str | None
    depth: int


def read(
    probe: Probe, on_assigned: assigned.OnAssigned = assigned.nobody, on_caught: Caught = assigned.nobody
) -> dict[str, Any]:
    """Run one forced pass and return its reading; ``watched`` has a row for each call of the port that is a recorded one."""
    forced = Forced(probe)
    return probe.read(forced.around, forced.left, assigned.watching(probe, on_assigned, on_caught))


class Forced:
    """What one forced pass holds; see ``read``."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._adapter = probe.adapter
        # No variables, which are sites too.
        self._sites = {site: entry for site, entry in probe.reference.sites.items() if "around" in entry}
        self._values = Values(probe)
        self._between = Between(probe)
        self._dissolved = frozenset(probe.asked.dissolved or ())
        self._stack: list[str | None] = [None]  # the recorded calls that run
        self._depth = 0
        self._used: set[str] = set()
        self._begun: list[Begun] = []
        self._again: list[Begun] = []  # what is still to come in a call that is computed once more
        self._passed_on: dict[str, tuple[Any, list[Part]]] = {}
        self._unknowns = Unknowns(self._adapter)
        self._of_module: dict[str, list[str]] = {}
        for site in self._sites:
            self._of_module.setdefault(site.partition("#")[0], []).append(site)

    def around(self, call: Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Compute one call as it is asked; see ``calls.wrapped``."""
        if self._probe.aside:
            return self._once_more(call, compute, args, kwargs)
        self._probe.wire.event("running", site=call.site)
        self._adapter.sync(tensors(self._adapter, [list(args), kwargs]))
        self._probe.sign(call.module)
        handed = arguments.named(arguments.parameters(compute), args, kwargs)
        found = arrays(self._adapter, handed.by_name)
        partner = self._partner(call, found)
        site = None if partner is None else partner[0]
        depth, stack = self._depth, len(self._stack)
        self._begun.append(Begun(site, depth))
        self._depth += 1
        try:
            if partner is None:  # the reference makes no such call: it is the code of whoever makes it
                output = compute(*args, **kwargs)
                self._probe.computed(call.site, output)
                return output
            return self._judged(call, partner, compute, handed, found)
        finally:
            self._depth = depth
            del self._stack[stack:]

    def left(self, _targets: Any) -> dict[str, Any]:
        """Return what the reading says of what the step leaves in buffers."""
        return {"left": self._between.left()}

    def _partner(self, call: Call, found: Sequence[tuple[str, Array]]) -> tuple[str, Compared] | None:
        """Return the recorded call that a call of the port is, and what it is handed compared.

        It is the one that was handed the same, else the next one.
        """
        left = [site for site in self._of_module.get(call.name, ()) if site not in self._used]
        left = [site for site in left if self._sites[site]["around"] == self._stack[-1]] or left
        if not left:
            return None
        compared = ((site, self._values.compared(found, site, "inputs", type(call.module))) for site in left)
        first = next(compared)
        if len(left) == 1 or first[1].off() <= ALIKE:
            return first
        return next((one for one in compared if one[1].off() <= ALIKE), first)

    def _judged(
        self,
        call: Call,
        partner: tuple[str, Compared],
        compute: Callable[..., Any],
        handed: arguments.Arguments,
        found: Sequence[tuple[str, Array]],
    ) -> Any:
        """Compute and compare a call that is a recorded one."""
        site, inputs = partner
        loose = site in self._dissolved
        self._used.add(site)
        row = self._row(call, site, inputs, handed.by_name)
        if site in self._probe.asked.hand:
            self._probe.handed[site] = {
                "inputs": [*_recorded(found, inputs.parts), *self._between.arrays(call.module, site)]
            }
        if not loose:
            self._between.put(call.module, site, BEGINS)
        held = self._probe.held(call.module) if site in self._probe.asked.exact else {}
        given = handed.by_name if loose else self._values.fed(handed, site, inputs)
        before = self._versions(given)
        args, kwargs = handed.call(given)
        counts = dict(self._probe.counts)
        self._stack.append(site)
        begun = len(self._begun)
        try:
            output = compute(*args, **kwargs)
        except Exception as error:
            row["failed"] = ("%s: %s" % (type(error).__name__, error))[:MOST_SAID]
            if loose:
                raise
            self._used.update(one for one in self._sites if site in self._around(one))
            self._between.put(call.module, site, ENDS)
            return self._probe.substitute(site)
        self._write_back(handed.by_name, given, before)
        output = self._disturbed(site, output)
        self._probe.computed(call.site, output)
        parts = self._noted(row, call, site, output)
        if self._came_out_right(site, self._begun[begun:]):
            self._learn(row, found, inputs, begun, call)
        if site in self._probe.asked.hand:
            gave = [*_recorded(arrays(self._adapter, output), parts), *self._between.arrays(call.module, site)]
            self._probe.handed[site]["output"] = gave
        if loose:
            return output
        if site in self._probe.asked.exact and self._is_off(site, self._begun[begun:]):
            again = self._values.fed(handed, site, inputs)  # anew: it may have written into the others
            args, kwargs = handed.call(again)
            row["exact"] = self._exactly(call, site, compute, (args, kwargs), (counts, held), self._begun[begun:])
        self._between.put(call.module, site, ENDS)
        return self._values.filled(output, parts)

    def _learn(
        self, row: dict[str, Any], found: Sequence[tuple[str, Array]], inputs: Compared, begun: int, call: Call
    ) -> None:
        """Take for known how the masks are read that a call was handed and came out right with."""
        masks = self._unknowns.masks_read(inputs, [one.site for one in self._begun[begun:]])
        self._values.learn(found, masks, type(call.module))
        known = {part.path for part in masks if not part.known}
        row["unknown_inputs"] = [name for name in row["unknown_inputs"] if name not in known]

    def _versions(self, given: dict[str, Any]) -> list[int | None]:
        return [self._adapter.mutation(tensor) for tensor in tensors(self._adapter, given)]

    def _write_back(self, own_values: dict[str, Any], given: dict[str, Any], before: list[int | None]) -> None:
        """Write what a call wrote into what it was given into the port's own tensors too: its caller may read them."""
        pairs = zip(tensors(self._adapter, own_values), tensors(self._adapter, given), before)
        for mine, theirs, version in pairs:
            if mine is not theirs and version is not None and self._adapter.mutation(theirs) != version:
                self._adapter.write(mine, self._adapter.to_numpy(theirs))

    def _row(self, call: Call, site: str, inputs: Compared, given: dict[str, Any]) -> dict[str, Any]:
        """Note what a call is handed; return its row of the reading."""
        others = [
            {"path": path, "mismatch": "the number %r, reference %r" % (given[name], value)}
            for name, path, value in self._values.plain(site)
            if name in given and given[name] != value
        ]
        row: dict[str, Any] = {
            "call": call.site,
            "around": self._stack[-1],
            "inputs": [*_rows(inputs), *others, *self._between.rows(call.module, site, BEGINS)],
            "output": [],
            "unknown_output": [],
            **self._unknowns.begun(site, self._stack[-1], given, inputs),
        }
        self._probe.watched[site] = row
        return row

    def _noted(self, row: dict[str, Any], call: Call, site: str, output: Any) -> list[Part]:
        """Note what a call gives; return its parts."""
        compared = self._values.compared(arrays(self._adapter, output), site, "output")
        row["output"] = [*_rows(compared), *self._between.rows(call.module, site, ENDS)]
        row["unknown_output"] = [*compared.unknown, *trees.opaque(output, self._adapter.is_tensor)]
        if self._probe.asked.exact:
            self._passed_on[site] = own.dtypes(self._adapter, output), compared.parts
        return compared.parts

    def _disturbed(self, site: str, output: Any) -> Any:
        size = self._probe.asked.disturb.get(site)
        if size is None:
            return output
        noisy = trees.map_leaves(output, self._adapter.is_tensor, lambda t: self._adapter.perturb(t, size, 0))
        return self._values.noisy_where_off(site, output, noisy) if site in self._probe.asked.aimed else noisy

    def _around(self, site: str) -> list[str]:
        """Return the recorded calls around one."""
        found: list[str] = []
        outer = self._sites[site]["around"]
        while outer is not None:
            found.append(outer)
            outer = self._sites[outer]["around"]
        return found

    def _is_off(self, site: str, inside: Sequence[Begun]) -> bool:
        """Tell whether a call gives, or hands to a call in place, a value that is off, and that rounding may explain."""
        errors = [row["error"] for row in self._made(site, inside) if "error" in row]
        merged = any(begun.site in self._dissolved for begun in inside)
        # What several pieces round together is no more than that, and computing them all again takes long.
        return any(error > measure.ROUNDING for error in errors) and not (merged and max(errors) > MOST_ROUNDED)

    def _came_out_right(self, site: str, inside: Sequence[Begun]) -> bool:
        return all(row.get("error", 1.0) <= ALIKE for row in self._made(site, inside))

    def _made(self, site: str, inside: Sequence[Begun]) -> list[dict[str, Any]]:
        """Return the rows of all that a call makes, with what is dissolved in it: its output, and what it hands calls in place."""
        rows = list(self._probe.watched[site]["output"])
        for begun in inside:
            if begun.site is not None and begun.site not in self._dissolved and self._made_by(begun.site, site):
                rows += self._probe.watched[begun.site]["inputs"]
        return rows

    def _made_by(self, call: str, site: str) -> bool:
        """Tell whether a call in place is made by the code of another, or by what is dissolved in that."""
        outer = self._probe.watched[call]["around"]
        while outer is not None and outer != site and outer in self._dissolved:
            outer = self._probe.watched[outer]["around"]
        return bool(outer == site)

    def _exactly(
        self,
        call: Call,
        site: str,
        compute: Callable[..., Any],
        given: tuple[Sequence[Any], dict[str, Any]],
        began: tuple[Mapping[str, int], Mapping[str, Array]],
        inside: Sequence[Begun],
    ) -> list[dict[str, Any]] | None:
        """Compute a call once more, in float64, and compare; None where its code does not run in float64.

        ``began`` are the counts and the buffers with which it began.
        """

        def compared() -> list[dict[str, Any]]:
            self._probe.let_hold(began[1])
            args, kwargs = trees.map_leaves([list(given[0]), given[1]], self._adapter.is_tensor, self._adapter.doubled)
            output = compute(*args, **kwargs)
            self._adapter.sync(tensors(self._adapter, output))
            rows = _rows(self._values.compared(arrays(self._adapter, output), site, "output"))
            return rows + self._between.rows(call.module, site, ENDS)

        self._probe.aside, self._again = True, list(inside)
        try:
            return self._probe.in_float64(call.module, began[0], compared)
        finally:
            self._probe.aside = False

    def _once_more(self, call: Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Compute a call inside one that is computed in float64; one in place is compared, and gives what it passed on."""
        site, depth = self._again.pop(0)
        if site is None or site in self._dissolved:
            return compute(*args, **kwargs)
        handed = arguments.named(arguments.parameters(compute), args, kwargs)
        found = arrays(self._adapter, handed.by_name)
        rows = _rows(self._values.compared(found, site, "inputs", type(call.module)))
        self._probe.watched[site]["exact_inputs"] = rows + self._between.rows(call.module, site, BEGINS)
        self._between.put(call.module, site, ENDS)
        while self._again and self._again[0].depth > depth:
            self._again.pop(0)
        return trees.map_leaves(
            self._values.filled(*self._passed_on[site]), self._adapter.is_tensor, self._adapter.doubled
        )


def _recorded(found: Sequence[tuple[str, Array]], parts: Sequence[Part]) -> list[tuple[str, Array]]:
    """Return the arrays that have a partner, under its path in the capture."""
    partners = {part.path: part.partner.path for part in parts}
    return [(partners[path], array) for path, array in found if path in partners]


def _rows(compared: Compared) -> list[dict[str, Any]]:
    rows = [dict(part.off, path=part.partner.path) for part in compared.parts]
    return rows + [{"path": one.path, "missing": True} for one in compared.missing]
