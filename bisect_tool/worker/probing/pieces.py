"""The backward pass by pieces: what each call's own code makes of the reference's gradients.

Every call that both sides make begins and ends the graph: its code is computed from the reference's inputs, and what it
gives is replaced by the reference's value, so that one forward run falls into pieces (a container's own code is one, and
so is the code of ``step``). Each piece is pulled back by itself from the reference's gradients at all places where it
ends: at its output, and at the inputs of the calls inside it. What comes out where it begins (at its inputs, its
parameters, the outputs of the calls inside it) is its result. An error in one piece does not reach the next.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Mapping, Optional

import numpy as np

from ..adapters.adapter import Adapter, Tensor
from ..arrays import Array, trees
from ..failures import RecipeError
from ..model.calls import Call
from . import assigned, own
from .boundaries import Recorded
from .comparing import named
from .handed import Handed
from .names import STEP, Name
from .probe import Probe

Gradient = Callable[[Name], Optional[Array]]
Settle = Callable[[Name, Optional[Array], bool], None]
Values = Callable[[str, Tensor], Optional[Array]]
Begins = Callable[[Name, bool], bool]


class Piece:
    """The own code of one call: its graph begins at ``leaves`` and ends at ``roots``, (name, tensor) pairs.

    A root without a name is a target. ``loose`` are inputs that stand for none of the reference's, each with the piece that
    hands it over. ``exact``: whether it is computed in float64.
    """

    def __init__(self, owner: str, exact: bool = False) -> None:
        self.owner = owner
        self.exact = exact
        self.leaves: list[tuple[Name, Tensor]] = []
        self.roots: list[tuple[Name | None, Tensor]] = []
        self.loose: list[tuple[str, Tensor]] = []


class Pieces:
    """One run in pieces: the calls that are watched are cut out, and those among ``exact`` once more in float64.

    ``finished(piece)`` is called with each piece once it is computed. ``values(key, tensor)`` is the array that a tensor is
    to hold where a piece begins, None for its own. ``begins(name, takes)`` tells whether a gradient is asked for at an input,
    or at an output that takes one in the own run or not: where the reference's was recorded, if nothing else is said, but
    not where neither side has one. ``switched_off(site)`` is told of calls that are made
    with gradients switched off, and ``unsure(*owners)`` of pieces that cannot be set beside the reference's, since what a call is
    handed there is not known to be the same.
    """

    def __init__(
        self,
        probe: Probe,
        finished: Callable[[Piece], None],
        values: Values | None = None,
        switched_off: Callable[[str], None] = lambda _site: None,
        begins: Begins | None = None,
        unsure: Callable[..., None] = lambda *_owners: None,
    ) -> None:
        self._probe = probe
        self._adapter = probe.adapter
        self._finished = finished
        self._values = values or probe.reference.fitting
        self._switched_off = switched_off
        self._unsure = unsure
        self._begins = begins or self._is_asked
        self._running = [Piece(STEP)]
        self._called = {site.partition("#")[0] for site in probe.asked.watch}
        self._within = self._read_within()

    def _is_asked(self, name: Name, takes: bool) -> bool:
        reference = self._probe.reference
        return reference.has_gradient(name) and (takes or reference.gradient_key(name) is not None)

    @property
    def running(self) -> Piece:
        """The piece whose code runs now."""
        return self._running[-1]

    def read(self) -> dict[str, Any]:
        """Run once and return the reading."""
        with self._adapter.numpy_reads_all():
            return self._probe.read(self.around, self.end, assigned.watching(self._probe))

    def around(self, call: Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Compute one call as a piece of its own; see ``calls.wrapped``."""
        probe, site = self._probe, call.site
        probe.wire.event("running", site=site)
        probe.sign(call.module)
        entry = probe.reference.sites.get(site)
        if site not in probe.asked.watch or entry is None:
            return compute(*args, **kwargs)
        handed = Handed(self._adapter, probe.reference, site, compute, args, kwargs)
        self._hand_over(site, handed)
        if self.running.exact:
            probe.skip(entry["inside"])
            return self._begun(site)
        before = dict(probe.counts)
        with self._adapter.with_gradients():
            output = self._computed(call, compute, handed, exact=False)
            probe.computed(site, output)
            if site in probe.asked.exact:
                probe.in_float64(call.module, before, lambda: self._computed(call, compute, handed, exact=True))
        return self._begun(site)

    def end(self, targets: Mapping[str, Any]) -> dict[str, Any]:
        """End the piece of ``step`` at the targets; return nothing for the reading."""
        piece = self.running
        for name in self._probe.reference.gradients["of"]:
            if self._adapter.is_tensor(targets.get(name)):
                piece.roots.append((None, targets[name]))
        piece.leaves += [((STEP, "state", name), tensor) for name, tensor in self._loose()]
        self._finished(piece)
        return {}

    def _loose(self) -> list[tuple[str, Tensor]]:
        """Return the parameters of modules that are not cut out: the code of ``step`` may use them."""
        return [(name, tensor) for name, (tensor, _, trainable) in self._uncalled() if trainable]

    def _uncalled(self) -> list[tuple[str, tuple[Tensor, str, bool]]]:
        """Return the state of modules that are not cut out, each tensor once."""
        model = self._probe.model
        named = [(name, found) for name, found in model.state.items() if name not in model.alias_of]
        return [(name, found) for name, found in named if name.rpartition(".")[0] not in self._called]

    def _read_within(self) -> dict[str, list[str]]:
        """Return the state of modules that are not cut out by the innermost module around that is: its code may read them."""
        found: dict[str, list[str]] = {}
        for name, _ in self._uncalled():
            around = name
            while around and around not in self._called:
                around = around.rpartition(".")[0]
            if around:
                found.setdefault(around, []).append(name)
        return found

    def _hand_over(self, site: str, handed: Handed) -> None:
        """End the piece around a call where it hands the call its inputs."""
        piece = self.running
        if any(self._probe.reference.gradient_key((site, "inputs", path)) for path in handed.missing()):
            self._unsure(site, piece.owner)
        if handed.is_set_otherwise():
            self._unsure(site)
        if self._adapter.gradients_on():
            piece.roots += [((site, "inputs", path), tensor) for path, tensor in handed.tensors()]
        elif not piece.exact:
            self._switched_off(site)  # by the code around the call, whose fault it is if it is one

    def _computed(self, call: Call, compute: Callable[..., Any], handed: Handed, exact: bool) -> Any:
        """Compute a call's own code from the reference's inputs, as a piece."""
        piece = Piece(call.site, exact)
        args, kwargs = handed.call(functools.partial(self._given, piece, self.running.owner))
        # Before the code runs: the copies that it reads in float64 are none that a graph begins at.
        piece.leaves += [((call.site, "state", name), tensor) for name, tensor in self._parameters(call, exact)]
        self._running.append(piece)
        try:
            output = compute(*args, **kwargs)
        finally:
            self._running.pop()
        reference = self._probe.reference
        tree = reference.sites[call.site]["output"]
        ends = named(self._adapter, reference, tree, output)
        piece.roots += [((call.site, "output", path), tensor) for path, tensor in ends]
        self._finished(piece)
        return output

    def _given(self, piece: Piece, around: str, tensor: Tensor, partner: Recorded | None) -> Tensor:
        """Return one of a call's inputs as where its graph begins, with the reference's values.

        One without a sure partner keeps its own; the gradient that it gets, if any, is one that nobody knows.
        """
        if partner is not None:
            return self._leaf(piece, (piece.owner, "inputs", partner.path), tensor, partner.key)
        if not self._adapter.has_path(tensor):
            return self._leaf(piece, (piece.owner, "inputs", ""), tensor, None)
        leaf, used = self._adapter.leaf(tensor, None, piece.exact)
        if leaf is not None and not piece.exact:
            piece.loose.append((around, leaf))
        return used

    def _leaf(self, piece: Piece, name: Name, tensor: Tensor, key: str | None, takes: bool = True) -> Tensor:
        """Return what the code uses of a tensor: where a graph begins if a gradient is asked for, else the recorded values."""
        begins = self._begins(name, takes)
        values_of = self._values if begins else self._probe.reference.fitting
        leaf, used = self._adapter.leaf(tensor, None if key is None else values_of(key, tensor), piece.exact)
        if leaf is None:
            return used
        if not begins:
            used = self._adapter.detached(used)
            return self._adapter.taking_gradients(used) if self._adapter.has_path(tensor) else used
        piece.leaves.append((name, leaf))
        return used

    def _parameters(self, call: Call, exact: bool) -> list[tuple[str, Tensor]]:
        """Return the parameters of a call's own code: its module's, and those of modules in it that nobody calls."""
        model, adapter = self._probe.model, self._adapter
        known = model.state_of.get(id(call.module), [])
        within = [(name, model.state[name][0]) for name in self._within.get(call.name, ())]
        if exact:
            known = [(name, now[1]) for (name, _), now in zip(known, adapter.own_state(call.module))]
        if exact and within:
            parts = adapter.module_tree({call.name: call.module})
            now_in = {"%s.%s" % (name, own[0]): own[1] for name, part, _ in parts for own in adapter.own_state(part)}
            within = [(name, now_in[name]) for name, _ in within]
        pairs = [(name, tensor) for name, tensor in [*known, *within] if model.state[name][2]]
        return [(name, adapter.starting(tensor)) for name, tensor in pairs] if exact else pairs

    def _begun(self, site: str) -> Any:
        """Return the reference's output of a call as where the graph of the code around it begins anew."""
        piece, probe = self.running, self._probe
        tree = probe.reference.sites[site]["output"]
        template = probe.model.templates[site]
        left = iter(probe.reference.partners(tree, list(trees.leaves(template, own.is_own))))

        def begin(mine: own.Own) -> Tensor:
            path, key = next(left)
            if path is None or key is None:
                raise RecipeError("%s: the output cannot be given the reference's value" % site)
            array = own.written(probe.reference.read(key), mine.shape, mine.kind)
            like = own.taking(self._adapter, self._adapter.cast(probe.tensor(array), mine.dtype), mine)
            return self._leaf(piece, (site, "output", path), like, key, mine.takes)

        return trees.map_leaves(template, own.is_own, begin)


def pull_back(
    adapter: Adapter, piece: Piece, gradient: Gradient, settle: Settle, unsure: Callable[..., None] = lambda *_: None
) -> None:
    """Pull a piece back from ``gradient(name)`` where it ends, and let each result where it begins be settled.

    A target's gradient is 1. ``settle(name, array, exact)`` gets None where no path leads. ``unsure(*owners)`` is told of the pieces
    between which a gradient passes where the reference has no such input.
    """
    roots = [(tensor, of_one(tensor) if name is None else gradient(name)) for name, tensor in piece.roots]
    known = [(tensor, own.written_at(tensor, array)) for tensor, array in roots if array is not None]
    arrays = adapter.pull(known, [tensor for _, tensor in (*piece.leaves, *piece.loose)])
    for (around, _), array in zip(piece.loose, arrays[len(piece.leaves) :]):
        if array is not None and array.any():
            unsure(piece.owner, around)
    for (name, _), array in zip(piece.leaves, arrays):
        settle(name, array, piece.exact)


def of_one(tensor: Tensor) -> Array:
    """Return the gradient that a target starts with."""
    return np.ones(tuple(tensor.shape), np.float32)
