"""Watch the variables of functions: while a block runs, each assignment calls a hook that may put another value."""

from __future__ import annotations

import builtins
import contextlib
import gc
import sys
import types
import weakref
from typing import Any, Callable, Dict, FrozenSet, Iterator, Optional, Tuple, Union

from .codes import ASSIGNED, CAUGHT
from .rewriting import Place
from .source import Source, loaded_text, made, source_of

Line = Union[int, Tuple[str, int]]  # of a parameter (file, line) of the call
Assigned = Callable[[Place, Any, Line], Any]
Caught = Callable[[Place, BaseException], Any]
Where = Tuple[str, int]  # file, line
Texts = Dict[Tuple[str, int], Optional[str]]  # by file and id of the globals

UNREADABLE = object()


class Unseen:
    """The value of a variable that nobody has seen: it is there, and cannot be compared."""


class Watcher:
    """The functions of some files, each with a second code object that calls hooks.

    ``is_watched(co_filename)`` chooses the files, ``marked(co_filename)`` the lines in them whose expressions are watched too. Attributes: ``places`` (every Place in them), ``skipped`` (what
    could not be given hooks: qualified name of a function, or a file, to why, in words). Both grow when a block
    finds functions that were not there before.

    Usage::

        def assigned(place, value, line):
            print(place.function, place.variable, value)
            return value

        with Watcher(is_mine).watching(assigned, caught=lambda place, error: None):
            step(batch)
    """

    def __init__(
        self, is_watched: Callable[[str], bool], marked: Optional[Callable[[str], FrozenSet[int]]] = None
    ) -> None:
        self.places: list[Place] = []
        self.skipped: dict[str, str] = {}
        self._is_watched = is_watched
        self._marked = marked or (lambda _file: frozenset())
        self._watched: dict[str, bool] = {}  # whether a file is watched
        self._numbers: dict[int, Place] = {}  # by the number in a hook's call
        self._modules = 0  # how many were loaded when functions were last looked for
        self._looks = 0
        self._found: list[tuple[weakref.ref[types.FunctionType], types.CodeType]] = []  # and its code with hooks
        # By id of a code object, it and the code with hooks: its hash would ignore its file.
        self._hooked: dict[int, tuple[types.CodeType, types.CodeType | None]] = {}
        # They stay: a function or generator made in a block may run long after it, and calls them. Then they do nothing.
        setattr(builtins, ASSIGNED, _assigned)
        setattr(builtins, CAUGHT, _caught)
        self._functions()

    @contextlib.contextmanager
    def watching(self, assigned: Assigned, caught: Caught) -> Iterator[None]:
        """Call ``assigned(place, value, line)`` after every assignment, ``caught(place, error)`` in every handler.

        What ``assigned`` returns takes the variable's place where ``place.replaceable``. ``line`` is the statement's;
        for a parameter it is the (file, line) of the watched code that makes the call, be it through a framework's. Whatever the two call themselves is not watched. Every
        function that was there before gets its code back in the end, however the block ends.
        """
        swapped = []
        outer = _running[0]
        try:
            for function, hooked in self._functions():
                swapped.append((function, function.__code__))
                function.__code__ = hooked
            _running[0] = _Block(self._numbers, assigned, caught, self._in_watched_file)
            yield
        finally:
            _running[0] = outer
            for function, code in swapped:
                function.__code__ = code

    def caller(self) -> Where | None:
        """Return (file, line) of the watched code that runs, the innermost; None where none is on the stack."""
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and not self._in_watched_file(frame.f_code.co_filename):
            frame = frame.f_back
        return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)

    def _functions(self) -> list[tuple[types.FunctionType, types.CodeType]]:
        """Return (function, its code with hooks) for all that there are: closures and decorated ones have no name.

        Looked for when the Watcher is made, once more before the first block (what a run made in between), and again
        where modules were loaded since: going through all objects of a process takes some 40 ms.
        """
        if self._modules != len(sys.modules) or self._looks < 2:
            self._modules = len(sys.modules)
            self._looks += 1
            texts: Texts = {}
            alive = [found for found in gc.get_objects() if type(found) is types.FunctionType]
            pairs = [(f, self._with_hooks(f, texts)) for f in alive if self._in_watched_file(f.__code__.co_filename)]
            self._found = [(weakref.ref(function), hooked) for function, hooked in pairs if hooked is not None]
        living = [(found(), hooked) for found, hooked in self._found]
        return [(function, hooked) for function, hooked in living if function is not None]

    def _in_watched_file(self, file: str) -> bool:
        if file not in self._watched:
            self._watched[file] = bool(self._is_watched(file))
        return self._watched[file]

    def _with_hooks(self, function: types.FunctionType, texts: Texts) -> types.CodeType | None:
        code = function.__code__
        if id(code) not in self._hooked:
            nameless = code.co_name.startswith("<")  # a lambda, or a comprehension that runs
            self._hooked[id(code)] = (code, None if nameless else self._look_up(function, texts))
        return self._hooked[id(code)][1]

    def _look_up(self, function: types.FunctionType, texts: Texts) -> types.CodeType | None:
        code = function.__code__
        source = made(code)
        if source is not None:  # made by a watched function during a block: it has its hooks
            self._add(source)
            return None
        key = (code.co_filename, id(function.__globals__))
        if key not in texts:
            texts[key] = loaded_text(function)
        source = source_of(code.co_filename, texts[key], self._marked(code.co_filename))
        if source.problem:
            self.skipped[source.file] = source.problem
            return None
        self._add(source)
        hooked, problem = source.with_hooks(code)
        if problem:
            self.skipped[function.__qualname__] = "%s (%s:%d)" % (problem, source.file, code.co_firstlineno)
        return hooked

    def _add(self, source: Source) -> None:
        if source.first not in self._numbers:
            self.places.extend(source.places)
            self._numbers.update(enumerate(source.places, source.first))


