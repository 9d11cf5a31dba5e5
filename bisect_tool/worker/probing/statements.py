"""The backward pass of plain code, statement by statement: what each assignment makes of the gradient of its variable.

Within the own code of a call, or of ``step``, every variable that both sides assign begins the graph anew, so that a
statement is what lies between the variables it reads and the one that it assigns. The statements are pulled back one by
one, the last first: then the gradient of each variable is complete before its own statement is pulled back. An *edge* is
what a statement contributes to the gradient of something that it reads, kept as a few random projections of it.
"""

import numpy as np

from ..arrays import trees
from ..code import variables
from . import pullback

PROJECTIONS = 4
TARGETS = "targets"


class Statements(pullback.Pullback):
    """One run in pieces whose variables begin the graph too.

    ``owners``: the pieces that are looked at, None for all; ``named``: the variables that begin the graph. ``given``: the
    reference's gradient of a variable's parts, as a key by "site|path"; None where this is the reference, whose gradients are
    summed up on the way. What the code stops (a detach) is pulled back too, as far as it goes, and begins anew behind it.

    ``edges``: {owner: [[statement, {name of what it reads: projections}], ...]}, the last first; ``places``: the line of
    every call.
    """

    def __init__(self, *args, named, owners=None, given=None, excerpts=None, **how):
        super().__init__(*args, **how)
        self.variables = True
        self.owners = owners
        self.named = named
        self.given = given
        self.edges = {}
        self.gradients = {}  # (site, "value", path) -> the gradient of a variable
        self.places = {}
        self.used = []  # (name, what the code uses of a variable)
        self.excerpts = {} if excerpts is None else excerpts

    def _around(self, call, compute, args, kwargs):
        if call.site in self.watch and self._asked(self.pieces[-1].owner) and call.site not in self.places:
            where = self.lines.caller()
            if where is not None:
                self.places[call.site] = self.lines.noted(self.excerpts, *where)
        return super()._around(call, compute, args, kwargs)

    def _asked(self, owner):
        return self.owners is None or owner in self.owners

    def _watching(self, current):
        def assigned(site, place, _where, value):
            call = current()
            piece = self.pieces[-1]
            mine = piece.owner == (call.site if call else pullback.STEP) and not piece.exact
            if not mine or not place.replaceable or site not in self.named or not self._asked(piece.owner):
                return value
            return self._severed(piece, site, value)

        return self.lines.watching(current, assigned)

    def _severed(self, piece, site, value):
        paths = iter([path for path, _ in trees.leaves(value, self.adapter.is_tensor)])

        def begin(tensor):
            path = next(paths)
            leaf, used = self.adapter.leaf(tensor)
            if leaf is None:
                return tensor
            piece.roots.append(((site, "value", path), tensor))
            piece.leaves.append(((site, "value", path), leaf))
            self.used.append(((site, "value", path), used))
            return used

        if not variables.parts(self.adapter, value):
            return value
        return trees.map_leaves(value, self.adapter.is_tensor, begin)

    def _pull(self, piece, owner, state):
        if not self._asked(owner) or piece.exact:
            return
        leaves = piece.leaves + [((owner, "state", name), tensor) for name, tensor in state]
        groups = {}
        for name, tensor in piece.roots:
            groups.setdefault(TARGETS if name is None else "|".join(name[:2]), []).append((name, tensor))
        rows = self.edges.setdefault(owner, [])
        for statement, roots in reversed(list(groups.items())):
            known = [(tensor, self._whole(name, tensor)) for name, tensor in roots]
            known = [(tensor, gradient) for tensor, gradient in known if gradient is not None]
            arrays = self.adapter.pull(known, [tensor for _, tensor in leaves]) if known else [None] * len(leaves)
            edges = {}
            for (name, _), array in zip(leaves, arrays):
                if array is not None and array.any():
                    edges["|".join(name)] = projections(array)
                    if name[1] == "value":
                        self.gradients[name] = self.gradients.get(name, 0.0) + array
            rows.append([statement, edges])

    def _whole(self, name, tensor):
        """Return the gradient of a place where a statement ends: the reference's, of a variable what was summed up."""
        if name is None or name[1] != "value":
            return super()._whole(name, tensor)
        if self.given is None:
            return self.gradients.get(name)
        key = self.given.get("%s|%s" % (name[0], name[2]))
        return None if key is None else self.reference.read(key)

    def stopped(self):
        """Return the variables that no gradient passes any more, since the code stopped them in place."""
        return ["|".join(name) for name, used in self.used if not self.adapter.has_path(used)]

    def _settle(self, name, array, exact):
        """Take nothing: statements are looked at, not pieces."""


def projections(array):
    """Return some random projections of an array, the same ones for the same number of elements, and its norm."""
    flat = array.reshape(-1).astype(np.float64)
    signs = np.random.default_rng(flat.size).integers(0, 2, (PROJECTIONS, flat.size), dtype=np.int8)
    return [float(np.linalg.norm(flat)), *(float(2 * flat[row == 1].sum() - flat.sum()) for row in signs)]
