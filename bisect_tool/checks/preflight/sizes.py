"""Where numbers in shapes come from: a row for each cell of several maps, as detectors give them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bisect_tool.captures.manifest import Manifest
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.sites import module_of

Shape = tuple[int, ...]
IMAGES = range(32, 2049, 32)  # sizes that a port may have been made for
# A whole number, and neither part of a name or of another number nor a line in a file ("head.py:84").
NUMBER = re.compile(r"(?<![\w.-])(?<!py:)\d+(?!\.?\w)")
LEAST = 100  # in a text: smaller numbers are mostly channels, as the 84 = 4 + 80 of a head with 80 classes
STRIDES = tuple(1 << power for power in range(11))


@dataclass(frozen=True)
class Maps:
    """The maps that a module is given, and has a row for each cell of.

    Attributes: ``module``, ``sides`` (height and width of each), ``image`` (height and width) and ``strides``, which
    are None and empty where no image of the batch gives these maps.
    """

    module: str
    sides: tuple[tuple[int, int], ...]
    image: tuple[int, int] | None = None
    strides: tuple[int, ...] = ()

    @property
    def cells(self) -> int:
        """Return the number of cells of all maps."""
        return sum(height * width for height, width in self.sides)


def sizes(manifest: Manifest) -> list[str]:
    """Return for each number of rows that comes from maps where it comes from."""
    return [_whole(maps) for maps in row_counts(manifest).values()]


def row_counts(manifest: Manifest) -> dict[int, Maps]:
    """Return the numbers of rows that recorded outputs have because of the maps their modules are given."""
    shapes = {key: entry.shape for key, entry in manifest.tensors.items()}
    images = [entry.shape for entry in manifest.described.batch if len(entry.shape) == 4]
    found: dict[int, Maps] = {}
    for entry in manifest.sites:
        outputs = [shapes[key] for _, key in tensor_keys(entry.output)]
        for maps in _map_lists(entry.inputs, shapes):
            sides = tuple((shape[2], shape[3]) for shape in maps)
            cells = Maps(module_of(entry.site), sides).cells
            if cells not in found and any(_has_rows(output, cells, maps) for output in outputs):
                found[cells] = _with_image(Maps(module_of(entry.site), sides), images)
    return found


def explained(number: int, maps: Maps) -> str | None:
    """Return what a number is by a module's maps: the cells of all, of some, or of those of another image size."""
    if number == maps.cells:
        return _whole(maps)
    for size in IMAGES if maps.strides else ():
        if sum((-(-size // stride)) ** 2 for stride in maps.strides) == number:
            return f"{number} is what {size} px gives"
    for count in range(len(maps.sides) - 1, 0, -1):
        for some in itertools.combinations(maps.sides, count):
            if sum(height * width for height, width in some) == number:
                return f"{number} = {_squares(some)}"
    return None


def explained_difference(expected: Shape, found: Shape | None, known: Mapping[int, Maps]) -> str:
    """Return what is known of numbers of rows in which two shapes differ, or an empty string."""
    words = []
    for axis, number in enumerate(expected):
        if number not in known or (found is not None and number in found):
            continue
        other = found[axis] if found is not None and len(found) == len(expected) else number
        words += [explained(number, known[number]), explained(other, known[number])]
    return "; ".join(dict.fromkeys(word for word in words if word))


def explained_text(text: str, known: Mapping[int, Maps]) -> str:
    """Return what is known of the numbers of rows in a text, or an empty string.

    Numbers that are not the reference's own are explained only beside one that is: alone they may mean anything.
    """
    numbers = [int(word) for word in NUMBER.findall(text)]
    words = []
    for cells in dict.fromkeys(number for number in numbers if number in known):
        maps = known[cells]
        single = {height * width for height, width in maps.sides}
        others = [number for number in numbers if number >= LEAST and number not in single | known.keys()]
        words += [_whole(maps), *(explained(number, maps) for number in others)]
    return "; ".join(dict.fromkeys(word for word in words if word))


def _map_lists(tree: Mapping[str, Any], shapes: Mapping[str, Shape]) -> Iterator[list[Shape]]:
    """Yield the maps (B, C, H, W) inside each list, tuple and dict of a recorded value, where there are several."""
    ((kind, content),) = tree.items()
    if kind not in ("list", "tuple", "dict"):
        return
    for item in content:
        yield from _map_lists(item[1] if kind == "dict" else item, shapes)
    maps = [shapes[key] for _, key in tensor_keys(dict(tree)) if len(shapes[key]) == 4]
    if len(maps) > 1 and len({shape[0] for shape in maps}) == 1:
        yield maps


def _has_rows(output: Shape, cells: int, maps: Sequence[Shape]) -> bool:
    """Tell whether an output has a row for each cell: not one that is itself a map, nor by the size of the batch."""
    if len(output) == 4 and output[2:] in [shape[2:] for shape in maps]:
        return False
    return any(side == cells and (axis > 0 or side != maps[0][0]) for axis, side in enumerate(output))


def _with_image(maps: Maps, images: Sequence[Shape]) -> Maps:
    """Return the maps with the image that gives them at strides that are powers of two, if there is one."""
    for *_, height, width in images:
        fitting = [next((s for s in STRIDES if (-(-height // s), -(-width // s)) == side), None) for side in maps.sides]
        strides = tuple(stride for stride in fitting if stride is not None)
        if len(strides) == len(fitting):
            return replace(maps, image=(height, width), strides=strides)
    return maps


def _whole(maps: Maps) -> str:
    words = f"{maps.cells} = {_squares(maps.sides)}: a row for each cell of the maps that {maps.module} is given"
    if maps.image is None:
        return words
    height, width = maps.image
    shown = f"{height}" if height == width else f"{height}·{width}"
    return f"{words} ({shown} px at strides {', '.join(map(str, maps.strides))})"


def _squares(sides: Iterable[tuple[int, int]]) -> str:
    return " + ".join(f"{height}²" if height == width else f"{height}·{width}" for height, width in sides)
