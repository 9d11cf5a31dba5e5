"""The command that records a capture again, with all that it was recorded with."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bisect_tool.captures.manifest import Manifest
from bisect_tool.recipes.options import as_words
from bisect_tool.worker.recording.targets import TOTALS

USUAL_SEEDS = 8  # of `bisect capture`


def again(folder: Path, manifest: Manifest | None = None) -> str:
    """Return the next step where a capture cannot be used; without a manifest, its place is all that is known of it."""
    if manifest is not None:
        return f"record it again with `{command_again(folder, manifest)}`"
    command = record_command(folder, folder.parent.name, folder.name)
    return f"record it again with `{command}`, and the options that it was recorded with"


def command_again(folder: Path, manifest: Manifest, *, grads: bool = False) -> str:
    """Return the command that records a capture again; ``grads``: with gradients, whether it has some or not."""
    words = [*_options(manifest.model_options), *_seeds(manifest)]
    for option, patterns in (("--include", manifest.include), ("--exclude", manifest.exclude)):
        words += [word for pattern in patterns for word in (option, pattern)]
    words += _gradients(manifest, grads=grads)
    lay = (folder / manifest.recipe_folder).resolve()
    return record_command(folder, manifest.recipe, manifest.model, words, lay)


def record_command(
    folder: Path, recipe: str, model: str, words: list[str] | None = None, recipe_folder: Path | None = None
) -> str:
    """Return the command that records a model of a recipe into a folder, as it is to be typed here; ``words`` come after.

    The recipe's folder is given where its name alone does not lead there.
    """
    here = Path.cwd()
    if recipe_folder is not None and os.path.isfile(recipe_folder / "recipe.toml"):
        known = any((place / recipe).resolve() == recipe_folder for place in (here / "recipes", here))
        recipe = recipe if known else _near(recipe_folder, here)
    begun = ["bisect", "capture", "--recipe", recipe, "--model", model]
    home, place = folder.parent.parent.resolve(), folder.parent.name
    if home != here / "captures" and (place, folder.name) == (Path(recipe).name, model):
        begun += ["--captures", _near(home, here)]
    return shlex.join([*begun, *(words or [])])


def _near(path: Path, here: Path) -> str:
    """Return a path as it is typed: seen from here where it lies below, else whole."""
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)


def _options(options: Mapping[str, Any]) -> Iterator[str]:
    for key, value in options.items():
        yield from ("--option", f"{key}={value if _is_word(value) else as_words(value)}")


def _is_word(value: Any) -> bool:
    """Tell whether a value is a word that the command line takes for one, and for no number or flag."""
    if not isinstance(value, str):
        return False
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return True
    return value in ("NaN", "Infinity", "-Infinity")


def _seeds(manifest: Manifest) -> list[str]:
    """Return how many other initialisations there were, where those are not as many as ever."""
    count = len(manifest.spread.seeds)
    return [] if count == USUAL_SEEDS else ["--seeds", str(count)]


def _gradients(manifest: Manifest, *, grads: bool) -> list[str]:
    if manifest.gradients is None:
        return ["--grads"] if grads else []
    of = manifest.gradients.of
    if len(of) > 1 or of[0] == next((name for name in TOTALS if name in manifest.targets), None):
        return ["--grads"]
    return ["--grads"] if len(manifest.targets) == 1 else ["--grads-of", of[0]]
