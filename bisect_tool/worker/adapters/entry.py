"""Where a model comes from: the function that a recipe's entry names, as a recipe in Python has it."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any, Callable, NamedTuple, Optional, Sequence

from ..failures import RecipeError


class Compiling(NamedTuple):
    """How an entry is compiled that is no Python: more ``sources``, as patterns, and ``folders`` of headers.

    ``say(file)`` is told again and again what is compiled.
    """

    sources: Sequence[str]
    folders: Sequence[str]
    say: Callable[[str], None]


def load_entry(folder: str, entry: str, compiling: Optional[Compiling] = None) -> Callable[..., Any]:
    """Import ``file.py:function`` from the recipe's folder and return the function."""
    file_name, _, function = entry.partition(":")
    path = os.path.join(folder, file_name)
    name = os.path.splitext(os.path.basename(file_name))[0]
    if name in sys.modules:  # a recipe's bisect.py must not become the one that libraries import
        name = "recipe_" + name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise RecipeError("entry %r: there is no file %s in %s" % (entry, file_name, folder))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    found: Callable[..., Any] | None = getattr(module, function, None)
    if found is None or not callable(found):
        raise RecipeError("entry %r: %s has no function %s" % (entry, file_name, function))
    return found
