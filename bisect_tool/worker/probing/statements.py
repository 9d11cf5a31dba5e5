"""The backward pass of plain code, statement by statement: what each assignment makes of the gradient of its variable.

Within the own code of a call, or of ``step``, every variable that both sides assign begins the graph anew, so that a
statement is what lies between the variables it reads and the one that it assigns. The statements are pulled back one by
one, the last first: then the gradient of each variable is complete before its own statement is pulled back. An *edge* is
what a statement contributes to the gradient of something that it reads, kept as a few random projections of it.
"""

from __future__ import annotations

from typing import Any, Callable, Collection, ContextManager, Dict, List, Mapping

import numpy as np

from ..adapters.adapter import Tensor
from ..arrays import Array, trees
from ..code import variables
from ..code.lines import Lines
from ..code.rewriting import Place
from ..code.watching import Where
from ..model.calls import Call, Current
from .names import STEP, Name, joined
from .pieces import Piece, Pieces, of_one
from .probe import Probe

PROJECTIONS = 4
TARGETS = "targets"
Edges = Dict[str, List[float]]


class Statements:
    """One run in pieces whose variables begin the graph too; ``read`` runs it.

    ``owners``: the pieces that are looked at, None for all; ``named``: the variables that begin the graph. ``given``: the
    reference's gradient of a variable's parts, as a key by "site|path"; None where this is the reference, whose gradients are
    summed up on the way, but for those among ``constants``. What the code stops (a detach) is pulled back too, as far as it goes, and begins anew behind it.

    ``edges``: {owner: [[statement, {name of what it reads: projections}], ...]}, the last first; ``places``: the line of
    every call; ``excerpts``: the lines around them; ``backward``: {statement: the lines of autograd Functions that pulled it
    back, in the order in which they ran}.
    """

    def __init__(
        self,
        probe: Probe,
        lines: Lines,
        named: Collection[str],
        owners: Collection[str] | None = None,
        given: Mapping[str, str] | None = None,
        excerpts: dict[str, Any] | None = None,
        constants: Collection[Name] = (),
    ) -> None:
        self.edges: dict[str, list[list[Any]]] = {}
        self.gradients: dict[Name, Array] = {}  # (site, "value", path) -> the gradient of a variable
        self.places: dict[str, str] = {}
        self.backward: dict[str, list[str]] = {}
        self.excerpts = {} if excerpts is None else excerpts
        self._probe = probe
        self._adapter = probe.adapter
        self._lines = lines
        self._owners = owners
        self._named = named
        self._given = given
        self._constants = constants
        self._ran: list[tuple[str, int]] = []  # lines of Functions, while a statement is pulled back
        self._used: list[tuple[Name, Tensor]] = []  # what the code uses of a variable
        self._pieces = Pieces(probe, self._finished)

    def read(self) -> dict[str, Any]:
        """Run once and return the reading."""
        with self._adapter.numpy_reads_all():
            return self._probe.read(self._around, self._pieces.end, self._watching)

    def stopped(self) -> list[str]:
        """Return the variables that no gradient passes any more, since the code stopped them in place."""
        return [joined(*name) for name, used in self._used if not self._adapter.has_path(used)]

    def _around(self, call: Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        watched = call.site in self._probe.asked.watch and self._asked(self._pieces.running.owner)
        where = self._lines.caller() if watched and call.site not in self.places else None
        if where is not None:
            self.places[call.site] = self._lines.noted(self.excerpts, *where)
        return self._pieces.around(call, compute, args, kwargs)

    def _asked(self, owner: str) -> bool:
        return self._owners is None or owner in self._owners

    def _watching(self, current: Current) -> ContextManager[None]:
        def assigned(site: str, place: Place, _where: Where, value: Any) -> Any:
            call = current()
            piece = self._pieces.running
            mine = piece.owner == (call.site if call else STEP) and not piece.exact
            if (
                not mine
                or not (place.replaceable and place.tracked)
                or site not in self._named
                or not self._asked(piece.owner)
            ):
                return value
            return self._severed(piece, site, value)

        return self._lines.watching(current, assigned, pulled_back=lambda file, line: self._ran.append((file, line)))

    def _severed(self, piece: Piece, site: str, value: Any) -> Any:
        paths = iter([path for path, _ in trees.leaves(value, self._adapter.is_tensor)])

        def begin(tensor: Tensor) -> Tensor:
            name = (site, "value", next(paths))
            leaf, used = self._adapter.leaf(tensor) if self._begins(name, tensor) else (None, tensor)
            if leaf is None:
                return tensor
            piece.roots.append((name, tensor))
            piece.leaves.append((name, leaf))
            self._used.append((name, used))
            return used

        if not variables.parts(self._adapter, value):
            return value
        return trees.map_leaves(value, self._adapter.is_tensor, begin)

    def _begins(self, name: Name, tensor: Tensor) -> bool:
        """Tell whether a part of a variable needs a gradient: what takes none may be used where one that does may not."""
        if self._given is None:
            return name not in self._constants
        return joined(name[0], name[2]) in self._given or self._adapter.has_path(tensor)

    def _finished(self, piece: Piece) -> None:
        if not self._asked(piece.owner) or piece.exact:
            return
        groups: dict[str, list[tuple[Name | None, Tensor]]] = {}
        for name, tensor in piece.roots:
            groups.setdefault(TARGETS if name is None else joined(*name[:2]), []).append((name, tensor))
        rows = self.edges.setdefault(piece.owner, [])
        for statement, roots in reversed(list(groups.items())):
            self._ran.clear()
            rows.append([statement, self._pulled(roots, piece.leaves)])
            if self._ran:
                self.backward[statement] = [
                    self._lines.noted(self.excerpts, *line) for line in dict.fromkeys(self._ran)
                ]

    def _pulled(self, roots: list[tuple[Name | None, Tensor]], leaves: list[tuple[Name, Tensor]]) -> Edges:
        """Pull one statement back; return what it contributes to whatever it reads."""
        ends = [(tensor, self._gradient(name, tensor)) for name, tensor in roots]
        known = [(tensor, gradient) for tensor, gradient in ends if gradient is not None]
        if not known:
            return {}
        edges = {}
        for (name, _), array in zip(leaves, self._adapter.pull(known, [tensor for _, tensor in leaves])):
            if array is not None and array.any():
                edges[joined(*name)] = projections(array)
                if name[1] == "value":
                    self.gradients[name] = self.gradients.get(name, 0.0) + array
        return edges

    def _gradient(self, name: Name | None, tensor: Tensor) -> Array | None:
        """Return the gradient of a place where a statement ends: the reference's, of a variable what was summed up."""
        if name is None:
            return of_one(tensor)
        if name[1] != "value":
            return self._probe.reference.gradient(name)
        if self._given is None:
            return self.gradients.get(name)
        key = self._given.get(joined(name[0], name[2]))
        return None if key is None else self._probe.reference.read(key)


def projections(array: Array) -> list[float]:
    """Return some random projections of an array, the same ones for the same number of elements, and its norm."""
    flat = array.reshape(-1).astype(np.float64)
    signs = np.random.default_rng(flat.size).integers(0, 2, (PROJECTIONS, flat.size), dtype=np.int8)
    return [float(np.linalg.norm(flat)), *(float(2 * flat[row == 1].sum() - flat.sum()) for row in signs)]
