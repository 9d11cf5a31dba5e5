"""A faithful port in other words: the same mathematics, rounded otherwise; the port of the recipes of faithful.py.

`LAYERS` compute what a layer of a class computes in another way, `FUNCTIONS` what a function of the framework does, and
`SOURCES` write lines of the port's files otherwise. All are for the port's twin in torch.
"""

import random
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MethodType

from torch import nn

sys.path.append(str(Path(__file__).resolve().parent))

from mutant_build import port as built_port
from mutant_build import port_files
from rewritten_layers import FORWARD_ONLY, FUNCTIONS, LAYERS
from rewritten_lines import SOURCES


def port(recipe: str, *, rewrites: Sequence[str] = (), draw: int | None = None, **options: object) -> dict:
    """Build the port with some rewrites in it, by name.

    With a number for ``draw``: if one rewrite is given, for a single layer that the number chooses; if none is, each layer
    and each function takes one of those there are for it, or none, as the number draws.
    """
    rng = random.Random(draw)
    mixed = draw is not None and not rewrites
    sources = [name for name in SOURCES if (rng.random() < 0.5 if mixed else name in rewrites)]
    mutants = [{"edits": _edits(recipe, sources)}] if sources else []
    built = built_port(recipe, **({"mutants": mutants} if mutants else {}), **options)
    for name, ways in FUNCTIONS.items():
        chosen = [rng.choice([None, *ways])] if mixed else [way for way in ways if f"{name}: {way}" in rewrites]
        for module in (sys.modules["jittor"], sys.modules["jittor.nn"]) if any(chosen) else ():
            if hasattr(module, name):
                setattr(module, name, ways[chosen[0]])
    places = []
    for module in (m for top in built["modules"].values() for m in top.modules()):
        ways = LAYERS.get(type(module).__name__, {})
        free = [None, *(way for way in ways if _name(module, way) not in FORWARD_ONLY)]
        chosen = [rng.choice(free)] if mixed else [w for w in ways if _name(module, w) in rewrites]
        places += [(module, ways[way]) for way in chosen if way]
    for module, compute in [rng.choice(places)] if places and draw is not None and not mixed else places:
        object.__setattr__(module, "forward", MethodType(compute, module))
    return built


def names(recipe: str, modules: Mapping[str, nn.Module]) -> list[str]:
    """Return every rewrite that there is something for in a recipe's port."""
    classes = {type(m).__name__ for top in modules.values() for m in top.modules()}
    layers = [f"{cls}: {way}" for cls, ways in LAYERS.items() if cls in classes for way in ways]
    functions = [f"{name}: {way}" for name, ways in FUNCTIONS.items() for way in ways]
    used = [name for name in functions if re.search(rf"\b{name.partition(':')[0]}\(", _text(recipe))]
    return [*layers, *used, *(name for name in SOURCES if _edits(recipe, [name]))]


def _name(module: nn.Module, way: str) -> str:
    return f"{type(module).__name__}: {way}"


def _files(recipe: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in port_files(recipe)}


def _text(recipe: str) -> str:
    return "".join(_files(recipe).values())


def _edits(recipe: str, sources: Sequence[str]) -> list[dict]:
    """Return the edits of some rewrites of the port's lines; where two want the same text, the first has it."""
    edits: list[dict] = []
    for pattern, new in (pair for name in sources for pair in SOURCES[name]):
        for file, text in _files(recipe).items():
            for m in re.finditer(pattern, text, re.MULTILINE):
                if not any(e["file"] == file and e["start"] < m.end() and m.start() < e["end"] for e in edits):
                    edits.append({"file": file, "start": m.start(), "end": m.end(), "new": m.expand(new)})
    return edits
