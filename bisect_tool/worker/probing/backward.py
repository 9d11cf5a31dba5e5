"""A whole backward pass: the gradients of the parameters, with the reference's values on the way forward.

A call that is *severed* has its own code pass the reference's gradients on: its inputs get what the reference's call
contributes to them, its parameters too, and each call inside it gets the reference's gradient at its output, from where
its own code pulls back. At a call that is *pulled* all that comes after is given the reference's gradient. So whoever is at
fault can be put right, or be the only one that is not, and no other fault is hidden.
"""

import contextlib

import numpy as np

from ..arrays import measure, trees
from ..model import build
from . import probe, pullback


class Backward(probe.Probe):
    """One run with its backward pass.

    ``straight``: calls whose value is replaced by the reference's, while gradients go their own way. ``thawed``: parameters
    that take gradients although the port froze them. ``pulled`` and ``severed``: see above.
    """

    def __init__(self, *args, straight=(), pulled=(), severed=(), thawed=(), **how):
        super().__init__(*args, **how)
        self.straight = set(straight)
        self.pulled = set(pulled)
        self.severed = set(severed)
        self.thawed = set(thawed)
        self.roots = []
        self.given = {}  # parameter -> the reference's gradient, of the calls that are severed

    def run(self):
        """Return the reading, with ``gradients``: {parameter: its gradient compared}."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.adapter.numpy_reads_all())
            for name in self.thawed:
                stack.enter_context(self.adapter.unfrozen(self.model.state[name][0]))
            return super().run()

    def _around(self, call, compute, args, kwargs):
        entry = self.reference.sites.get(call.site)
        inside = call.parent is not None and call.parent.site in self.severed
        if call.site in self.severed:
            names = self._partners(entry["inputs"], [list(args), kwargs])
            self._end(call.site, "inputs", names, [list(args), kwargs])
            self._give(call.site)
        if call.site in self.severed or inside:
            args, kwargs = trees.map_leaves([list(args), kwargs], self.adapter.is_tensor, self.adapter.detached)
        # Code that switches gradients off around a call is severed: its calls pull back all the same.
        with self.adapter.with_gradients() if inside else contextlib.nullcontext():
            output = super()._around(call, compute, args, kwargs)
        if entry is None:
            return output
        names = self._partners(entry["output"], output)
        if call.site in self.pulled or inside:
            self._end(call.site, "output", names, output)
        if call.site in self.pulled | self.severed or inside:
            return self._substitute(call.site)
        if call.site not in self.straight:
            return output
        left = iter(names)
        return trees.map_leaves(
            output, self.adapter.is_tensor, lambda tensor: self._straightened(tensor, next(left)[1])
        )

    def _straightened(self, tensor, key):
        array = None if key is None else self.reference.read(key)
        if array is None or array.dtype.kind != "f" or array.size != int(np.prod(tensor.shape)):
            return tensor
        return self.adapter.through(tensor, array)

    def _end(self, site, part, names, value):
        for (path, _), (_, tensor) in zip(names, self._tensors(value)):
            gradient = self.reference.gradient((site, part, path))
            if gradient is not None:
                self.roots.append((tensor, gradient))

    def _give(self, site):
        for name, key in self.reference.gradients["sites"].get(site, {}).get("state", {}).items():
            if key is not None:
                self.given[name] = self.given.get(name, 0.0) + self.reference.read(key)

    def _pulled(self, targets):
        reference = self.reference.gradients
        of = [name for name in reference["of"] if self.adapter.is_tensor(targets.get(name))]
        if not of:
            raise build.RecipeError(
                "step returns plain numbers for %s: gradients need the tensors" % ", ".join(reference["of"])
            )
        roots = [(targets[name], pullback.of_one(targets[name])) for name in of]
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
