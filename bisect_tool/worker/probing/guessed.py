"""Complex numbers that calls of one pass hand on as pairs of real ones, where shapes allow for several forms.

A call that is given one form shows by itself that it is meant, if it comes out right with that and with no other. A call that
comes out right with all (it takes each number for itself) shows nothing, and hands on what it was handed. So the form in which a
call gives a value is known once all calls that read that are known to read it so; until then it is a guess, which neither
accuses nor clears: who gives and who reads may each have the wrong one.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from ..arrays.layouts import Form
from .boundaries import ALIKE, Compared, Part, Reading

Row = Dict[str, Any]
IsRight = Callable[[Compared], Optional[bool]]  # of a call that is given this; None where it cannot be computed so


class Guessed:
    """Who gives and who reads such values in one pass, by the keys of their partners."""

    def __init__(self) -> None:
        self._rows: Dict[str, Row] = {}
        self._givers: List[Tuple[Row, Part]] = []
        # key -> call -> how it is known to read that, None: unknown
        self._readers: Dict[str, Dict[str, Optional[Reading]]] = {}
        # (key, call that comes out right with any form of it) -> keys of what it gives
        self._passed: Dict[Tuple[str, str], Set[str]] = {}
        self._arbitrary: Set[str] = set()  # keys of what was given wrong in any form: it was put right in one of them

    def given(self, row: Row, parts: Sequence[Part]) -> List[str]:
        """Note what a call gives; return the paths of what is guessed of it."""
        guessed = [part for part in parts if part.paired]
        self._givers += [(row, part) for part in guessed]
        self._arbitrary.update(part.partner.key for part in guessed if not _is_alike(part))
        return [part.path for part in guessed]

    def handed(self, site: str, row: Row, parts: Sequence[Part]) -> None:
        """Note what a call is handed, before it is computed."""
        self._rows[site] = row
        for part in parts:
            if part.paired:
                self._readers.setdefault(part.partner.key, {})[site] = part.reading if part.known else None

    def tried(
        self, site: str, inputs: Compared, read: Sequence[Part], gave: Sequence[Part], comes_out_right: IsRight
    ) -> Tuple[List[Part], List[Part]]:
        """Return what a call that came out right is known to read as it was given it, and what it is right with in any form.

        ``read`` is what its own code reads, ``gave`` what it gave. What a call reads is no form of the port's where the port
        does not give it so: who gives something else would be accused of that.
        """
        known: List[Part] = []
        passed: List[Part] = []
        mine = {part.path for part in read}
        for part in (one for one in inputs.parts if one.paired):
            key = part.partner.key
            if part.path not in mine:  # it handed that on to calls inside it
                self._readers[key].pop(site, None)
            elif not part.known:
                right = {comes_out_right(_with(inputs, part, form)) for form in part.others}
                given_so = _is_alike(part) and key not in self._arbitrary
                if right == {True}:
                    self._passed[key, site] = {one.partner.key for one in gave if one.paired}
                    self._arbitrary.update(() if given_so else self._passed[key, site])
                    passed.append(part)
                elif right == {False} and given_so:
                    self._readers[key][site] = part.reading
                    known.append(part)
        return known, passed

    def settle(self) -> None:
        """Take from the rows what turned out to be known, once the pass is over.

        What a call makes of a value that it may read in another form clears it no more than who gives that.
        """
        for row, part in self._givers:
            if self._is_known(part.partner.key, part.reading, set()) and part.path in row["unknown_output"]:
                row["unknown_output"].remove(part.path)
        for key, readers in self._readers.items():
            for site in (one for one, how in readers.items() if how is None and (key, one) not in self._passed):
                row = self._rows[site]
                row["unknown_output"] = list(
                    dict.fromkeys([*row["unknown_output"], *(one["path"] for one in row["output"])])
                )

    def _is_known(self, key: str, reading: Reading, seen: Set[str]) -> bool:
        """Tell whether some call is known to read a value in one way, and all calls that read it do."""
        readers = self._readers.get(key, {})
        read = [how for site, how in readers.items() if (key, site) not in self._passed]
        further = [then for site in readers for then in self._passed.get((key, site), ()) if then not in seen | {key}]
        if any(how != reading for how in read):
            return False
        return bool(read or further) and all(self._is_known(then, reading, seen | {key}) for then in further)


def _is_alike(part: Part) -> bool:
    return bool(part.off.get("error", math.inf) <= ALIKE)


def _with(inputs: Compared, part: Part, form: Form) -> Compared:
    """Return the same with one part in another form."""
    return inputs._replace(parts=[one._replace(form=form) if one.path == part.path else one for one in inputs.parts])
