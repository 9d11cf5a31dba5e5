"""What the commands share: options, the way errors and Ctrl-C end, and starting a model."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bisect_tool.cli import screen
from bisect_tool.cli.interrupt import Interrupted, end_by_signals
from bisect_tool.errors import BisectError, InconclusiveError
from bisect_tool.recipes.find import find_recipe
from bisect_tool.recipes.load import Recipe, load_recipe
from bisect_tool.recipes.options import as_words

EXIT_USAGE, EXIT_INCONCLUSIVE = 2, 3


def finite(value: float | None) -> float | None:
    """Return a number that an option was given. Raises typer.BadParameter when it is NaN or infinite."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


RecipeOption = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="RECIPE",
        help="Folder of the recipe, or its name in recipes/. Optional if there is only one recipe, or if "
        "pyproject.toml names a default (tool.bisect.recipe).",
    ),
]
CapturesOption = Annotated[
    Path, typer.Option("--captures", metavar="DIR", help="Folder for captures, kept probes and reports.")
]
OptionOption = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="Argument of the model's build function. May be repeated."),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout",
        min=1.0,
        callback=finite,
        metavar="SECONDS",
        help="Stop a model's process when it has been silent for so long.",
    ),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show what the models and their frameworks print.")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback behind an error.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@contextlib.contextmanager
def ending(*, debug: bool, interrupted: str | Callable[[], str]) -> Iterator[None]:
    """Turn an error, Ctrl-C or another signal inside the block into a message on stderr and an exit code.

    ``interrupted`` is what became of what was done by then, or what tells it then.
    """
    end_by_signals()  # until now they ended it at once: nothing was begun
    try:
        yield
        sys.stdout.flush()
    except BisectError as error:
        code = EXIT_INCONCLUSIVE if isinstance(error, InconclusiveError) else EXIT_USAGE
        _say_error(error, debug=debug)
        raise typer.Exit(code) from None
    except Interrupted as signalled:
        try:
            sys.stdout.flush()
        except screen.UnwrittenError:
            screen.forget(sys.stdout)
        kept = interrupted if isinstance(interrupted, str) else interrupted()
        screen.say(f"interrupted: {kept}", "yellow")
        raise typer.Exit(signalled.exit_code) from None
    except screen.UnwrittenError as error:
        raise typer.Exit(unwritten(error)) from None
    except OSError as error:
        _say_error(BisectError(f"{error.filename or 'the disk'}: {error.strerror or error}"), debug=debug)
        raise typer.Exit(EXIT_USAGE) from error
    except Exception as error:  # never exit code 1 by accident: that says that a culprit was found
        hint = "this is a mistake in bisect itself: please report it with what --debug shows"
        _say_error(BisectError(f"{type(error).__name__}: {error}", hint=hint), debug=debug)
        raise typer.Exit(EXIT_INCONCLUSIVE) from error


def unwritten(error: screen.UnwrittenError) -> int:
    """Say that an answer cannot be written, unless nobody reads it any more, and return the exit code."""
    screen.forget(sys.stdout)
    if not error.reader_gone:
        screen.say(f"error: {error}", "red")
    return EXIT_USAGE


def _say_error(error: BisectError, *, debug: bool) -> None:
    if debug:
        for line in (error.detail or traceback.format_exc()).splitlines():
            screen.say(line, "dim")
    for line in ("error: " + error.lines[0], *error.lines[1:]):
        screen.say(line, "red")
    if error.hint:
        screen.say(f"next: {error.hint}")


def open_recipe(given: str | None) -> Recipe:
    """Find and load the recipe that a command was given; one that it was not given is said on stderr."""
    folder = find_recipe(given, Path.cwd())
    if given is None:
        screen.say(f"recipe: {folder}")
    return load_recipe(folder)


def parse_options(given: Sequence[str] | None) -> dict[str, Any]:
    """Return ``KEY=VALUE`` words as a dict; a value is read as JSON (1, 0.5, true) and else as a word.

    Raises BisectError that lists every word without a ``=``, or for what cannot be kept in a report.
    """
    wrong = [word for word in given or () if not word.partition("=")[0] or "=" not in word]
    if wrong:
        raise BisectError(f"--option {', '.join(wrong)}: expected KEY=VALUE")
    options = {key: _value(value) for key, _, value in (word.partition("=") for word in given or ())}
    as_words(options)
    return options


def _value(word: str) -> Any:
    try:
        return json.loads(word, parse_constant=str)  # NaN and Infinity stay words
    except (ValueError, RecursionError):
        return word
