"""What the user needs of an exception in a model's own process."""

from __future__ import annotations

import os
import traceback
from typing import Any, Dict


class RecipeError(Exception):
    """A mistake in the recipe's own code or in what it returns; the message is for the user."""


class GivenPullError(RuntimeError):
    """Code of ``step`` pulls a gradient through a value that was given, of which none is known."""


def failure(phase: str, error: BaseException) -> Dict[str, Any]:
    """Return the last frame in the user's own code, what the exception says, and the traceback for --debug.

    ``places`` of the exception are where it was thrown in code of another language, the innermost first.
    """
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    message = str(error)
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno or 0))
        message = error.msg
    own = ["%s:%s" % (name, number) for name, number in frames if _is_own(name)]
    own += list(getattr(error, "places", ()))[:1]
    return {
        "phase": phase,
        "type": type(error).__name__,
        "message": message,
        "where": own[-1] if own else None,
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }


def _is_own(name: str) -> bool:
    real = os.path.realpath(name)
    folders = (os.path.dirname(os.path.realpath(__file__)), os.path.dirname(os.path.realpath(os.__file__)))
    return not (name.startswith("<") or "site-packages" in real or real.startswith(folders))
