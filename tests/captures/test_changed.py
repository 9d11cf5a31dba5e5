"""What changed since a capture was recorded is said, line by line where that can be."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from pathlib import Path
from typing import Any

import pytest
from manifests import described, manifest

from bisect_tool.captures.changed import changes_since, other_recipe
from bisect_tool.captures.manifest import Manifest
from bisect_tool.captures.reader import Capture
from bisect_tool.recipes.load import Recipe, load_recipe
from bisect_tool.worker.model import reads

TOML = '[models.ref]\nframework = "torch"\nentry = "ref.py:build"\n'
SOURCE = "one\ntwo\nthree\nfour\nfive\nsix\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A recipe of a file with six lines."""
    return write(tmp_path / "tiny")


def write(folder: Path, toml: str = TOML) -> Recipe:
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "ref").mkdir(exist_ok=True)
    (folder / "ref.py").write_text(SOURCE)
    (folder / "recipe.toml").write_text(toml)
    return load_recipe(folder)


def recorded(recipe: Recipe, **fields: Any) -> Capture:
    """Return a capture, in a place of its own, that was recorded now."""
    entry = reads.described(str(recipe.folder / "ref.py"))
    model = {**described(), "version": importlib.metadata.version("torch")}
    about = {"recipe_folder": f"../{recipe.folder.name}", "spec": recipe.model("ref").model_dump(mode="json")}
    data = Manifest.model_validate(manifest(model, **{**about, "sources": {"ref.py": entry}, **fields}))
    return Capture(recipe.folder.parent / "ref", data, "key")


def test_nothing_is_said_where_nothing_changed(recipe: Recipe) -> None:
    """Another time of writing is no change."""
    before = recorded(recipe)
    (recipe.folder / "ref.py").write_text(SOURCE)
    (recipe.folder / "port.py").write_text("another")
    assert changes_since(before, recipe) == []


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (SOURCE.replace("two", "2"), "line 2 of ref.py"),
        (SOURCE.replace("two", "2").replace("four\nfive\nsix", "4\n5\n6"), "lines 2 and 4 to 6 of ref.py"),
        ("zero\n" + SOURCE, "line 1 of ref.py"),
        (SOURCE.replace("three\n", ""), "line 3 of ref.py"),
        (SOURCE.replace("six\n", ""), "line 5 of ref.py"),
        (SOURCE.replace("one", "one  "), "ref.py (blanks alone)"),
        ("", "line 0 of ref.py"),
        ("a\0b", "ref.py"),
        (None, "ref.py is gone"),
    ],
)
def test_lines_that_changed_are_named(recipe: Recipe, now: str | None, words: str) -> None:
    """By their numbers now; a file as a whole where it has no lines."""
    before = recorded(recipe)
    path = recipe.folder / "ref.py"
    path.unlink() if now is None else path.write_text(now)
    (said,) = changes_since(before, recipe)
    assert said.startswith(
        f"the reference changed after it was recorded ({words}): record it again with `bisect capture --recipe "
    )


def test_how_it_is_built_and_its_framework_are_compared(recipe: Recipe) -> None:
    """Options, entry and environment in recipe.toml; the version where the tool's own interpreter runs it."""
    before = recorded(recipe)
    (said,) = changes_since(before, write(recipe.folder, TOML + "options = {seed = 3}\n"))
    assert "options of 'ref' in recipe.toml ({}, now {'seed': 3})" in said
    version = before.manifest.described.version
    for found, words in (("1.0+cpu", ["torch (1.0+cpu, now "]), (version.partition("+")[0] + "+other", [])):
        about = before.manifest.described.model_copy(update={"version": found})
        other = dataclasses.replace(before, manifest=before.manifest.model_copy(update={"described": about}))
        write(recipe.folder)
        said = changes_since(other, recipe)
        assert len(said) == len(words)
        assert all(part in one for part, one in zip(words, said, strict=True))


def test_two_recipes_of_one_name_are_told_apart(recipe: Recipe, tmp_path: Path) -> None:
    """One that was moved is the same."""
    other = write(tmp_path / "elsewhere" / "tiny")
    assert other_recipe(recorded(recipe), other) == recipe.folder
    (said,) = changes_since(recorded(recipe), other)
    assert said == f"the capture used is that of another recipe with this name, in {recipe.folder}: see --captures"
    moved = recorded(recipe, recipe_folder="gone")
    assert changes_since(moved, other) == []
    link = tmp_path / "link"
    link.symlink_to(recipe.folder)
    assert other_recipe(recorded(recipe, recipe_folder="../link"), recipe) is None