class _Block:
    """A block that runs: the places that report, and to whom."""

    def __init__(
        self, numbers: dict[int, Place], assigned: Assigned, caught: Caught, is_watched: Callable[[str], bool]
    ) -> None:
        self.is_watched = is_watched
        self.numbers = numbers
        self.assigned = assigned
        self.caught = caught
        self.busy = False  # in one of the two: what it calls itself reports nothing


# Of the process, as are the hooks: code with hooks outlives its Watcher, and its numbers must keep their meaning.
_running = [_Block({}, lambda _place, value, _line: value, lambda _place, _error: None, lambda _file: False)]


def _assigned(number: int, value: Any, path: str = "") -> Any:
    """Report a value, or with ``path`` what hangs on it; return what takes its place."""
    block = _running[0]
    place = block.numbers.get(number)
    if place is None or block.busy:
        return value
    line: Line = place.line
    if place.kind == "parameter":
        caller = sys._getframe(1).f_back
        while caller is not None and not block.is_watched(caller.f_code.co_filename):
            caller = caller.f_back
        line = (caller.f_code.co_filename, caller.f_lineno) if caller else (place.file, place.line)
    block.busy = True
    try:
        value = _attribute(value, path) if path else value
        return value if value is UNREADABLE else block.assigned(place, value, line)
    finally:
        block.busy = False


def _caught(number: int) -> None:
    """Report the exception that is being handled."""
    block = _running[0]
    place = block.numbers.get(number)
    if place is not None and not block.busy:
        block.busy = True
        try:
            error = sys.exc_info()[1]
            if error is not None:
                block.caught(place, error)
        finally:
            block.busy = False


def _attribute(value: Any, path: str) -> Any:
    """Return an attribute's value, UNREADABLE where reading it runs a property or fails: that may have effects."""
    for name in path.split("."):
        if isinstance(getattr(type(value), name, None), property):
            return UNREADABLE
        try:
            value = getattr(value, name)
        except Exception:
            return UNREADABLE
    return value
