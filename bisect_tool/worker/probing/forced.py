"""A forced pass: each call in place is computed from the reference's inputs, compared, and replaced before anything reads it.

A call that is *dissolved* computes from what the port hands it and passes its own value on: it is then a part of whatever calls
it. So what is off at a call in place is made by its own code and by what is dissolved in it, and by nothing else. What a call
raises reaches no other: it gets the reference's output in its place.

Which recorded call one of the port's is, is told by what it is handed: modules that are shared may be called in another order.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence

from ..arrays import Array, trees
from ..code.watching import Caught
from ..model.calls import Call
from . import arguments, assigned, own
from .between import BEGINS, ENDS, Between, Rows
from .boundaries import ALIKE, Compared, Found, Part, recorded
from .comparing import arrays, doubled, tensors
from .given import Values
from .guessed import Guessed
from .left_on import LeftOn, put_inside
from .made import Begun, Made, are_right
from .probe import Probe
from .unknown import Unknowns, no_longer_unknown

SHAKEN = 0.5  # relative noise: what reads it computes clearly another thing
MOST_SAID = 200  # characters of what a call raised
Again = Callable[
    [Compared], Optional[Rows]
]  # the rows of a call that is computed once more from what it is given, in float64


class Judged(NamedTuple):
    """A call of the port that is a recorded one: what it is handed, compared and as it is, and its row of the reading.

    ``before`` are its module's attributes as it began.
    """

    call: Call
    site: str
    inputs: Compared
    found: Found
    row: dict[str, Any]
    before: Mapping[str, Any]


def read(
    probe: Probe, on_assigned: assigned.OnAssigned = assigned.nobody, on_caught: Caught = assigned.nobody
) -> dict[str, Any]:
    """Run one forced pass and return its reading; ``watched`` has a row for each call of the port that is a recorded one."""
    forced = Forced(probe)
    with probe.adapter.given_pass_none():
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
        self._left_on = LeftOn(probe, self._values)
        self._dissolved = frozenset(probe.asked.dissolved or ())
        self._stack: list[str | None] = [None]  # the recorded calls that run
        self._depth = 0
        self._used: set[str] = set()
        self._begun: list[Begun] = []
        self._again: list[Begun] = []  # what is still to come in a call that is computed once more
        self._passed_on: dict[str, tuple[Any, list[Part]]] = {}
        self._unknowns = Unknowns(self._adapter)
        self._guessed = Guessed()
        self._made = Made(probe.watched, self._dissolved)
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
        handed = arguments.named(compute, args, kwargs)
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
        """Return what the reading says of what the step leaves in buffers, once the pass is over."""
        self._guessed.settle()
        return {"left": self._between.left()}

    def _partner(self, call: Call, found: Found) -> tuple[str, Compared] | None:
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
        found: Found,
    ) -> Any:
        """Compute and compare a call that is a recorded one."""
        site, inputs = partner
        loose = site in self._dissolved
        self._used.add(site)
        row = self._row(call, site, inputs, handed, found)
        judged = Judged(call, site, inputs, found, row, self._left_on.before(call.module, site))
        self._hand(judged, "inputs", found, inputs.parts)
        if not loose:
            self._between.put(call.module, site, BEGINS)
            self._guessed.handed(site, judged.row, inputs.parts)
        twice = site in self._probe.asked.exact or any(part.paired and not part.known for part in inputs.parts)
        began = dict(self._probe.counts), self._probe.held(call.module) if twice else {}
        given = handed.by_name if loose else self._values.fed(handed, site, inputs)
        given = self._noisy(given) if self._is_shaken([*self._stack, site]) else given
        before = self._values.versions(given)
        args, kwargs = handed.call(given)
        self._stack.append(site)
        begun = len(self._begun)
        try:
            output = compute(*args, **kwargs)
        except Exception as error:
            judged.row["failed"] = ("%s: %s" % (type(error).__name__, error))[:MOST_SAID]
            if loose or any(trees.opaque_in(self._sites[site]["output"])):
                raise
            return self._instead(call, site)
        self._values.write_back(handed.by_name, given, before)
        output, inside = self._disturbed(site, output), self._begun[begun:]
        self._probe.computed(call.site, output)

        def again(one: Compared) -> Rows | None:
            # Given anew: it may have written into the others.
            anew = handed.call(self._values.fed(handed, site, one))
            return self._exactly(call, site, compute, anew, began, inside)

        return self._passed(judged, output, inside, again)

    def _instead(self, call: Call, site: str) -> Any:
        """Return the reference's output of a call that raised, and leave what the reference's leaves."""
        self._used.update(one for one in self._sites if site in self._probe.reference.around(one))
        self._between.put(call.module, site, ENDS)
        put_inside(self._probe, site)
        return self._probe.substitute(site)

    def _passed(self, judged: Judged, output: Any, inside: Sequence[Begun], again: Again) -> Any:
        """Compare what a call gave; return what it passes on: its own value if it is dissolved, else the reference's."""
        call, site, row = judged.call, judged.site, judged.row
        left = self._left_on.left(call.module, site, judged.before)
        parts, loose = self._noted(row, call, site, output), site in self._dissolved
        row["output"] += self._left_on.rows(site, left)
        if self._made.came_out_right(site, inside):
            self._learn(judged, inside)
            if not loose:
                self._try_forms(judged, parts, inside, again)
        self._hand(judged, "output", arrays(self._adapter, output), parts)
        if loose:
            return output
        if site in self._probe.asked.exact and self._made.is_off(site, inside):
            row["exact"] = again(judged.inputs)
        self._between.put(call.module, site, ENDS)
        self._left_on.put(call.module, left)
        filled = self._values.filled(output, parts)
        return self._noisy(filled) if self._is_shaken(self._stack[:-1]) else filled

    def _hand(self, judged: Judged, part: str, found: Found, parts: Sequence[Part]) -> None:
        """Keep what a call is handed or gives, where that is asked for."""
        if judged.site in self._probe.asked.hand:
            state = self._between.arrays(judged.call.module, judged.site)
            self._probe.handed.setdefault(judged.site, {})[part] = [*recorded(found, parts), *state]

    def _learn(self, judged: Judged, inside: Sequence[Begun]) -> None:
        """Take for known how the masks are read that a call was handed and came out right with.

        Complex numbers that may be written in several ways show nothing so, see ``guessed``.
        """
        masks = self._unknowns.read(judged.inputs, [one.site for one in inside])
        masks = [part for part in masks if not part.paired]
        self._values.learn(judged.found, masks, type(judged.call.module))
        no_longer_unknown(judged.row, [part for part in masks if not part.known])

    def _try_forms(self, judged: Judged, gave: Sequence[Part], inside: Sequence[Begun], again: Again) -> None:
        """Tell in which form a call that came out right reads complex numbers: with any other it is computed once more."""
        inner = [one.site for one in inside if one.site is not None]
        watched = {site: self._probe.watched[site] for site in inner}

        def is_right(one: Compared) -> bool | None:
            before = {site: row.pop("exact_inputs", None) for site, row in watched.items()}
            rows = again(one)
            handed = [more for row in watched.values() for more in row.pop("exact_inputs", ())]
            for site, kept in before.items():
                watched[site].update({} if kept is None else {"exact_inputs": kept})
            return None if rows is None else are_right([*rows, *handed])

        read = self._unknowns.read(judged.inputs, inner)
        known, any_form = self._guessed.tried(judged.site, judged.inputs, read, gave, is_right)
        self._values.learn((), known, type(judged.call.module))
        no_longer_unknown(judged.row, [*known, *any_form])

    def _row(
        self, call: Call, site: str, inputs: Compared, handed: arguments.Arguments, found: Found
    ) -> dict[str, Any]:
        """Note what a call is handed; return its row of the reading."""
        others = self._values.other_numbers(site, handed.by_name)
        row: dict[str, Any] = {
            "call": call.site,
            "around": self._stack[-1],
            "inputs": [*inputs.rows(), *others, *self._between.rows(call.module, site, BEGINS)],
            "output": [],
            "unknown_output": [],
            **self._unknowns.begun(site, self._stack[-1], handed, found, inputs),
        }
        self._probe.watched[site] = row
        return row

    def _noted(self, row: dict[str, Any], call: Call, site: str, output: Any) -> list[Part]:
        """Note what a call gives; return its parts."""
        compared = self._values.compared(arrays(self._adapter, output), site, "output")
        row["output"] = [*compared.rows(), *self._between.rows(call.module, site, ENDS)]
        guessed = self._guessed.given(row, compared.parts)
        plain = self._values.other_plain(site, output)
        row["output"] += [{"path": path, "mismatch": words} for path, words in plain.items() if words]
        # Whoever makes the call goes on with the port's own numbers and words, and with what cannot be opened.
        opaque = trees.opaque(output, self._adapter.is_tensor)
        row["unknown_output"] = [*compared.unknown, *guessed, *opaque, *plain]
        self._passed_on[site] = own.dtypes(self._adapter, output), compared.parts
        return compared.parts

    def _disturbed(self, site: str, output: Any) -> Any:
        size = self._probe.asked.disturb.get(site)
        if size is None:
            return output
        if site in self._probe.asked.aimed:
            return self._values.noisy_where_off(site, output, size)
        return self._noisy(output, size)

    def _is_shaken(self, among: Sequence[str | None]) -> bool:
        """Tell whether one of some calls is shaken."""
        return any(site in self._probe.asked.shake for site in among)

    def _noisy(self, value: Any, size: float = SHAKEN) -> Any:
        return trees.map_leaves(value, self._adapter.is_tensor, lambda t: self._adapter.perturb(t, size, 0))

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
            args, kwargs = doubled(self._adapter, [list(given[0]), given[1]])
            before = self._left_on.before(call.module, site)
            output = compute(*args, **kwargs)
            self._adapter.sync(tensors(self._adapter, output))
            rows = self._values.compared(arrays(self._adapter, output), site, "output").rows()
            rows += self._left_on.rows(site, self._left_on.left(call.module, site, before))
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
        handed = arguments.named(compute, args, kwargs)
        found = arrays(self._adapter, handed.by_name)
        rows = self._values.compared(found, site, "inputs", type(call.module)).rows()
        self._probe.watched[site]["exact_inputs"] = rows + self._between.rows(call.module, site, BEGINS)
        self._between.put(call.module, site, ENDS)
        put_inside(self._probe, site, self._adapter.doubled)
        while self._again and self._again[0].depth > depth:
            self._again.pop(0)
        return doubled(self._adapter, self._values.filled(*self._passed_on[site]))
