"""Build a recipe's reference, or its port with some mutants in it; the entries of the recipes that mutants.py writes.

A mutant is data: where it changes the text of the port's files, what it changes in the built modules.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import numpy as np
import tomllib

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
sys.path += [str(RECIPES / "detection"), str(Path(__file__).resolve().parent)]

from mutating_modules import apply, named_state, write  # noqa: E402

from mistakes import EditingLoader  # noqa: E402


def reference(recipe: str, *, weights: str = "", seed: int = 0, **options: object) -> dict:
    """Build the reference; with a file of weights, it loads them: the same whatever the seed."""
    built = _entry(recipe, "reference")(seed=seed, **options)
    if weights:
        with np.load(weights) as arrays:
            for name, tensor in named_state(built["modules"]).items():
                write(tensor, arrays[name])
    return built


def port(
    recipe: str, *, twin: bool = True, mutants: Sequence[Mapping] = (), weights: str = "", **options: object
) -> dict:
    """Build the port, or its twin in torch, with the mutants in it; ``weights`` is loaded before modules are changed."""
    edits: dict[str, list[Mapping]] = {}
    for mutant in mutants:
        for edit in mutant.get("edits", ()):
            edits.setdefault(edit["file"], []).append(edit)
    translate = None
    if twin:
        from twin import install, translated

        install()
        without_compiler()
        translate = translated
    sys.meta_path.insert(0, Finder(edits, translate))
    built = _entry(recipe, "port")(**options)
    if weights:
        load(built["modules"], weights, recipe)
    for mutant in mutants:
        for change in mutant.get("changes", ()):
            apply(built["modules"], change)
    return built


def without_compiler() -> None:
    """Let PyTorch's optimizers be made without its compiler, whose import takes longer than a mutant's whole run.

    They only ask it to leave a function alone, and keep the answer where this puts one.
    """
    from torch.optim import Optimizer

    for function in (getattr(wrapper, "__wrapped__", None) for wrapper in vars(Optimizer).values()):
        if function is not None:
            setattr(function, "__dynamo_disable", function)


def port_files(recipe: str) -> list[Path]:
    """Return the files that a recipe's port is made of."""
    return [*sorted((RECIPES / recipe).glob("port*.py")), *sorted(RECIPES.glob("detection/jittor_*.py"))]


def load(modules: Mapping, weights: str, recipe: str) -> None:
    """Write the reference's weights into a port, by the recipe's names."""
    with np.load(weights) as arrays:
        theirs = {renamed(name, recipe): arrays[name] for name in arrays.files}
    for name, tensor in named_state(modules).items():
        if name in theirs:
            write(tensor, theirs[name])


def renamed(name: str, recipe: str) -> str:
    """Return the port's name of something of the reference's, by the recipe's rules."""
    rules = tomllib.loads((RECIPES / recipe / "recipe.toml").read_text()).get("names", {}).get("rename", [])
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def changed(text: str, edits: Sequence[Mapping]) -> str:
    """Put the edits of one file into its text: each replaces what lies from ``start`` to ``end``."""
    for edit in sorted(edits, key=lambda e: -e["start"]):
        text = text[: edit["start"]] + edit["new"] + text[edit["end"] :]
    return text


class Finder:
    """Finds the port's files and has them loaded with mutants in them, and translated for a twin."""

    def __init__(self, edits: Mapping[str, Sequence[Mapping]], translate: object) -> None:
        self.edits = edits
        self.translate = translate

    def find_spec(self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Find one of the port's own files; Python's import asks this."""
        if not re.match(r"port(_|$)|jittor_", name) or name.startswith("jittor_utils"):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is None or RECIPES not in Path(str(spec.origin)).parents:
            return None
        edits = self.edits.get(f"{name}.py", ())

        def rewrite(text: str) -> str:
            text = changed(text, edits)
            return self.translate(text) if self.translate else text

        spec.loader = EditingLoader(name, str(spec.origin), rewrite)
        return spec


def _entry(recipe: str, side: str) -> object:
    path = RECIPES / recipe
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))
    return importlib.import_module(side).build
