"""The backward pass by pieces: what each call's own code makes of the reference's gradients.

Every call that both sides make begins and ends the graph: its code is computed from the reference's inputs, and what it
gives is replaced by the reference's value, so that one forward run falls into pieces (a container's own code is one, and
so is the code of ``step``). Each piece is pulled back by itself from the reference's gradients at all places where it
ends: at its output, and at the inputs of the calls inside it. What comes out where it begins (at its inputs, its
parameters, the outputs of the calls inside it) is compared. An error in one piece does not reach the next.

A gradient is named ``(call, part, path)``: part is "output" (the gradient of the output of a call, all of it),
"inputs" (what this call contributes to the gradient of an input) or "state" (to that of a parameter).
"""

import numpy as np

from ..arrays import measure, trees
from ..model import build
from . import probe

STEP = "step"  # what the code of step is called, which is a piece like a call's


class Piece:
    """The own code of one call while it runs: its graph begins at ``leaves`` and ends at ``roots``, (name, tensor) pairs."""

    def __init__(self, owner, exact):
        self.owner = owner
        self.exact = exact
        self.leaves = []
        self.roots = []


class Pullback(probe.Probe):
    """One run in pieces; the calls that are watched are cut out, and those among ``exact`` pulled back in float64 too."""

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.pieces = [Piece(STEP, exact=False)]
        self.rows = []
        called = {site.partition("#")[0] for site in self.watch}
        self.loose = [
            (name, tensor)
            for name, (tensor, _, trainable) in self.model.state.items()
            if trainable and name.rpartition(".")[0] not in called and name not in self.model.alias_of
        ]

    def run(self):
        """Return the reading, with ``pieces``: the gradients that each gives, compared."""
        with self.adapter.numpy_reads_all():
            return super().run()

    def _around(self, call, compute, args, kwargs):
        self.wire.event("running", site=call.site)
        self._sign(call.module)
        entry = self.reference.sites.get(call.site)
        if call.site not in self.watch or entry is None:
            return compute(*args, **kwargs)
        around = self.pieces[-1]
        names = self._partners(entry["inputs"], [list(args), kwargs])
        if self.adapter.gradients_on():
            around.roots += self._named(call.site, "inputs", names, [list(args), kwargs])
        elif not around.exact:
            self._switched_off(call.site)  # by the code around the call, whose fault it is if it is one
        if around.exact:
            self._count(entry["inside"])
            return self._begun(call.site, around)
        before = dict(self.counts)
        with self.adapter.with_gradients():
            output = self._piece(call, compute, args, kwargs, names, exact=False)
            self._learn(call.site, output)
            self._computed(call.site, output, None)
            if call.site in self.exact:
                self._in_float64(call, compute, args, kwargs, names, before)
        return self._begun(call.site, around)

    def _switched_off(self, site):
        known = self.reference.gradients["sites"].get(site, {}).get("output", {})
        if site not in self.reference.gradients["off"] and any(key is not None for key in known.values()):
            row = {"mismatch": "called with gradients switched off"}
            self.rows.append({"site": site, "part": "call", "path": "", "exact": False, "gradient": row})

    def _named(self, site, part, names, value):
        found = zip(names, self._tensors(value))
        return [((site, part, path), tensor) for (path, _), (_, tensor) in found if path is not None]

    def _piece(self, call, compute, args, kwargs, names, exact):
        """Compute a call's own code from the reference's inputs, and pull it back."""
        piece = Piece(call.site, exact)
        left = iter(names)

        def begin(tensor):
            path, key = next(left)
            values = None if key is None else self._values(key, tensor)
            leaf, used = self.adapter.leaf(tensor, values, exact)
            if leaf is not None and path is not None:
                piece.leaves.append(((call.site, "inputs", path), leaf))
            return used

        args, kwargs = trees.map_leaves([list(args), kwargs], self.adapter.is_tensor, begin)
        self.pieces.append(piece)
        try:
            output = compute(*args, **kwargs)
        finally:
            self.pieces.pop()
        ends = self._partners(self.reference.sites[call.site]["output"], output)
        piece.roots += self._named(call.site, "output", ends, output)
        self._pull(piece, call.site, self._own_parameters(call, exact))
        return output

    def _own_parameters(self, call, exact):
        known = self.model.state_of.get(id(call.module), ())
        if not exact:
            return [(name, tensor) for name, tensor in known if self.model.state[name][2]]
        now = [tensor for _, tensor, _, _ in self.adapter.own_state(call.module, call.leaf)]
        return [
            (name, self.adapter.starting(tensor)) for (name, _), tensor in zip(known, now) if self.model.state[name][2]
        ]

    def _in_float64(self, call, compute, args, kwargs, names, before):
        counts = dict(self.counts)
        self._set_counts(before)
        try:
            with self.adapter.in_float64(call.module):
                self._piece(call, compute, args, kwargs, names, exact=True)
        except Exception:  # code that does not run in float64: then nothing is said of it
            return
        finally:
            self._set_counts(counts)

    def _begun(self, site, around):
        """Return the reference's output of a call as where the graph of the code around it begins anew."""
        tree = self.reference.sites[site]["output"]
        template = self.model.templates[site]
        left = iter(trees.partners(list(trees.keys(tree)), list(trees.leaves(template, probe.is_own))))

        def begin(own):
            path, key = next(left)
            if key is None:
                raise build.RecipeError("%s: the output cannot be given the reference's value" % site)
            like = self.adapter.cast(self._tensor(self.reference.read(key)), own.dtype)
            leaf, used = self.adapter.leaf(like, self._values(key, like), around.exact)
            if leaf is not None:
                around.leaves.append(((site, "output", path), leaf))
            return used

        return trees.map_leaves(template, probe.is_own, begin)

    def _values(self, key, like):
        """Return a recorded array that a tensor is to hold, None where it does not fit."""
        array = self.reference.read(key)
        return array if array.size == int(np.prod(like.shape)) else None

    def _pull(self, piece, owner, state):
        roots = [(tensor, self._whole(name, tensor)) for name, tensor in piece.roots]
        leaves = piece.leaves + [((owner, "state", name), tensor) for name, tensor in state]
        arrays = self.adapter.pull([(t, g) for t, g in roots if g is not None], [tensor for _, tensor in leaves])
        for (name, _), array in zip(leaves, arrays):
            self._settle(name, array, piece.exact)

    def _whole(self, name, tensor):
        """Return the gradient of a place where a piece ends; of a target (no name) it is 1."""
        return of_one(tensor) if name is None else self._gradient(name)

    def _gradient(self, name):
        """Return the reference's gradient somewhere: an array, None where there is none."""
        return self.reference.gradient(name)

    def _settle(self, name, array, exact):
        site, part, path = name
        sites = self.reference.gradients["sites"]
        if site not in sites or path not in sites[site][part]:
            return  # not asked of the reference
        row = measure.pulled_apart(array, self._gradient(name))
        self.rows.append({"site": site, "part": part, "path": path, "exact": exact, "gradient": row})

    def _pulled(self, targets):
        for name in self.reference.gradients["of"]:
            if self.adapter.is_tensor(targets.get(name)):
                self.pieces[0].roots.append((None, targets[name]))
        self._pull(self.pieces[0], STEP, self.loose)
        return {"pieces": self.rows}


def of_one(tensor):
    """Return the gradient that a target starts with."""
    return np.ones(tuple(tensor.shape), np.float32)
