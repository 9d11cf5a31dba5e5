"""What a call of a forced pass makes, with all that is dissolved in it, and whether that is right."""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..arrays import measure
from .boundaries import ALIKE

MOST_ROUNDED = 1e-2  # relative, of what several pieces of code compute one after the other
Row = Dict[str, Any]


class Begun(NamedTuple):
    """A call that began: the recorded one that it is (None: none of them), and how many calls it lies in."""

    site: Optional[str]
    depth: int


class Made:
    """What the rows of a pass say of what calls make; ``inside`` are the calls that began in one, in order."""

    def __init__(self, watched: Mapping[str, Row], dissolved: Collection[str]) -> None:
        self._watched = watched
        self._dissolved = dissolved

    def came_out_right(self, site: str, inside: Sequence[Begun]) -> bool:
        """Tell whether all that a call gives, and hands to calls in place, is like the reference's."""
        return are_right(self._rows(site, inside))

    def is_off(self, site: str, inside: Sequence[Begun]) -> bool:
        """Tell whether a call gives, or hands to a call in place, a value that is off, and that rounding may explain."""
        errors = [row["error"] for row in self._rows(site, inside) if "error" in row]
        merged = any(begun.site in self._dissolved for begun in inside)
        # What several pieces round together is no more than that, and computing them all again takes long.
        return any(error > measure.ROUNDING for error in errors) and not (merged and max(errors) > MOST_ROUNDED)

    def _rows(self, site: str, inside: Sequence[Begun]) -> List[Row]:
        """Return the rows of all that a call makes, with what is dissolved in it: its output, and what it hands calls in place."""
        rows = list(self._watched[site]["output"])
        for begun in inside:
            if begun.site is not None and begun.site not in self._dissolved and self._made_by(begun.site, site):
                rows += self._watched[begun.site]["inputs"]
        return rows

    def _made_by(self, call: str, site: str) -> bool:
        """Tell whether a call in place is made by the code of another, or by what is dissolved in that."""
        outer = self._watched[call]["around"]
        while outer is not None and outer != site and outer in self._dissolved:
            outer = self._watched[outer]["around"]
        return bool(outer == site)


def are_right(rows: Sequence[Row]) -> bool:
    """Tell whether all that rows say of is like the reference's."""
    return all(row.get("error", 1.0) <= ALIKE for row in rows)
