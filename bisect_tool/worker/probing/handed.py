"""What a call is handed beside what the reference's call was: which tensor is which, paired as in a forced pass.

On the way back more has to be known than on the way forward: of two tensors that could change places, each gets another
gradient. So a pair counts only where no other one would do as well.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from ..adapters.adapter import Adapter, Tensor
from ..arrays import trees
from . import arguments
from .boundaries import Recorded, is_alike, paired
from .reference import Reference

Change = Callable[[Tensor, Optional[Recorded]], Tensor]  # of a tensor and its partner
Plain = Dict[str, Any]  # path by name -> a number or a word


class Handed:
    """The arguments of one call of the port, by name, beside those of the recorded call ``site``."""

    def __init__(
        self, adapter: Adapter, reference: Reference, site: str, compute: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        self._adapter = adapter
        self._reference = reference
        self._compute = compute
        self._entry = reference.sites[site]
        names = arguments.parameters(compute)
        self._ours: List[str] = self._entry.get("arguments", names)  # a model beside itself has its own
        self._handed = arguments.named(compute, args, kwargs)
        self._found = list(trees.leaves(self._handed.by_name, adapter.is_tensor))
        self._wanted = [
            Recorded(arguments.recorded(self._ours, path), path, key, reference.shape(key))
            for path, key in trees.keys(self._entry["inputs"])
        ]
        tensors = dict(self._found)
        shapes = [(path, tuple(map(int, tensor.shape))) for path, tensor in self._found]
        pairs, guessed = paired(
            shapes, self._wanted, lambda path, one: is_alike(adapter.to_numpy(tensors[path]), reference.read(one.key))
        )
        self.partners = {path: self._wanted[index] for path, index in pairs.items()}
        self.sure = {
            path: one.path
            for path, one in self.partners.items()
            if path not in guessed and _fit(dict(shapes)[path], one)
        }

    def tensors(self) -> Iterator[Tuple[str, Tensor]]:
        """Yield (recorded path, tensor) of all that surely stands for something recorded."""
        return ((self.sure[path], tensor) for path, tensor in self._found if path in self.sure)

    def loose(self) -> List[Tensor]:
        """Return the tensors that stand for nothing recorded, as far as is known."""
        return [tensor for path, tensor in self._found if path not in self.sure]

    def missing(self) -> List[str]:
        """Return the recorded paths that nothing surely stands for."""
        known = set(self.sure.values())
        return [one.path for one in self._wanted if one.path not in known]

    def call(self, change: Change) -> Tuple[Any, Any]:
        """Return (args, kwargs) with ``change`` made to each tensor, and the reference's numbers, as in a forced pass."""
        paths = iter([path for path, _ in self._found])

        def each(tensor: Tensor) -> Tensor:
            path = next(paths)
            return change(tensor, self.partners.get(path) if path in self.sure else None)

        numbers = {name: value for name, value in self._recorded().items() if not isinstance(value, str)}
        given = trees.map_leaves(self._handed.by_name, self._adapter.is_tensor, each)
        known = {name: value for name, value in numbers.items() if _is_number(given.get(name))}
        return self._handed.call({**given, **known})

    def is_set_otherwise(self) -> bool:
        """Tell whether the call is handed other numbers or words than the reference's, that ``call`` does not put right.

        What one side leaves out is what the port has for it otherwise.
        """
        ours, theirs, default = self._recorded(), self._plain(), _defaults(self._compute)
        put_right = {name for name in ours if _is_number(ours[name]) and _is_number(self._handed.by_name.get(name))}
        known = {name for name in self._ours if name in default} | ours.keys()
        return any(
            theirs.get(name, default.get(name, ours.get(name))) != ours.get(name, default.get(name))
            for name in (ours.keys() | theirs.keys()) & known - put_right
            if not self._is_tensor(name)
        )

    def _is_tensor(self, name: str) -> bool:
        """Tell whether one of the sides has a tensor there."""
        return any(name == path for path, _ in self._found) or any(name == one.name for one in self._wanted)

    def _recorded(self) -> Plain:
        ends = trees.ends(self._entry["inputs"])
        return {
            arguments.recorded(self._ours, path): content
            for path, kind, content in ends
            if kind == "scalar" and isinstance(content, (bool, int, float, str))
        }

    def _plain(self) -> Plain:
        return dict(trees.leaves(self._handed.by_name, lambda part: isinstance(part, (bool, int, float, str))))


def _fit(shape: Tuple[int, ...], one: Recorded) -> bool:
    """Tell whether the port has a recorded value as it is, but for axes of one place: else it is written otherwise."""
    return [side for side in shape if side != 1] == [side for side in one.shape if side != 1]


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float))


def _defaults(compute: Callable[..., Any]) -> Plain:
    try:
        found = inspect.signature(compute).parameters
    except (TypeError, ValueError):  # one that is not written in Python
        return {}
    kinds = (bool, int, float, str)
    return {name: one.default for name, one in found.items() if isinstance(one.default, kinds)}
