"""Turn the calls and assignments of one run into sites, and their values into stored arrays."""

from __future__ import annotations

import contextlib
import fnmatch
from typing import Any, Callable, ContextManager, Iterator, Sequence

import numpy as np

from ..adapters.adapter import Adapter, Tensor
from ..arrays import trees
from ..arrays.shards import ShardWriter
from ..code import variables
from ..code.lines import Lines
from ..code.rewriting import Place
from ..code.watching import Where
from ..model import attributes
from ..model.build import Model
from ..model.calls import Call, Current
from ..model.draws import Recording
from ..probing.reference import Reference
from .written import Written

MOST_HELD = 4 * 64 << 20  # bytes of tensors that are held so that their ids stay theirs


class Recorder:
    """Turn module calls into sites.

    Attributes: ``sites`` in order of completion (children come before their container), ``calls`` (every call,
    recorded or not, to the call around it), ``variables`` of watched functions in order of assignment, with the
    ``excerpts`` of their lines, and the exceptions that were ``caught`` in these functions. ``draws`` notes random numbers;
    ``left`` is what buffers and parameters held at the end of a run that was ``state_of``, by name, of those that were written;
    ``rewritten`` are the parameters among them, and ``strays`` those that were written too, of which nothing is recorded.
    ``trains``: the step writes parameters, and pulls gradients back through its calls; ``transformed``: see ``calls``.
    """

    def __init__(
        self,
        adapter: Adapter,
        store: ShardWriter,
        lines: Lines,
        include: Sequence[str],
        exclude: Sequence[str],
        progress: Callable[..., None],
    ) -> None:
        self.store = store
        self.draws = Recording(adapter, store.add)
        self.sites: list[dict[str, Any]] = []
        self.calls: dict[str, str | None] = {}
        self.variables: list[dict[str, Any]] = []
        self.excerpts: dict[str, Any] = {}
        self.caught: list[dict[str, Any]] = []
        self.left: dict[str, str] = {}
        self.rewritten: set[str] = set()
        self.strays: set[str] = set()
        self.trains = False
        self.transformed: list[str] = []
        self._written: Written | None = None
        self._model: Model | None = None
        self._lines = lines
        self._adapter = adapter
        self._include = include
        self._exclude = exclude
        self._progress = progress
        self._seen: dict[int, tuple[Tensor, int, str]] = {}  # id of a live tensor -> (it, mutation count, key)
        self._seen_bytes = 0

    def another(self) -> Recorder:
        """Return one for another run, which keeps its arrays in the same place and records the same calls."""
        other = Recorder(self._adapter, self.store, self._lines, self._include, self._exclude, self._progress)
        other.rewritten = self.rewritten | self.strays
        return other

    @contextlib.contextmanager
    def state_of(self, model: Model) -> Iterator[None]:
        """Record what calls find in the state of a model, and leave in it, in the run that is the block."""
        self._written, self._model = Written(model, self.store, self.rewritten), model
        yield
        self.left, self.strays = self._written.finish(), self._written.strays
        if self._adapter.COMPILES:  # its gradients cannot be watched without computing others
            self.trains = any(model.state[name][2] for name in self.rewritten)
        self._written = self._model = None

    def around(self, call: Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Record one call; see ``calls.wrapped``."""
        wanted = self._wanted(call.name)
        self.calls[call.site] = call.parent.site if call.parent else None
        inputs = trees.encode([list(args), kwargs], self._key) if wanted else None
        began = self._written.now(call.module) if self._written and wanted else {}
        had = attributes.held(call.module) if self._model else {}
        output = compute(*args, **kwargs)
        tensors = [tensor for _, tensor in trees.leaves(output, self._adapter.is_tensor)]
        self._adapter.sync(tensors)
        if self.rewritten and not self._adapter.COMPILES:
            for tensor in tensors:
                self._adapter.noting(tensor, self._pulled)
        if wanted:
            entry = {
                "site": call.site,
                "module": call.name,
                "leaf": call.leaf,
                "inputs": inputs,
                "output": trees.encode(output, self._key),
                "state": {},
            }
            if self._written and self._model:
                self._written.note(entry, began, call.module)
                left = attributes.assigned(self._model, call.module, had)
                entry["attributes"] = trees.encode(left, self._key) if left else None
            self.sites.append(entry)
            self._progress(site=call.site)
        return output

    def watching(self, current: Current) -> ContextManager[None]:
        """Record variables while the block runs; see ``calls.wrapped``."""

        def assigned(site: str, place: Place, where: Where, value: Any) -> Any:
            parts = variables.settled_parts(self._adapter, value)
            around = current()
            self.variables.append(
                {
                    "site": site,
                    "kind": place.kind,
                    "around": around.site if around else None,
                    "after": len(self.sites),
                    "place": self._lines.noted(self.excerpts, *where),
                    "value": trees.encode(value, self._part) if parts else {"opaque": variables.label(value)},
                }
            )
            return value

        return self._lines.watching(current, assigned, self._caught)

    def _pulled(self, gradient: Tensor) -> Tensor:
        self.trains = True
        return gradient

    def _caught(self, place: Place, error: BaseException) -> None:
        self.caught.append(self._lines.caught(place, error))

    def _part(self, value: Any) -> str | None:
        if not variables.is_part(self._adapter, value):
            return None
        key = self._key(value)
        return self.store.add(variables.to_array(self._adapter, value)) if key is None else key

    def store_batch(self, value: Any) -> str | None:
        """Return the key of a batch's tensor or numpy array, None for anything else."""
        if isinstance(value, np.ndarray):
            return self.store.add(np.array(value, order="C"))
        return self._key(value)

    def _key(self, value: Any) -> str | None:
        if not self._adapter.is_tensor(value):
            return None
        count = self._adapter.mutation(value)
        if count is None:
            return self.store.add(self._adapter.to_numpy(value), self._adapter.layout(value))
        known = self._seen.get(id(value))
        if known is not None and known[1] == count:
            return known[2]
        array = self._adapter.to_numpy(value)
        key = self.store.add(array)
        self._remember(value, count, key, array.nbytes)
        return key

    def _remember(self, value: Tensor, count: int, key: str, size: int) -> None:
        # Holding the tensor keeps its id from being given to another one; dropping all at times bounds the memory.
        self._seen_bytes += size
        if self._seen_bytes > MOST_HELD:
            self._seen.clear()
            self._seen_bytes = size
        self._seen[id(value)] = (value, count, key)

    def reference(self, batch: dict[str, Any]) -> Reference:
        """Return what was recorded as values to probe the model itself with; it must have been written."""
        sites = {
            e["site"]: {"inputs": e["inputs"], "output": e["output"], "state": e["state"], "inside": {}}
            for e in self.sites
        }
        for call in self.calls:
            module, around = call.partition("#")[0], self.calls[call]
            while around is not None:
                inside = sites[around]["inside"] if around in sites else {}
                inside[module] = inside.get(module, 0) + 1
                around = self.calls[around]
        return Reference(self.store.shards, sites, {}, batch, left=self.left)

    def _wanted(self, name: str) -> bool:
        if self._include and not any(fnmatch.fnmatchcase(name, pattern) for pattern in self._include):
            return False
        return not any(fnmatch.fnmatchcase(name, pattern) for pattern in self._exclude)
