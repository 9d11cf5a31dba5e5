"""A call's values beside the recorded ones: compared part by part, and the reference's put in their place."""

from __future__ import annotations

import math
from typing import Any, Iterator, Sequence

import numpy as np

from ..adapters.adapter import Tensor
from ..arrays import Array, measure, trees
from . import arguments, own
from .boundaries import Compared, Part, Reading, Recorded, compare
from .comparing import arrays, tensors
from .probe import Probe

PLAIN_ROUNDING = 1e-4  # relative, of a number that code took from a tensor


class UnfitError(Exception):
    """What a call passed on cannot be made again: part of it has no partner."""


class Values:
    """The recorded values of calls, by the port's names of them, as one probe compares and gives them."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._adapter = probe.adapter
        self._reference = probe.reference
        # of what may be read in several ways: by the class of the calls that are handed it and its path; of masks also by
        # their values and their partners' keys
        self._readings: dict[tuple[type | str | None, str], Reading] = {}

    def compared(self, found: Sequence[tuple[str, Array]], site: str, part: str, of: type | None = None) -> Compared:
        """Compare what a call is handed ("inputs", by the arguments' names) or gives ("output") with what was recorded.

        What the framework has no numbers for, such as complex ones, is unknown. What may be read in several ways and calls of the
        class ``of`` are handed is read as it was by one of them that came out right; a mask else as it was by any other call.
        """

        def reading_of(path: str, array: Array, key: str) -> Reading | None:
            by_class = self._readings.get((of, path))
            return self._readings.get((measure.digest(array), key)) if by_class is None else by_class

        entry = self._reference.sites[site]
        wanted = [
            Recorded(self._name(entry, part, path), path, key, self._reference.shape(key))
            for path, key in trees.keys(entry[part] if part != "attributes" else entry[part]["values"])
        ]
        return compare(found, wanted, self._reference.read, self._adapter.holds, reading_of)

    def learn(self, found: Sequence[tuple[str, Array]], parts: Sequence[Part], of: type) -> None:
        """Take for known how parts are read that a call of a class was handed, since it came out right.

        Complex numbers are so for this class alone: what reads them in another way would be wrong by itself.
        """
        arrays_of = dict(found)
        for part in parts:
            if part.reading is not None:
                self._readings.setdefault((of, part.path), part.reading)
                if not part.paired:
                    self._readings.setdefault((measure.digest(arrays_of[part.path]), part.partner.key), part.reading)

    def plain(self, site: str) -> Iterator[tuple[str, str, Any]]:
        """Yield (name, recorded path, value) of each number that a call was handed as an argument of its own."""
        entry = self._reference.sites[site]
        for path, value in trees.recorded_numbers(entry["inputs"]):
            yield self._name(entry, "inputs", path), path, value

    def other_numbers(self, site: str, given: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a row for each number that a call is handed otherwise than the reference's."""
        return [
            {"path": path, "mismatch": "the number %r, reference %r" % (given[name], value)}
            for name, path, value in self.plain(site)
            if name in given and given[name] != value
        ]

    def other_plain(self, site: str, output: Any) -> dict[str, str]:
        """Return the paths of numbers and words that a call gives otherwise than the reference's; of a number in words how."""
        tree = self._probe.reference.sites[site]["output"]
        found = trees.other_plain(tree, output, self._adapter.is_tensor)
        return {path: _number_off(mine, theirs) for path, mine, theirs in found if not _rounds(mine, theirs)}

    def fed(self, handed: arguments.Arguments, site: str, inputs: Compared) -> dict[str, Any]:
        """Return what a call is given: the reference's value of every part that has a partner, the port's own of the rest."""
        theirs = handed.by_name
        plain = {name: value for name, _, value in self.plain(site) if isinstance(theirs.get(name), (bool, int, float))}
        given: dict[str, Any] = self.filled({**theirs, **plain}, inputs.parts)
        return given

    def versions(self, given: dict[str, Any]) -> list[int | None]:
        """Return what tells later which tensors that a call was given it wrote into."""
        return [self._adapter.mutation(tensor) for tensor in tensors(self._adapter, given)]

    def write_back(self, own_values: dict[str, Any], given: dict[str, Any], before: list[int | None]) -> None:
        """Write what a call wrote into what it was given into the port's own tensors too: its caller may read them."""
        pairs = zip(tensors(self._adapter, own_values), tensors(self._adapter, given), before)
        for mine, theirs, version in pairs:
            if mine is not theirs and version is not None and self._adapter.mutation(theirs) != version:
                self._adapter.write(mine, self._adapter.to_numpy(theirs))

    def filled(self, value: Any, parts: Sequence[Part]) -> Any:
        """Return a nested value with the reference's in each part that has a partner.

        Of what only stands for tensors (see ``own``) every part must have one: raises UnfitError otherwise.
        """
        by_path = {part.path: part for part in parts}
        paths = iter([path for path, _ in trees.leaves(value, self._is_leaf)])

        def fill(leaf: Any) -> Any:
            part = by_path.get(next(paths))
            if part is None:
                if own.is_own(leaf):
                    raise UnfitError
                return leaf
            if own.is_own(leaf):
                new = self._adapter.cast(self._probe.tensor(self._expected(part)), leaf.dtype)
                return own.taking(self._adapter, new, leaf)
            return self._probe.put_at(leaf, self._expected(part))

        return trees.map_leaves(value, self._is_leaf, fill)

    def noisy_where_off(self, site: str, output: Any, most: float) -> Any:
        """Return an output with noise only where it is off, and as large as each part is off: whether that is felt.

        Noise is relative, and no larger than ``most``.
        """
        parts = {part.path: part for part in self.compared(arrays(self._adapter, output), site, "output").parts}
        paths = iter([path for path, _ in trees.leaves(output, self._adapter.is_tensor)])

        def aim(before: Tensor) -> Tensor:
            part, array = parts.get(next(paths)), self._adapter.to_numpy(before)
            if part is None:
                return before
            expected = self._expected(part)
            noisy = self._adapter.perturb(before, min(most, part.off.get("error", most)), 0)
            if expected.shape != array.shape:
                return noisy
            off = np.where(measure.places_off(array, expected), self._adapter.to_numpy(noisy), array)
            return self._adapter.cast(self._adapter.from_numpy(off, like=before), self._adapter.dtype(before))

        return trees.map_leaves(output, self._adapter.is_tensor, aim)

    def _expected(self, part: Part) -> Array:
        """Return the reference's value of a part, as the port writes it."""
        return part.form(self._reference.read(part.partner.key))

    def _is_leaf(self, value: Any) -> bool:
        return own.is_own(value) or self._adapter.is_tensor(value)

    @staticmethod
    def _name(entry: trees.Tree, part: str, path: str) -> str:
        return arguments.recorded(entry["arguments"], path) if part == "inputs" else path


def _rounds(mine: Any, theirs: Any) -> bool:
    """Tell whether two numbers are the same to within rounding: fractions, which code may have computed."""
    both = isinstance(mine, float) and isinstance(theirs, float)
    return both and math.isclose(mine, theirs, rel_tol=PLAIN_ROUNDING, abs_tol=PLAIN_ROUNDING)


def _number_off(mine: Any, theirs: Any) -> str:
    plain = isinstance(mine, (bool, int, float)) and isinstance(theirs, (bool, int, float))
    return "the number %r, reference %r" % (mine, theirs) if plain else ""
