"""What became another since a capture was recorded: the reference's files, how the recipe builds it, its framework."""

from __future__ import annotations

import difflib
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bisect_tool.captures.again import again
from bisect_tool.captures.manifest import Manifest, SourceEntry
from bisect_tool.captures.reader import Capture
from bisect_tool.recipes.load import ModelSpec, Recipe
from bisect_tool.sentences.spelling import listed, places
from bisect_tool.worker.model.reads import described

MOST_LINES = 20_000  # compared line by line


def changes_since(capture: Capture, recipe: Recipe) -> list[str]:
    """Return in sentences what is another now than when a capture of the recipe's model was recorded."""
    manifest = capture.manifest
    files = [_file(recipe.folder / path, path, entry) for path, entry in manifest.sources.items()]
    parts = [*filter(None, files), *_settings(manifest, recipe.model(manifest.model)), *_version(manifest, recipe)]
    found = (
        [f"the reference changed after it was recorded ({listed(parts, 6)}): {again(capture.folder, manifest)}"]
        if parts
        else []
    )
    other = other_recipe(capture, recipe)
    if other is not None:
        found.insert(0, f"the capture used is that of another recipe with this name, in {other}: see --captures")
    return found


def other_recipe(capture: Capture, recipe: Recipe) -> Path | None:
    """Return the folder of the recipe that a capture was recorded for, where that is another of the same name and still there."""
    folder = (capture.folder / capture.manifest.recipe_folder).resolve()
    if not (folder / "recipe.toml").is_file() or folder.samefile(recipe.folder):
        return None
    return folder


def _file(path: Path, name: str, before: SourceEntry) -> str:
    """Return in words what is another in a file, nothing where nothing is."""
    now = described(str(path))
    if now is None:
        return f"{name} is gone"
    if now["digest"] == before.digest:
        return ""
    ours, theirs = before.lines, now["lines"]
    if ours is None or theirs is None or max(len(ours), len(theirs)) > MOST_LINES:
        return name
    steps = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    changed = [(start, end) for kind, _, _, start, end in steps if kind != "equal"]
    # Of lines that went away, the one that stands there now.
    lines = [number for start, end in changed for number in range(start + 1, end + 1) or [min(start + 1, len(theirs))]]
    return places(f"{name}:{number}" for number in lines) if lines else f"{name} (blanks alone)"


def _settings(manifest: Manifest, spec: ModelSpec) -> Iterator[str]:
    now = spec.model_dump(mode="json")
    for field in sorted(manifest.spec.keys() | now.keys()):
        before, after = manifest.spec.get(field), now.get(field)
        if before != after:
            yield f"{field} of {manifest.model!r} in recipe.toml ({_shown(before)}, now {_shown(after)})"


def _version(manifest: Manifest, recipe: Recipe) -> Iterator[str]:
    """Compare the framework's version with the one that is installed, where the reference runs in the tool's own interpreter."""
    spec = recipe.model(manifest.model)
    if spec.python is not None or spec.command is not None:
        return
    try:
        now = importlib.metadata.version(spec.framework)
    except importlib.metadata.PackageNotFoundError:
        return
    before = manifest.described.version
    if before.partition("+")[0] != now.partition("+")[0]:
        yield f"{spec.framework} ({before}, now {now})"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
