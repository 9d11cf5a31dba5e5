"""The texts that functions were loaded from, each with a second code object for every function in it."""

from __future__ import annotations

import contextlib
import os
import tokenize
import types
from typing import Any, Dict, FrozenSet, Iterator, Optional, Tuple

from .codes import Functions, only_hooks_added, same_code
from .rewriting import Place, rewrite


class Source:
    """One text of one file: its functions as they are and with hooks; ``problem`` says why there are none."""

    def __init__(self, file: str, text: str | None, first: int, marked: FrozenSet[int] = frozenset()) -> None:
        self.file = file
        self.first = first
        self.places: list[Place] = []
        self.problem: str | None = None
        self._plain: Functions = {}
        self._hooked: Functions = {}
        if text is None:
            self.problem = "its source cannot be read"
            return
        try:
            self._plain, self._hooked, self.places = rewrite(text, file, first, marked)
        except Exception as error:
            self.problem = "its source does not compile: %s" % error

    def codes(self) -> Iterator[types.CodeType]:
        """Yield every code object with hooks."""
        for codes in self._hooked.values():
            yield from codes

    def with_hooks(self, code: types.CodeType) -> tuple[types.CodeType | None, str | None]:
        """Return (the code with hooks of a loaded function, None) or (None, why there is none)."""
        key = (code.co_name, code.co_firstlineno)
        plain, hooked = self._plain.get(key), self._hooked.get(key)
        if not plain or not hooked or not same_code(code, plain[0]):
            return None, "its source is not what was loaded"
        # A function inside ``finally`` is compiled twice, and equal: that is not ambiguous.
        if any(other != plain[0] for other in plain) or any(other != hooked[0] for other in hooked):
            return None, "several functions of its name start on its line"
        if not self._is_sound(hooked[0]):
            return None, "hooks would change what its names mean"
        return hooked[0], None

    def _is_sound(self, hooked: types.CodeType) -> bool:
        """Tell whether names mean what they meant, in a function and all inside it.

        Python may have dropped the plain code of what never runs, or made one of two that are alike.
        """
        plain = self._plain.get((hooked.co_name, hooked.co_firstlineno), [])
        inside = [constant for constant in hooked.co_consts if isinstance(constant, types.CodeType)]
        return (not plain or any(only_hooks_added(one, hooked) for one in plain)) and all(map(self._is_sound, inside))


# Of the process, as are the hooks: code with hooks outlives its Watcher, and its numbers must keep their meaning.
_sources: Dict[Tuple[str, Optional[str], FrozenSet[int]], Source] = {}  # by file, text and the lines that are marked
_made: Dict[int, Source] = {}  # by id of a code object with hooks, which its Source keeps alive


def source_of(file: str, text: str | None, marked: FrozenSet[int] = frozenset()) -> Source:
    """Return a text with hooks, also for the expressions of ``marked`` lines; made once, its numbers go on from the last one's."""
    if (file, text, marked) not in _sources:
        first = sum(len(source.places) for source in _sources.values())
        source = _sources[file, text, marked] = Source(file, text, first, marked)
        _made.update((id(code), source) for code in source.codes())
    return _sources[file, text, marked]


def made(code: types.CodeType) -> Source | None:
    """Return the source that code with hooks was made from, None for any other code."""
    return _made.get(id(code))


def text_of(file: str) -> str | None:
    """Return the text that a watched file was loaded from, None where it is not known."""
    return next((text for known, text, _ in _sources if known == file), None)


def loaded_text(function: types.FunctionType) -> str | None:
    """Return the text that a function was loaded from, None where there is none.

    Its globals say which module that is; ``__module__`` may be another's, copied by functools.wraps. The loader is
    asked first: it may have edited what the file has.
    """
    names = function.__globals__
    file = function.__code__.co_filename
    spec = names.get("__spec__")
    loader: Any = getattr(spec, "loader", None) or names.get("__loader__")
    text: str | None = None
    if os.path.abspath(names.get("__file__") or file) == os.path.abspath(file):
        with contextlib.suppress(Exception):
            text = loader.get_source(spec.name if spec else names["__name__"])
    if text is None:
        with contextlib.suppress(Exception), tokenize.open(file) as opened:
            text = opened.read()
    return text
