"""What the buffers of calls, and the parameters that the run writes, held when each began and ended, in one run."""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Optional, Tuple

from ..adapters.adapter import Module
from ..arrays.shards import ShardWriter
from ..model.build import Model
from ..model.state import Mark, State

Keys = Dict[str, Optional[str]]  # a tensor to the key of what it holds, None for what it began with


class Written:
    """The state of one run from here on; of a tensor that nobody writes nothing is kept, and nothing copied.

    ``rewritten`` are the parameters to watch. Once it is over, ``strays`` has others that were written: of these nothing is
    recorded, and the run has to be made again.
    """

    def __init__(self, model: Model, store: ShardWriter, rewritten: Collection[str] = ()) -> None:
        self._state = State(model, rewritten)
        self._state.begin()
        self._names = list(self._state.names)
        self.strays: set[str] = set()
        self._store = store
        self._own = model.own
        self._known: Dict[str, Tuple[Mark, Optional[str]]] = {
            name: (self._state.mark(name), None) for name in self._names
        }
        self._counts = {name: self._state.count(name) for name in self._names}
        self._calls: List[Tuple[Dict[str, Any], Keys, Keys]] = []
        self._changed: Dict[str, None] = {}

    def now(self, module: Module) -> Keys:
        """Return what all that is watched holds now; of what does not lie in a module the framework's counter must tell it."""
        self.strays.update(self._state.strays(module))
        inside = set(self._state.inside(module))
        return {
            name: self._key(name) if name in inside or not self._state.count(name).same(count) else self._known[name][1]
            for name, count in self._counts.items()
        }

    def note(self, entry: dict[str, Any], began: Keys, module: Module) -> None:
        """Note what the tensors of a call, and others that it wrote, held when it began, and what they hold now that it ends."""
        inside, ended = set(self._state.inside(module)), self.now(module)
        its = [name for name in began if name in inside or began[name] != ended[name]]
        self._calls.append((entry, {n: began[n] for n in its}, {n: ended[n] for n in its}))

    def finish(self) -> dict[str, str]:
        """Write into each entry noted what its call found and left; return what all that was written holds now.

        What no call finds or leaves otherwise than it was at first is of no call.
        """
        left = {name: self._key(name) for name in self._names}
        self.strays.update(self._state.rewritten())
        moved = {name for _, *both in self._calls for keys in both for name, key in keys.items() if key is not None}
        for entry, began, ended in self._calls:
            entry["state"] = {n: [self._stored(n, keys[n]) for keys in (began, ended)] for n in began if n in moved}
        return {name: self._stored(name, key) for name, key in left.items() if self._was(name)}

    def _was(self, name: str) -> bool:
        return name in self._changed

    def _key(self, name: str) -> str | None:
        self._counts[name] = self._state.count(name)
        mark, key = self._state.mark(name), self._known[name][1]
        if mark.same(self._known[name][0]):
            return key
        array = self._state.read(name)
        key = key if array is None else self._store.add(array)
        self._known[name] = (mark, key)
        self._changed[name] = None
        return key

    def _stored(self, name: str, key: str | None) -> str:
        return self._store.add(self._own[name]) if key is None else key
