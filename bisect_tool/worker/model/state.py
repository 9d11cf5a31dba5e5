"""A model's state while it runs: what its buffers hold, and those of its parameters that code writes, and who wrote one."""

from __future__ import annotations

from typing import Any, Collection, Dict, List, NamedTuple, Optional

from ..adapters.adapter import Module
from ..arrays import Array, measure
from .build import Model

MOST_HASHED = 1 << 16  # bytes: of a larger one the framework's own counter tells, its memory, and some of its numbers
SAMPLED = 1 << 10  # numbers


class Mark(NamedTuple):
    """What tells that a tensor was written: which it is, what is said of it, and what keeps its memory from another one."""

    tensor: Any
    said: Any
    memory: Any = None

    def same(self, other: Mark | None) -> bool:
        """Tell whether nothing was written between two marks."""
        return other is not None and self.tensor is other.tensor and self.said == other.said


class State:
    """A model's tensors by the first of their names; read from the modules, which may be assigned others meanwhile.

    ``names`` are those that are watched: buffers, and the parameters that are known to be written. Parameters are large, and
    most runs write none: of all others it is only looked whether a call begins or ends with another one (see ``strays``).
    """

    def __init__(self, model: Model, written: Collection[str] = ()) -> None:
        self._model = model
        self._adapter = model.adapter
        firsts = [name for name in model.state if name not in model.alias_of]
        self.names = [name for name in firsts if model.state[name][1] == "buffer" or name in written]
        self._unwatched = [name for name in firsts if name not in set(self.names)]
        self._others: Dict[str, Mark] = {}
        self._inside: Dict[int, List[str]] = {}
        self._of: Dict[int, List[str]] = {}

    def begin(self) -> None:
        """Take what is held now as what the run begins with."""
        self._others = {name: self.glance(name) for name in self._unwatched}

    def inside(self, module: Module) -> list[str]:
        """Return the watched tensors of a module and of all modules in it."""
        found = self._inside.get(id(module))
        if found is None:
            lying = self._model.lying.get(id(module), ())
            found = self._inside[id(module)] = [name for name in self.names if name in lying]
        return found

    def strays(self, module: Module | None = None) -> list[str]:
        """Watch the other parameters of a module's own, or of all, that were written since the run began; return them."""
        found = [name for name in self._own(module) if not self.glance(name).same(self._others[name])]
        return self.watch(found)

    def watch(self, names: Collection[str]) -> list[str]:
        """Watch some more; return those that are new."""
        found = [name for name in names if self._others.pop(name, None) is not None]
        if found:
            self.names += found
            self._inside.clear()
        return found

    def rewritten(self) -> list[str]:
        """Return the parameters that are not watched and hold another value than the model's own."""
        held = {name: self.read(name) for name in self._others}
        return [name for name, array in held.items() if array is None or not same(array, self._model.own[name])]

    def mark(self, name: str) -> Mark:
        """Return what tells later whether a tensor was written since."""
        tensor = self._held(name)
        if tensor is None:
            return Mark(None, None)
        if self._adapter.mutation(tensor) is not None and self._model.own[name].nbytes > MOST_HASHED:
            return self.glance(name)
        array = self._adapter.to_numpy(tensor)
        return Mark(None, (array.shape, measure.digest(array)))

    def glance(self, name: str) -> Mark:
        """Return what costs next to nothing to look at: the framework's counter, where it lies, and some of its numbers."""
        counted = self.count(name)
        if counted.tensor is None:
            return counted
        some = measure.digest(self._adapter.sample(counted.tensor, SAMPLED))
        return counted._replace(said=(counted.said, some))

    def count(self, name: str) -> Mark:
        """Return what the framework's counter tells, and where it lies."""
        tensor = self._held(name)
        if tensor is None:
            return Mark(None, None)
        address, memory = self._adapter.memory(tensor)
        return Mark(tensor, (self._adapter.mutation(tensor), address), memory)

    def read(self, name: str) -> Optional[Array]:
        """Return what is held, None where it is no tensor any more."""
        tensor = self._held(name)
        return None if tensor is None else self._adapter.to_numpy(tensor)

    def write(self, name: str, array: Array) -> None:
        """Let an array's values be held; one of another shape takes the place of the tensor.

        What holds them already is not written: a backward pass may still need it as it is.
        """
        tensor, (module, key) = self._held(name), self._model.owner[name]
        if tensor is not None and same(self._adapter.to_numpy(tensor), array):
            return
        try:
            if tensor is self._model.state[name][0]:
                self._adapter.write_apart(tensor, self._model.kept[name], array)
                return
            if tensor is not None:
                self._adapter.write(tensor, array)
                return
        except ValueError:
            pass
        like = self._model.state[name][0]
        new = self._adapter.cast(self._adapter.from_numpy(array, like=like), self._adapter.dtype(like))
        self._adapter.hold(module, key, new)

    def _own(self, module: Module | None) -> list[str]:
        if module is None:
            return list(self._others)
        found = self._of.get(id(module))
        if found is None:
            names = (name for name, _ in self._model.state_of.get(id(module), ()))
            found = self._of[id(module)] = [self._model.alias_of.get(name, name) for name in names]
        return [name for name in found if name in self._others]

    def _held(self, name: str) -> Any:
        return self._adapter.held(*self._model.owner[name])


def same(one: Array, other: Array) -> bool:
    """Tell whether two arrays are the same to the bit."""
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()
