"""A whole backward pass: the gradients of the parameters, with the reference's values on the way forward.

A call that is *severed* has its own code pass the reference's gradients on: its inputs get what the reference's call
contributes to them, its parameters too, and each call inside it gets the reference's gradient at its output, from where
its own code pulls back. At a call that is *pulled* all that comes after is given the reference's gradient. To code that is
*corrected* is added what it lacks of the reference's gradients, see ``corrections``. So whoever is at fault can be put right,
or be the only one that is not.
"""

from __future__ import annotations

import contextlib
import math
from types import MappingProxyType
from typing import Any, Callable, Collection, Iterable, Mapping, Tuple

import numpy as np

from ..adapters.adapter import Tensor
from ..arrays import Array, measure, trees
from ..failures import RecipeError
from ..model.calls import Call
from . import assigned, forward
from .boundaries import Recorded
from .comparing import named
from .handed import Handed
from .names import Name
from .pieces import of_one
from .probe import Probe


def read(
    probe: Probe,
    straight: Collection[str] = (),
    pulled: Collection[str] = (),
    severed: Collection[str] = (),
    thawed: Collection[str] = (),
    tied: Mapping[str, str] = MappingProxyType({}),
    corrections: Mapping[Name, Array] = MappingProxyType({}),
) -> dict[str, Any]:
    """Run once and return the reading, with ``gradients``: {parameter: its gradient compared}.

    ``straight``: calls whose value is replaced by the reference's, while gradients go their own way. ``thawed``: parameters
    that take gradients although the port froze them. ``tied``: a parameter to another one, which is given its gradient too.
    ``pulled``, ``severed`` and ``corrections``: see above.
    """
    whole = Whole(probe, straight, pulled, severed, thawed, tied, corrections)
    with contextlib.ExitStack() as stack:
        stack.enter_context(probe.adapter.numpy_reads_all())
        for name in thawed:
            stack.enter_context(probe.adapter.unfrozen(probe.model.state[name][0]))
        return probe.read(whole.around, whole.pull, assigned.watching(probe))


