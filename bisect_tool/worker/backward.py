"""A whole backward pass: the gradients of the parameters, with the reference's values everywhere on the way forward.

A call that is patched takes the reference's value forward and passes the reference's gradients back; at a call that is
``pulled`` all that comes after is given the reference's gradient. So a cut through the backward pass is a run like any
other: what lies beyond it is the reference's, and the port's own code pulls back from there.
"""

import contextlib

import numpy as np

from . import measure, probe, pullback, trees


class Backward(probe.Probe):
    """One run with its backward pass.

    ``pulled``: calls whose output takes the reference's gradient. ``thawed``: parameters that take gradients although the
    port froze them. ``straight``: every call's value is replaced by the reference's, while gradients go their own way.
    """

    def __init__(self, *args, pulled=(), thawed=(), straight=True, **how):
        super().__init__(*args, **how)
        self.pulled = set(pulled)
        self.thawed = set(thawed)
        self.straight = straight
        self.roots = []
        self.given = {}  # parameter -> the reference's gradient, of the calls that are patched

    def run(self):
        """Return the reading, with ``gradients``: {parameter: its gradient compared}."""
        with contextlib.ExitStack() as stack:
            for name in self.thawed:
                stack.enter_context(self.adapter.unfrozen(self.model.state[name][0]))
            return super().run()

    def _around(self, call, compute, args, kwargs):
        entry = self.reference.sites.get(call.site)
        patched = call.site in self.sites
        if patched:
            names = trees.partners(list(trees.keys(entry["inputs"])), self._found([list(args), kwargs]))
            self._end(call.site, "inputs", names, [list(args), kwargs])
            self._give(call.site)
        output = super()._around(call, compute, args, kwargs)
        if patched or entry is None or not self.straight:
            return output
        names = trees.partners(list(trees.keys(entry["output"])), self._found(output))
        if call.site in self.pulled:
            self._end(call.site, "output", names, output)
            return self._substitute(call.site)
        left = iter(names)
        return trees.map_leaves(
            output, self.adapter.is_tensor, lambda tensor: self._straightened(tensor, next(left)[1])
        )

    def _found(self, value):
        return list(trees.leaves(value, self.adapter.is_tensor))

    def _straightened(self, tensor, key):
        array = None if key is None else self.reference.read(key)
        if array is None or array.dtype.kind != "f" or array.size != int(np.prod(tensor.shape)):
            return tensor
        return self.adapter.through(tensor, array)

    def _end(self, site, part, names, value):
        for (path, _), (_, tensor) in zip(names, self._found(value)):
            key = pullback.known_gradient(self.reference.gradients["sites"], (site, part, path))
            if key is not None:
                self.roots.append((tensor, self.reference.read(key)))

    def _give(self, site):
        gradients = self.reference.gradients
        for inner in [site, *gradients["inside"].get(site, ())]:
            for name, key in gradients["sites"].get(inner, {}).get("state", {}).items():
                if key is not None:
                    self.given[name] = self.given.get(name, 0.0) + self.reference.read(key)

    def _pulled(self, targets):
        reference = self.reference.gradients
        roots = [
            (targets[name], np.ones(tuple(targets[name].shape), np.float32))
            for name in reference["of"]
            if self.adapter.is_tensor(targets.get(name))
        ]
        names = [n for n, (_, _, trainable) in self.model.state.items() if trainable or n in self.thawed]
        names = [name for name in names if name not in self.model.alias_of]
        arrays = self.adapter.pull(roots + self.roots, [self.model.state[name][0] for name in names])
        rows = {}
        for name, array in zip(names, arrays):
            if name in self.given:
                array = self.given[name] + (0.0 if array is None else array)
            key = reference["parameters"].get(name)
            row = measure.pulled_apart(array, None if key is None else self.reference.read(key))
            rows[name] = dict(row, norm=0.0 if array is None else float(np.linalg.norm(array.astype(np.float64))))
        return {"gradients": rows}
