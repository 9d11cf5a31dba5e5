"""Finding the recipe: the one named, the project's default, or the only one in sight."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import RECIPES, ROOT

from bisect_tool.errors import BisectError
from bisect_tool.recipes.find import find_recipe

SAY_WHICH = 'name one with --recipe, or in pyproject.toml: [tool.bisect] recipe = "NAME"'


def recipe(folder: Path) -> Path:
    """Make a folder that holds a recipe."""
    folder.mkdir(parents=True)
    (folder / "recipe.toml").touch()
    return folder


def settings(folder: Path, words: str) -> Path:
    """Write a project's settings."""
    path = folder / "pyproject.toml"
    path.write_text(words)
    return path


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return the recipe ``tiny`` in ``recipes/``."""
    return recipe(tmp_path / "recipes" / "tiny")


def test_the_only_recipe_in_sight_needs_no_name(tiny: Path, tmp_path: Path) -> None:
    """With one recipe in recipes/, or one right here, none has to be named."""
    assert find_recipe(None, tmp_path) == tiny
    assert find_recipe(None, tiny) == tiny


def test_a_recipe_is_found_by_name_and_by_path(tiny: Path, tmp_path: Path) -> None:
    """A name in recipes/, a folder and the file itself all lead to the folder."""
    for given in ("tiny", str(tiny), str(tiny / "recipe.toml"), "recipes/tiny"):
        assert find_recipe(given, tmp_path) == tiny


def test_no_recipe_in_sight_is_said(tmp_path: Path) -> None:
    """Without a recipe the message says where it was looked for."""
    with pytest.raises(BisectError, match="no recipe in sight"):
        find_recipe(None, tmp_path)


def test_several_recipes_in_sight_are_listed(tiny: Path, tmp_path: Path) -> None:
    """With several the message lists them, and the hint says the two ways to choose one."""
    recipe(tmp_path / "recipes" / "second")
    with pytest.raises(BisectError, match="2 recipes in sight: second, tiny") as caught:
        find_recipe(None, tmp_path)
    assert caught.value.hint == SAY_WHICH


def test_an_unknown_recipe_names_those_in_sight(tiny: Path, tmp_path: Path) -> None:
    """A name that is not there is refused, with what could have been meant."""
    with pytest.raises(BisectError, match="no recipe 'tyni'") as caught:
        find_recipe("tyni", tmp_path)
    assert caught.value.hint == "choose one with --recipe: tiny"


@pytest.mark.parametrize("name", ["tiny", "recipes/tiny", "./recipes/tiny/recipe.toml"])
def test_the_default_is_the_one_that_the_project_names(tiny: Path, tmp_path: Path, name: str) -> None:
    """By name or by path, also where a recipe lies right here."""
    recipe(tmp_path / "recipes" / "second")
    (tmp_path / "recipe.toml").touch()
    settings(tmp_path, f'[project]\nname = "x"\n[tool.bisect]\nrecipe = "{name}"\n')
    assert find_recipe(None, tmp_path) == tiny
    assert find_recipe("second", tmp_path).name == "second"


@pytest.mark.parametrize("words", ["", "[tool]\n", "[tool.ruff]\nline-length = 3\n", "[tool.bisect]\n"])
def test_settings_without_a_default_change_nothing(tiny: Path, tmp_path: Path, words: str) -> None:
    """The only recipe in sight is taken as without settings."""
    settings(tmp_path, words)
    assert find_recipe(None, tmp_path) == tiny


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("[tool.bisect]\nrecipe = 3\n", "tool.bisect.recipe: expected text, found 3"),
        ('[tool.bisect]\nrecipe = ""\n', "tool.bisect.recipe: expected a word"),
        ('[tool.bisect]\nrecipe = ["tiny"]\n', "tool.bisect.recipe: expected text, found ['tiny']"),
        ('[tool.bisect]\nrecipes = "tiny"\n', "tool.bisect.recipes: unknown key"),
        ("[tool]\nbisect = 3\n", "tool.bisect: "),
        ("tool = 3\n", "tool: "),
        ("[tool.bisect\n", "not valid TOML: "),
        ('[tool.bisect]\nrecipe = "tyni"\n', "tool.bisect.recipe: no recipe 'tyni': neither tyni/recipe.toml nor "),
    ],
)
def test_a_default_that_is_none_is_refused(tiny: Path, tmp_path: Path, words: str, expected: str) -> None:
    """The file and the key are named; whoever names a recipe is not bothered."""
    path = settings(tmp_path, words)
    with pytest.raises(BisectError) as caught:
        find_recipe(None, tmp_path)
    assert str(caught.value).startswith(f"{path}: {expected}")
    assert caught.value.hint
    assert find_recipe("tiny", tmp_path) == tiny


def test_settings_that_are_no_text_are_refused(tiny: Path, tmp_path: Path) -> None:
    """Bytes in another encoding are a mistake like any other."""
    (tmp_path / "pyproject.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(BisectError, match="not valid TOML"):
        find_recipe(None, tmp_path)


def test_this_project_has_a_default() -> None:
    """The first commands of README.md need no --recipe."""
    assert find_recipe(None, ROOT) == RECIPES / "yolo11n"
