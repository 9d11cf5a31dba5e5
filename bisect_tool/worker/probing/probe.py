"""One run of a model under an intervention: all that is the same whatever happens at a call.

What happens there is a function of its own, ``around`` (see ``calls.wrapped``): a plain run (``forward``), one with a whole
backward pass (``whole``), or one in pieces (``pieces``, ``statements``).
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, Callable, ContextManager, Dict, Iterator, Mapping, Tuple, TypeVar

import numpy as np

from ..adapters.adapter import Module, Tensor
from ..arrays import Array, measure, trees
from ..code.lines import Lines
from ..model import attributes, calls
from ..model.build import Model
from ..model.state import State
from ..wire import Wire
from . import own
from .intervention import Intervention
from .reference import Reference

Watching = Callable[[calls.Current], ContextManager[None]]  # who looks at variables
Memory = Dict[str, Tuple[Any, Dict[str, int]]]  # site -> (its value, see ``own.kept``; what was called inside)
T = TypeVar("T")


def no_gradients(_targets: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the reading of a run without a backward pass says of gradients."""
    return {}


class Probe:
    """What one run holds, and what it finds; every field of its reading comes from this one run.

    Raises ValueError where the intervention names what is neither a site nor a parameter or buffer.
    """

    def __init__(
        self,
        model: Model,
        reference: Reference,
        wire: Wire,
        asked: Intervention,
        memory: Memory | None = None,
        lines: Lines | None = None,
    ) -> None:
        self.model = model
        self.adapter = model.adapter
        self.reference = reference
        self.wire = wire
        self.asked = asked
        self.memory: Memory = {} if memory is None else memory
        self.lines = lines
        self.sites = {site for site in asked.patch if site in reference.sites}
        self.state = {name for name in asked.patch if name in model.state}
        self.receipts: dict[str, Any] = {}
        self.watched: dict[str, dict[str, Any]] = {}
        self.handed: dict[str, dict[str, list[tuple[str, Array]]]] = {}  # site -> its own inputs and output
        self.calls: list[list[Any]] = []
        self.digests: dict[str, str] = {}  # of what each call gave, where that is asked for
        self.counts: dict[str, int] = {}
        self.aside = False  # while a call is computed once more, in float64: nobody looks then
        self.contents = State(model, reference.left)
        # A step that trains needs a path for gradients through every call, whatever value that passes on.
        self.trains = any(model.state[name][2] for name in reference.left if name in model.state)
        self._put: dict[str, str] = {}  # the receipts of what was put: code may write it before anything reads it
        unknown = (set(asked.patch) - self.sites - self.state) | (set(asked.keep) - set(self.memory))
        if unknown:
            raise ValueError("no such site in the port: %s" % ", ".join(sorted(unknown)))

    def read(
        self,
        around: calls.Around,
        pulled: Callable[[Mapping[str, Any]], dict[str, Any]] = no_gradients,
        watching: Watching | None = None,
    ) -> dict[str, Any]:
        """Run once; return the reading: targets, receipts, watched differences, calls, new kernels and seconds.

        ``pulled(targets)`` is called as soon as the targets are there, and returns what the reading has of gradients.
        ``watching`` says who looks at variables; see ``calls.wrapped``.
        """
        before = self.adapter.kernels()
        start = time.perf_counter()
        try:
            self._write_state()
            self.contents.begin()
            batch = own.batch(self.model, self.reference)
            with calls.wrapped(self.adapter, self.model.tree, around, watching) as self.counts:
                targets, unread = self._step(batch)
                values, problems = self.model.read_targets(targets)
                gradients = pulled(targets)
            standing = {name: self._put[name] for name in self.state - set(self.receipts)}
        finally:
            self.model.restore()
        after = self.adapter.kernels()
        return {
            "targets": values,
            "not_scalar": problems,
            "receipts": self.receipts,
            "standing": standing,
            "watched": self.watched,
            "calls": self.calls,
            "draws": self.model.draws.reading(),
            "digests": self.digests,
            "transformed": calls.transformed(),
            "unread": unread,
            "kernels": None if before is None or after is None else after - before,
            "seconds": time.perf_counter() - start,
            **gradients,
        }

    def _step(self, batch: Any) -> tuple[dict[str, Any], list[str]]:
        """Run the step; return its targets, and the patched parameters of called modules that no operation has read."""
        held = {name: self.model.state[name][0] for name in self.state}
        was_read = self.adapter.looking_at(list(held.values()))
        targets = self.model.run_step(batch)
        return targets, sorted(name for name in self.receipts if name in held and was_read(held[name]) is False)

    def broken_off(self) -> dict[str, Any]:
        """Return the reading of a run that raised: what there is of it up to there, and no targets."""
        return {
            "targets": {},
            "not_scalar": {},
            "receipts": self.receipts,
            "standing": {},
            "watched": {site: rows for site, rows in self.watched.items() if "output" in rows},
            "calls": self.calls,
            "draws": self.model.draws.reading(),
            "digests": self.digests,
            "transformed": calls.transformed(),
            "kernels": None,
            "seconds": 0.0,
        }

    def sign(self, module: Module) -> None:
        """Give receipts for the parameters of a module that was called."""
        for name, _ in self.model.state_of.get(id(module), ()):
            if name in self.state and name not in self.receipts:
                self.receipts[name] = self._put[name]

    def computed(self, site: str, output: Any) -> None:
        """Note that a call was computed: what it gave, and in which containers and dtypes."""
        # A value of the reference is put into the port's own containers, in the dtype that the port had there.
        if site in self.reference.sites and site not in self.model.templates:
            self.model.templates[site] = own.dtypes(self.adapter, output)
        found = list(trees.leaves(output, self.adapter.is_tensor))
        self.adapter.sync([tensor for _, tensor in found])
        self.calls.append([site, [[path, list(tensor.shape)] for path, tensor in found]])
        if self.asked.digests:
            self.digests[site] = " ".join(measure.digest(self.adapter.to_numpy(tensor)) for _, tensor in found)

    def skip(self, inside: Mapping[str, int]) -> None:
        """Count the calls inside one that is not computed, so that later ones keep their numbers."""
        for module, number in inside.items():
            self.counts[module] = self.counts.get(module, 0) + number

    def put_at(self, tensor: Tensor, array: Array) -> Tensor:
        """Return a tensor with an array's values in the place of the model's own; it takes gradients where that did."""
        new, takes = self.adapter.cast(self.tensor(array), self.adapter.dtype(tensor)), self.adapter.has_path(tensor)
        if not self.trains:
            return self.adapter.taking_gradients(new) if takes else new
        fits = array.dtype.kind in "fc" and tuple(tensor.shape) == array.shape
        return self.adapter.through(tensor, array) if takes and fits else new

    def instead_of(self, site: str, output: Any) -> Any:
        """Return the reference's output of a call that was computed, and give a receipt for it."""
        given = self.substitute(site)
        if not self.trains:
            return given
        found, left = (
            dict(trees.leaves(output, self.adapter.is_tensor)),
            iter(trees.leaves(given, self.adapter.is_tensor)),
        )

        def put(tensor: Tensor) -> Tensor:
            mine = found.get(next(left)[0])
            return tensor if mine is None else self.put_at(mine, self.adapter.to_numpy(tensor))

        return trees.map_leaves(given, self.adapter.is_tensor, put)

    def substitute(self, site: str) -> Any:
        """Return the reference's output of a call, and give a receipt for it."""
        digests = {}

        def load(key: str, mine: own.Own | None) -> Tensor:
            array = self.reference.read(key)
            written = array if mine is None else own.written(array, mine.shape, mine.kind)
            tensor = self.tensor(written)
            digests[key] = self._receipt(tensor, array, written)
            return tensor

        value = own.filled(self.model, self.reference, site, load)
        # In the order of what was recorded, whatever the order of the model's own containers.
        self.receipts[site] = [digests[key] for _, key in trees.keys(self.reference.sites[site]["output"])]
        return value

    def tensor(self, array: Array) -> Tensor:
        """Return a new tensor with an array's values, on the device that the model is on."""
        some = next(iter(self.model.state.values()), (None,))[0]
        return self.adapter.from_numpy(array, like=some)

    def in_float64(
        self,
        module: Module,
        counts: Mapping[str, int],
        compute: Callable[[], T],
        failed: Callable[[Exception], None] = lambda _error: None,
    ) -> T | None:
        """Return what is computed while a module is held in float64, None where that failed.

        ``counts`` are those of before the call: the calls inside get the numbers that they had.
        """
        try:
            with self.once_more(module, counts), self.adapter.in_float64(module):
                return compute()
        except Exception as error:
            failed(error)
            return None

    @contextlib.contextmanager
    def once_more(self, module: Module, counts: Mapping[str, int]) -> Iterator[None]:
        """Let a module be called once more, aside: nothing of it stays. ``counts`` are as of ``in_float64``."""
        now, held = dict(self.counts), self.held(module)
        self._recount(counts)
        try:
            with attributes.kept(self.model, module):
                yield
        finally:
            self._recount(now)
            self.let_hold(held)

    def held(self, module: Module) -> dict[str, Array]:
        """Return what the buffers of a module and of all in it hold, and the parameters that the run writes."""
        found = ((name, self.contents.read(name)) for name in self.contents.inside(module))
        return {name: array for name, array in found if array is not None}

    def let_hold(self, held: Mapping[str, Array]) -> None:
        """Let tensors hold what they held before: what is computed once more writes them once more."""
        for name, array in held.items():
            self.contents.write(name, array)

    def _recount(self, counts: Mapping[str, int]) -> None:
        self.counts.clear()
        self.counts.update(counts)

    def _write_state(self) -> None:
        for name in self.state:
            array = self.reference.read(self.reference.state[name])
            tensor = self.adapter.held(*self.model.owner[name])
            written = own.written_at(tensor, array)
            self.adapter.write(tensor, written)
            self._put[name] = self._receipt(tensor, array, written)

    def _receipt(self, tensor: Tensor, array: Array, written: Array) -> str:
        """Return the hash of what a tensor holds that was given an array in the port's form; in its own form, the array's."""
        # In the recorded dtype: a framework without 64 bit integers consumes the same values in 32.
        held = self.adapter.to_numpy(tensor).astype(written.dtype)
        form = written is not array and np.array_equal(held, written, equal_nan=True)
        return measure.digest(array if form else held)