class Whole:
    """The backward pass of one run: where it starts beside the targets, and what it is given on the way; see ``read``."""

    def __init__(
        self,
        probe: Probe,
        straight: Collection[str],
        pulled: Collection[str],
        severed: Collection[str],
        thawed: Collection[str],
        tied: Mapping[str, str],
        corrections: Mapping[Name, Array],
    ) -> None:
        self._probe = probe
        self._adapter = probe.adapter
        self._reference = probe.reference
        self._straight = set(straight)
        self._pulled = set(pulled)
        self._severed = set(severed)
        self._thawed = set(thawed)
        self._tied = tied
        self._corrections = corrections
        self._roots: list[tuple[Tensor, Array]] = []
        # Parameter -> what is added: the reference's gradient of the calls that are severed, what corrected ones lack of it.
        self._given: dict[str, Any] = {}
        for (_, part, name), array in corrections.items():
            if part == "state":
                self._given[name] = self._given.get(name, 0.0) + array

    def around(self, call: Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Compute or replace one call, and let it pass on what is asked of it; see ``calls.wrapped``."""
        entry = self._reference.sites.get(call.site)
        severed, inside = call.site in self._severed, self._is_inside(call)
        if severed or (entry is not None and (inside or call.site in self._pulled)):
            handed = Handed(self._adapter, self._reference, call.site, compute, args, kwargs)
            if severed:
                self._end(call.site, "inputs", handed.tensors())
                self._give(call.site)
            args, kwargs = handed.call(self._cut if severed or inside else self._put)
        if not severed and not inside:
            self._correct(call.site, "inputs", lambda: self._handed(call.site, compute, args, kwargs))
        # Code that switches gradients off around a call is severed: its calls pull back all the same.
        with self._adapter.with_gradients() if inside else contextlib.nullcontext():
            output = forward.around(self._probe, call, compute, args, kwargs)
        if entry is None:
            return output
        if (call.site in self._pulled or inside) and not severed:  # else its own code would give that once more
            self._end(call.site, "output", named(self._adapter, self._reference, entry["output"], output))
        if call.site in self._pulled or severed or inside:
            return self._anew(call.site, entry["output"], output)
        self._correct(call.site, "output", lambda: named(self._adapter, self._reference, entry["output"], output))
        return self._straightened(entry["output"], output) if call.site in self._straight else output

    def _handed(self, site: str, compute: Callable[..., Any], args: Any, kwargs: Any) -> Iterable[Tuple[str, Tensor]]:
        return Handed(self._adapter, self._reference, site, compute, args, kwargs).tensors()

    def _correct(self, site: str, part: str, tensors: Callable[[], Iterable[Tuple[str, Tensor]]]) -> None:
        """Let what the code at fault lacks be added to the gradient of each tensor that it passes one to."""
        wanted = [path for own, kind, path in self._corrections if (own, kind) == (site, part)]
        for path, tensor in tensors() if wanted else ():
            if path in wanted and self._adapter.has_path(tensor):
                array = self._corrections[site, part, path]
                self._roots.append((tensor, array.reshape(tuple(map(int, tensor.shape)))))

    def _is_inside(self, call: Call) -> bool:
        """Tell whether the code that makes a call is that of a severed one, or of what only the port has in it."""
        around = call.parent
        while around is not None and around.site not in self._reference.sites:
            around = around.parent
        return around is not None and around.site in self._severed

    def _cut(self, tensor: Tensor, partner: Recorded | None) -> Tensor:
        """Return the reference's value of an input, where another graph begins if it had a path: code may go by that.

        What a severed call hands over may be off, and would give what is handed it another gradient.
        """
        values = self._value(tensor, partner and partner.key)
        if self._adapter.has_path(tensor):
            return self._adapter.leaf(tensor, values)[1]
        return self._adapter.detached(tensor) if values is None else self._probe.put_at(tensor, values)

    def _put(self, tensor: Tensor, partner: Recorded | None) -> Tensor:
        """Return the reference's value of an input, whose gradient goes its own way."""
        values = self._value(tensor, partner and partner.key)
        if values is None:
            return tensor
        if self._adapter.has_path(tensor) and values.dtype.kind in "fc":
            return self._adapter.through(tensor, values)
        return self._probe.put_at(tensor, values)

    def _value(self, tensor: Tensor, key: str | None) -> Array | None:
        values = None if key is None else self._reference.fitting(key, tensor)
        return None if values is None else values.reshape(tuple(map(int, tensor.shape)))

    def _anew(self, site: str, tree: dict[str, Any], output: Any) -> Any:
        """Return the reference's output of a call, in the port's own structure, which its code reads.

        Another graph begins there if a gradient is known; there is none behind it. Else it takes gradients where the port's
        own does, which come to nothing.
        """

        def begin(tensor: Tensor, path: str | None, key: str | None) -> Tensor:
            mine, values = self._adapter.detached(tensor), self._value(tensor, key)
            given = mine if values is None else self._probe.put_at(mine, values)
            known = path is not None and self._reference.has_gradient((site, "output", path))
            if known:
                return self._adapter.leaf(given)[1]
            return self._adapter.taking_gradients(given) if self._adapter.has_path(tensor) else given

        return self._each(tree, output, begin)

    def _straightened(self, tree: dict[str, Any], output: Any) -> Any:
        def through(tensor: Tensor, _path: str | None, key: str | None) -> Tensor:
            array = None if key is None else self._reference.fitting(key, tensor)
            return tensor if array is None or array.dtype.kind not in "fc" else self._adapter.through(tensor, array)

        return self._each(tree, output, through)

    def _each(self, tree: dict[str, Any], output: Any, change: Callable[..., Tensor]) -> Any:
        """Return an output with a change made to each tensor: of it, and the recorded path and key that it stands for."""
        left = iter(self._reference.partners(tree, list(trees.leaves(output, self._adapter.is_tensor))))
        return trees.map_leaves(output, self._adapter.is_tensor, lambda tensor: change(tensor, *next(left)))

    def _end(self, site: str, part: str, tensors: Iterable[Tuple[str, Tensor]]) -> None:
        for path, tensor in tensors:
            gradient, shape = self._reference.gradient((site, part, path)), tuple(map(int, tensor.shape))
            if gradient is not None and gradient.size != math.prod(shape):
                said = "the %s of %s has shape %s here, and the reference's gradient there %s"
                raise RecipeError(said % (part, site, list(shape), list(gradient.shape)))
            if gradient is not None:
                self._roots.append((tensor, gradient))

    def _give(self, site: str) -> None:
        for name, key in self._reference.gradients["sites"].get(site, {}).get("state", {}).items():
            if key is not None:
                self._given[name] = self._given.get(name, 0.0) + self._reference.read(key)

    def pull(self, targets: Mapping[str, Any]) -> dict[str, Any]:
        """Return the gradients of the parameters, compared."""
        wanted = self._reference.gradients["of"]
        of = [name for name in wanted if self._adapter.is_tensor(targets.get(name))]
        if not of:
            raise RecipeError("step returns plain numbers for %s: gradients need the tensors" % ", ".join(wanted))
        roots = [(targets[name], of_one(targets[name])) for name in of]
        state = self._probe.model.state
        trained = [name for name, (_, _, trainable) in state.items() if trainable or name in self._thawed]
        names = [name for name in trained if name not in self._probe.model.alias_of]
        arrays = self._adapter.pull(roots + self._roots, [state[name][0] for name in names])
        found = {name: self._with_given(name, array) for name, array in zip(names, arrays)}
        for copy, first in self._tied.items():
            found[first] = _sum(found.get(first), found.get(copy))
        return {"gradients": {name: self._row(name, array) for name, array in found.items()}}

    def _with_given(self, name: str, array: Array | None) -> Array | None:
        return _sum(self._given.get(name), array)

    def _row(self, name: str, array: Array | None) -> dict[str, Any]:
        key = self._reference.gradients["parameters"].get(name)
        row = measure.pulled_apart(array, None if key is None else self._reference.read(key))
        return dict(row, norm=0.0 if array is None else float(np.linalg.norm(array.astype(np.float64))))


def _sum(left: Array | None, right: Array | None) -> Array | None:
    if left is None or right is None:
        return right if left is None else left
    total: Array = left + right
    return total
