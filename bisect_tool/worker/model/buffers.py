"""A model's buffers while it runs: which a call may write, what each holds, and whether it was written meanwhile."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional

from ..adapters.adapter import Module
from ..arrays import Array, measure
from .build import Model

MOST_HASHED = 1 << 16  # bytes: of a larger one the framework's own counter tells, which code can get around


class Mark(NamedTuple):
    """What tells that a buffer was written: the tensor that it is with its count, or a hash of what it holds."""

    tensor: Any
    said: Any

    def same(self, other: Mark | None) -> bool:
        """Tell whether nothing was written between two marks."""
        return other is not None and self.tensor is other.tensor and self.said == other.said


class Buffers:
    """The buffers of a model, by the first of their names; read from the modules, which may assign others meanwhile."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._adapter = model.adapter
        self.names = [n for n, (_, kind, _) in model.state.items() if kind == "buffer" and n not in model.alias_of]
        self._inside: Dict[int, List[str]] = {}

    def inside(self, module: Module) -> list[str]:
        """Return the buffers of a module and of all modules in it."""
        found = self._inside.get(id(module))
        if found is None:
            name = next(name for name, each, _ in self._model.tree if each is module)
            prefix = "%s." % name if name else ""
            lying = {self._model.alias_of.get(n, n) for n in self._model.state if n.startswith(prefix)}
            found = self._inside[id(module)] = [n for n in self.names if n in lying]
        return found

    def mark(self, name: str) -> Mark:
        """Return what tells later whether a buffer was written since."""
        tensor = self._held(name)
        if tensor is None:
            return Mark(None, None)
        count = self._adapter.mutation(tensor)
        if count is not None and self._model.own[name].nbytes > MOST_HASHED:
            return Mark(tensor, count)
        array = self._adapter.to_numpy(tensor)
        return Mark(None, (array.shape, measure.digest(array)))

    def count(self, name: str) -> Mark:
        """Return what the framework's counter tells, where there is one: next to nothing to look at."""
        tensor = self._held(name)
        return Mark(tensor, None if tensor is None else self._adapter.mutation(tensor))

    def read(self, name: str) -> Optional[Array]:
        """Return what a buffer holds, None where it is no tensor any more."""
        tensor = self._held(name)
        return None if tensor is None else self._adapter.to_numpy(tensor)

    def write(self, name: str, array: Array) -> None:
        """Let a buffer hold an array's values; one of another shape takes the place of its tensor."""
        tensor, (module, key) = self._held(name), self._model.owner[name]
        try:
            if tensor is not None:
                self._adapter.write(tensor, array)
                return
        except ValueError:
            pass
        like = self._model.state[name][0]
        new = self._adapter.cast(self._adapter.from_numpy(array, like=like), self._adapter.dtype(like))
        self._adapter.hold(module, key, new)

    def _held(self, name: str) -> Any:
        return self._adapter.held(*self._model.owner[name])
