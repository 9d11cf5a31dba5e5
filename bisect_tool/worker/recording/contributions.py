"""What each call contributes to gradients, recorded from the pieces of the backward pass, and how that rounds."""

from __future__ import annotations

from typing import AbstractSet, Dict, Sequence, Set

import numpy as np

from ..adapters.adapter import Tensor
from ..arrays import Array, measure
from ..arrays.measure import ROUNDING
from ..arrays.shards import ShardWriter
from ..model.build import Model
from ..probing.intervention import Intervention
from ..probing.names import Name
from ..probing.pieces import Piece, Pieces, pull_back
from ..probing.probe import Probe
from ..probing.reference import Reference
from ..wire import Wire

Floors = Dict[Name, float]
HASH = 2654435761  # Knuth's multiplicative hash


def record(
    model: Model, reference: Reference, store: ShardWriter, wire: Wire, watch: Sequence[str], fixed: AbstractSet[Name]
) -> Floors:
    """Record what each call contributes, as keys in ``reference.gradients``; return how far off each result is (rms).

    Of what is ``fixed`` there is no gradient (see ``constants``). By name: of a contribution float32 from float64, and the
    gradient of an output, put together from pieces, from the real one. Where a call's own code stops gradients, the real
    run has none at its output: what the code around it passes there is recorded, so that such a call can be judged.
    """
    floors: Floors = {}
    stopped: Set[Name] = set()  # outputs whose gradient the call's own code stops

    def gradient(name: Name) -> Array | None:
        key = reference.gradient_key(name)
        return None if key is None else store.read(key)

    def settle(name: Name, array: Array | None, exact: bool) -> None:
        site, part, path = name
        mine = reference.gradients["sites"].setdefault(site, {"inputs": {}, "output": {}, "state": {}})
        if name in stopped and array is not None and gradient(name) is None:
            mine[part][path] = store.add(array)
        elif exact or part == "output":
            # Where the pieces do not give what the run gave, this much is not known of the gradient.
            off = measure.pulled_apart(array, gradient(name)).get("apart", float("inf"))
            floors[name] = max(floors.get(name, 0.0), off)
        else:
            mine[part][path] = None if array is None else store.add(array)

    def finished(piece: Piece) -> None:
        ends = [(name, tensor) for name, tensor in piece.roots if name and name[1] == "output"]
        stopped.update(name for name, tensor in ends if not model.adapter.has_path(tensor))
        pull_back(model.adapter, piece, gradient, settle)

    def begins(name: Name, takes: bool) -> bool:
        # What is made with gradients switched off takes none: whoever makes it stops them.
        return name not in fixed and (takes or model.adapter.gradients_on())

    probe = Probe(model, reference, wire, Intervention((), watch=watch, exact=watch))
    switched_off = reference.gradients["off"].append
    Pieces(probe, finished, switched_off=switched_off, begins=begins).read()
    return floors


def disturb(model: Model, reference: Reference, wire: Wire, watch: Sequence[str], draw: int) -> Floors:
    """Return by how much (rms) each result moves in a run in pieces whose values and gradients are off by ``ROUNDING``."""
    floors: Floors = {}
    draws = np.random.default_rng(draw)

    def gradient(name: Name) -> Array | None:
        array = reference.gradient(name)
        if array is None or array.dtype.kind not in "fc":
            return array
        off: Array = (array * (1 + ROUNDING * draws.standard_normal(array.shape))).astype(array.dtype)
        return off

    def values(key: str, tensor: Tensor) -> Array | None:
        array = reference.fitting(key, tensor)
        return array if array is None or array.dtype not in (np.float32, np.complex64) else equally_off(array)

    def settle(name: Name, array: Array | None, _exact: bool) -> None:
        known = reference.gradient(name)
        if array is not None and known is not None:
            floors[name] = measure.rms(array.astype(np.result_type(array, np.float64)) - known)

    def finished(piece: Piece) -> None:
        pull_back(model.adapter, piece, gradient, settle)

    Pieces(Probe(model, reference, wire, Intervention((), watch=watch)), finished, values).read()
    return floors


def equally_off(array: Array) -> Array:
    """Return float32 values off by ``ROUNDING``; those that are equal stay equal: which of them a maximum takes is no rounding."""
    if array.dtype.kind == "c":
        return equally_off(measure.real(array)).view(array.dtype).reshape(array.shape)
    bits = np.ascontiguousarray(array).view(np.uint32).reshape(array.shape) * np.uint32(HASH)
    off: Array = (array * (1 + ROUNDING * (bits.astype(np.float64) / 2**31 - 1) * 3**0.5)).astype(array.dtype)
    return off
