"""Read ``recipe.toml`` and check all of it at once."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from bisect_tool.errors import BisectError
from bisect_tool.frameworks import FRAMEWORKS, LIBTORCH
from bisect_tool.recipes.options import as_words
from bisect_tool.recipes.toml import read_toml
from bisect_tool.validation import mistakes

PYTHON = r"[^:]+\.py:[A-Za-z_]\w*"
COMPILED = r"[^:]+\.(cpp|cc|cxx|so):[A-Za-z_]\w*(::\w+)*"  # of C++, or a library that was built from it
TAKEN = ("probes", "reports")  # folders beside the captures


def _is_command(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if value is not None and (not value or not all(value)):
        raise ValueError(f"expected a program and its arguments such as ['./worker'], found {list(value)!r}")
    return value


def _has_command(info: ValidationInfo) -> bool:
    """Tell whether a worker of the user's own is started; also by a command that is a mistake itself."""
    return info.data.get("command", ()) is not None


def _is_framework(value: str, info: ValidationInfo) -> str:
    if _has_command(info):
        if not re.fullmatch(r"\w[\w.+-]*", value):
            raise ValueError("expected one word such as 'numpy'")
    elif value not in FRAMEWORKS:
        raise ValueError(f"expected {', '.join(map(repr, FRAMEWORKS))}, or any word beside `command`")
    return value


def _is_entry(value: str, info: ValidationInfo) -> str:
    if _has_command(info):  # it is handed over as it is
        return value
    if not value:
        raise PydanticCustomError("missing", "missing")
    compiled = info.data.get("framework") == LIBTORCH.name
    form, example = (COMPILED, "file.cpp:function") if compiled else (PYTHON, "file.py:function")
    if not re.fullmatch(form, value):
        raise ValueError(f"expected {example!r}, found {value!r}")
    name = value.partition(":")[0]
    if info.context and not (info.context["folder"] / name).is_file():
        raise ValueError(f"there is no file {name} in {info.context['folder']}")
    return value


def _is_alone(value: str | None, info: ValidationInfo) -> str | None:
    if value is not None and info.data.get("command") is not None:
        raise ValueError(f"there is `command` too, which starts the worker: leave one of them out, found {value!r}")
    return value


def _is_compiled(value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if value and info.data.get("framework") != LIBTORCH.name:
        raise ValueError(f"only a model of {LIBTORCH.title} is compiled from sources")
    for pattern in value if info.context else ():
        folder = (info.context or {})["folder"]
        if not any(glob.iglob(os.path.join(folder, os.path.expanduser(pattern)), recursive=True)):
            raise ValueError(f"there is no file {pattern} in {folder}")
    return value


def _is_pair(value: Any) -> Any:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(word, str) for word in value):
        raise ValueError(f"expected ['pattern', 'replacement'], found {value!r}")
    return value


def _is_pattern(value: tuple[str, str]) -> tuple[str, str]:
    try:
        pattern = re.compile(value[0])
    except re.error as error:
        raise ValueError(f"{value[0]!r} is no regular expression: {error}") from error
    try:
        pattern.sub(value[1], "")
    except (re.error, IndexError) as error:
        raise ValueError(f"{value[1]!r} cannot replace {value[0]!r}: {error}") from error
    return value


def _is_some(value: dict[str, ModelSpec]) -> dict[str, ModelSpec]:
    if not value:
        raise ValueError("expected at least one model such as [models.ref], found none")
    for name in value:  # each is a folder beside those of the probes and the reports
        if not re.fullmatch(r"\w[\w .+-]*", name) or name.casefold() in TAKEN:
            raise ValueError(
                f"expected a model's name such as 'port', and neither 'probes' nor 'reports', found {name!r}"
            )
    return value


def _is_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        as_words(value)
    except BisectError as error:
        raise ValueError(str(error)) from error
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSpec(_Strict):
    """How to build one model: framework, entry, and the environment it runs in.

    It runs in ``python`` (None: the tool's own), or ``command`` starts a worker of the user's own. That stands first here:
    what the others may be rests on it.
    """

    command: Annotated[tuple[str, ...] | None, AfterValidator(_is_command)] = None
    framework: Annotated[str, AfterValidator(_is_framework)]
    entry: Annotated[str, AfterValidator(_is_entry)] = Field(default="", validate_default=True)
    sources: Annotated[tuple[str, ...], AfterValidator(_is_compiled)] = ()
    python: Annotated[str | None, AfterValidator(_is_alone)] = None
    path: tuple[str, ...] = ()
    env: dict[str, str] = {}
    options: Annotated[dict[str, Any], AfterValidator(_is_json)] = {}


class TargetSpec(_Strict):
    """A target's explicit tolerance, where the user wants one: it wins over the measured one."""

    rtol: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    atol: float | None = Field(default=None, gt=0, allow_inf_nan=False)


def _is_function(value: str) -> str:
    if not re.fullmatch(r"[^:\s]+:[^:\s]+", value):
        raise ValueError(f"expected 'module:function' such as 'losses:Loss.*', found {value!r}")
    return value


class WatchSpec(_Strict):
    """The functions whose variables are sites, where not all of the recipe's own are wanted."""

    functions: tuple[Annotated[str, AfterValidator(_is_function)], ...] = ()


class NameRules(_Strict):
    """Renames from the reference's names to the port's, applied in order."""

    rename: tuple[Annotated[tuple[str, str], BeforeValidator(_is_pair), AfterValidator(_is_pattern)], ...] = ()


class _RecipeFile(_Strict):
    models: Annotated[dict[str, ModelSpec], AfterValidator(_is_some)]
    targets: dict[str, TargetSpec] = {}
    names: NameRules = NameRules()
    watch: WatchSpec = WatchSpec()


class Recipe(_RecipeFile):
    """A checked recipe. Attributes: ``folder``, ``name``, ``models``, ``targets``, ``names``, ``watch``."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name, under which captures are kept."""
        return self.folder.name

    def model(self, name: str) -> ModelSpec:
        """Return a model by name. Raises BisectError listing the ones there are."""
        if name not in self.models:
            raise BisectError(
                f"{self.folder / 'recipe.toml'}: no model {name!r}; it has {', '.join(self.models)}",
                hint="choose one with --model",
            )
        return self.models[name]


def load_recipe(folder: Path) -> Recipe:
    """Read and check a recipe. Raises BisectError that lists every mistake in the file."""
    path = folder / "recipe.toml"
    if not folder.name:
        raise BisectError(
            f"{path}: a recipe is named after its folder, and this one has no name", hint="move it into one"
        )
    try:
        data = read_toml(path)
    except OSError as error:
        raise BisectError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BisectError(f"{path}: not valid TOML: {error}") from error
    try:
        checked = _RecipeFile.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        raise BisectError(
            str(path), mistakes=mistakes(error), hint="mend what is listed; `bisect doctor` then checks the rest"
        ) from error
    return Recipe(**dict(checked), folder=folder)
