"""What the buffers of calls held when each began and ended, in one run."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from ..adapters.adapter import Module
from ..arrays.shards import ShardWriter
from ..model.buffers import Buffers, Mark
from ..model.build import Model

Keys = Dict[str, Optional[str]]  # a buffer to the key of what it holds, None for what it began with


class Written:
    """The buffers of one run from here on; of one that nobody writes nothing is kept, and nothing copied."""

    def __init__(self, model: Model, store: ShardWriter) -> None:
        self._buffers = Buffers(model)
        self._store = store
        self._own = model.own
        self._known: Dict[str, Tuple[Mark, Optional[str]]] = {
            name: (self._buffers.mark(name), None) for name in self._buffers.names
        }
        self._counts = {name: self._buffers.count(name) for name in self._buffers.names}
        self._calls: List[Tuple[Dict[str, Any], Keys, Keys]] = []
        self._changed: Dict[str, None] = {}

    def now(self, module: Module) -> Keys:
        """Return what all buffers hold now; of those that do not lie in a module the framework's counter must tell it."""
        inside = set(self._buffers.inside(module))
        return {
            name: self._key(name)
            if name in inside or not self._buffers.count(name).same(count)
            else self._known[name][1]
            for name, count in self._counts.items()
        }

    def note(self, entry: dict[str, Any], began: Keys, module: Module) -> None:
        """Note what the buffers of a call, and others that it wrote, held when it began, and what they hold now that it ends."""
        inside, ended = set(self._buffers.inside(module)), self.now(module)
        its = [name for name in began if name in inside or began[name] != ended[name]]
        self._calls.append((entry, {n: began[n] for n in its}, {n: ended[n] for n in its}))

    def finish(self) -> dict[str, str]:
        """Write into each entry noted what its call found and left; return what all buffers that were written hold now."""
        left = {name: self._key(name) for name in self._buffers.names}
        for entry, began, ended in self._calls:
            entry["state"] = {n: [self._stored(n, keys[n]) for keys in (began, ended)] for n in began if self._was(n)}
        return {name: self._stored(name, key) for name, key in left.items() if self._was(name)}

    def _was(self, name: str) -> bool:
        return name in self._changed

    def _key(self, name: str) -> str | None:
        self._counts[name] = self._buffers.count(name)
        mark, key = self._buffers.mark(name), self._known[name][1]
        if mark.same(self._known[name][0]):
            return key
        array = self._buffers.read(name)
        key = key if array is None else self._store.add(array)
        self._known[name] = (mark, key)
        self._changed[name] = None
        return key

    def _stored(self, name: str, key: str | None) -> str:
        return self._store.add(self._own[name]) if key is None else key
