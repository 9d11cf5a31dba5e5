"""Find the recipe that a command is about: the one named, the project's default, or the only one in sight."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bisect_tool.errors import BisectError
from bisect_tool.recipes.toml import read_toml
from bisect_tool.validation import explain

SETTINGS = "pyproject.toml"
SAY_WHICH = f'name one with --recipe, or in {SETTINGS}: [tool.bisect] recipe = "NAME"'


class _Bisect(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    recipe: Annotated[str, Field(min_length=1)] | None = None


class _Tools(BaseModel):
    bisect: _Bisect = _Bisect()


class _Settings(BaseModel):
    tool: _Tools = _Tools()


def find_recipe(given: str | None, around: Path) -> Path:
    """Return the recipe's folder: the one given (a path, or a name in ``recipes/``), else the default or the only one in sight.

    The default is the project's own: ``[tool.bisect] recipe = "NAME"`` in ``pyproject.toml``. Raises BisectError when the recipe
    does not exist, or when none or several are in sight and none is the default.
    """
    if given is not None:
        return _named(given, around, f"no recipe {given!r}")
    default = _default(around)
    if default is not None:
        return _named(default, around, f"{around / SETTINGS}: tool.bisect.recipe: no recipe {default!r}")
    if (around / "recipe.toml").is_file():
        return around.resolve()
    found = _in_sight(around)
    if len(found) == 1:
        return (around / "recipes" / found[0]).resolve()
    if not found:
        raise BisectError(
            "no recipe in sight: neither recipe.toml nor recipes/*/recipe.toml exists here",
            hint="name one with --recipe FOLDER",
        )
    raise BisectError(f"{len(found)} recipes in sight: {', '.join(found)}", hint=SAY_WHICH)


def _named(given: str, around: Path, wrong: str) -> Path:
    for folder in (around / given, around / "recipes" / given):
        if (folder / "recipe.toml").is_file():
            return folder.resolve()
        if folder.name == "recipe.toml" and folder.is_file():
            return folder.resolve().parent
    known = _in_sight(around)
    raise BisectError(
        f"{wrong}: neither {given}/recipe.toml nor recipes/{given}/recipe.toml exists",
        hint=f"choose one with --recipe: {', '.join(known)}" if known else "name a folder that holds a recipe.toml",
    )


def _in_sight(around: Path) -> list[str]:
    return sorted(path.parent.name for path in (around / "recipes").glob("*/recipe.toml"))


def _default(around: Path) -> str | None:
    """Return the recipe that the project names as its default. Raises BisectError for settings that say nothing of the kind."""
    path = around / SETTINGS
    if not path.is_file():
        return None
    try:
        return _Settings.model_validate(read_toml(path)).tool.bisect.recipe
    except OSError as error:
        raise BisectError(f"cannot read {path}: {error.strerror}", hint="name the recipe with --recipe") from error
    except ValidationError as error:
        raise BisectError(f"{path}: {explain(error)}", hint=SAY_WHICH) from error
    except (ValueError, RecursionError) as error:
        raise BisectError(f"{path}: not valid TOML: {error}", hint="name the recipe with --recipe") from error
