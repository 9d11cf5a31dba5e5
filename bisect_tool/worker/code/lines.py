"""Variables of the recipe's own functions as sites: ``function:variable``, with ``#n`` from the second time on.

A variable of a module's own forward method is named by the module's call (``model.2.m.0:y``), any other by its function
(``DetectionLoss.__call__:total``), which counts over the whole run.
"""

from __future__ import annotations

import ast
import contextlib
import fnmatch
import functools
import linecache
import os
import sys
import types
from typing import Any, Callable, Iterator, Sequence

from ..model.calls import Call, Current
from ..model.sources import is_installed
from .called import Called
from .rewriting import Place
from .source import text_of
from .syntax import FUNCTIONS
from .watching import Caught, Line, Watcher, Where

MOST_TIMES = 1000  # later assignments to one variable are no sites: what it is in so long a loop, nobody compares
LONGEST = 30  # lines of one statement that are shown
AROUND = 3  # lines shown before and after a line
Assigned = Callable[[str, Place, Where, Any], Any]  # site, place, where, value
PulledBack = Callable[[str, int], None]  # file, line
EXPRESSION = "expression"
METHODS = ("forward", "execute")  # the same method in different frameworks


class Lines:
    """The watched functions of one model, and how their variables are called.

    They are those in ``folders``, the recipe's own and its import path, and in every other file of which a function was called
    while ``learning``. ``patterns`` such as ``losses:Loss.*`` leave only some of them, and may add those of an imported module. ``in_backward()`` tells whether a backward pass
    runs: what is assigned then, in code that is computed again to save memory, is no site. Neither is what is assigned
    inside a functional transform, as ``in_transform()`` tells. ``watcher(is_watched)`` looks at the functions of the files that are watched.
    """

    def __init__(
        self,
        folders: Sequence[str],
        patterns: Sequence[str],
        in_backward: Callable[[], bool] = lambda: False,
        in_transform: Callable[[], bool] = lambda: False,
        watcher: Callable[..., Any] = Watcher,
    ) -> None:
        self._folders = [os.path.realpath(folder) for folder in folders]
        self._only = list(patterns)
        self._patterns = [_split(pattern) for pattern in patterns]
        self._in_backward = in_backward
        self._in_transform = in_transform
        self._elsewhere = _files_of([module for module, _ in self._patterns])
        self._called = Called(self._is_inside)
        self._watcher = watcher
        self.learnt = False  # which files elsewhere have functions that run
        self.cut: set[str] = set()  # variables that were assigned more often than that
        self._wanted: dict[Place, bool] = {}  # whether a pattern asks for it
        self._marked: dict[str, frozenset[int]] = {}
        self.watcher = watcher(self._is_watched)

    @contextlib.contextmanager
    def learning(self) -> Iterator[None]:
        """Watch from now on the functions of every file of which one is called in the block, a run that nobody watches."""
        with self._called.noted():
            yield
        self.learnt = True
        if self._outside():
            self.watcher = self._watcher(self._is_watched)

    def chosen(self) -> dict[str, list[str]]:
        """Return ``elsewhere``, the files outside the recipe's folder and import path that are watched, and the patterns ``only``."""
        return {"elsewhere": sorted(map(self.shown, self._outside())), "only": self._only}

    def _outside(self) -> set[str]:
        return {file for file in self._called.files if not self._is_inside(file)}

    def mark(self, places: Sequence[str]) -> None:
        """Have the expressions in the statements on some more lines, as they are shown, be sites too, where they are asked for."""
        files = {place.file for place in self.watcher.places}
        for line in places:
            name, _, number = line.rpartition(":")
            for file in files:
                if self.shown(file) == name:
                    self._marked[file] = self._marked.get(file, frozenset()) | {int(number)}
        self.watcher = self._watcher(self._is_watched, lambda file: self._marked.get(file, frozenset()))

    def is_marked(self, file: str, line: int) -> bool:
        """Tell whether a line's expressions are sites."""
        return line in self._marked.get(file, ())

    def text_at(self, file: str, span: str) -> str:
        """Return what stands at a place of a file, ``line:column-line:column``, in one line."""
        (first, start), (last, end) = ((int(n) for n in at.split(":")) for at in span.split("-"))
        lines = [line.encode() for line in (text_of(file) or "").splitlines()[first - 1 : last]]
        if not lines:
            return ""
        lines[-1] = lines[-1][:end]  # first: both may be one line
        lines[0] = lines[0][start:]
        return " ".join(line.decode(errors="replace").strip() for line in lines)

    @contextlib.contextmanager
    def watching(
        self,
        current: Current,
        assigned: Assigned,
        caught: Caught = lambda _place, _error: None,
        pulled_back: PulledBack = lambda _place, _line: None,
        *,
        expressions: bool = False,
    ) -> Iterator[None]:
        """Call ``assigned(site, place, where, value)`` after every assignment; what it returns takes the variable's place.

        ``current()`` is the module call that runs, or None; ``where`` is (file, line), of a parameter where it was passed.
        ``pulled_back(file, line)`` is told what an autograd Function assigns or returns during a backward pass. ``expressions``:
        those of marked lines are sites too.
        """
        counts: dict[str, int] = {}

        def on_assigned(place: Place, value: Any, line: Line) -> Any:
            place.site = ""
            if self._in_transform() or not self._is_wanted(place):
                return value
            if place.kind == EXPRESSION and not expressions:
                return value
            if self._in_backward():
                if not place.tracked and place.kind != "parameter":
                    pulled_back(place.file, place.line)
                return value
            name = "%s:%s" % (self._label(place.function, current()), place.variable)
            counts[name] = counts.get(name, 0) + 1
            if counts[name] > MOST_TIMES:
                self.cut.add(name)
                return value
            site = name if counts[name] == 1 else "%s#%d" % (name, counts[name])
            place.site = site
            where = line if isinstance(line, tuple) else (place.file, place.line)
            new = assigned(site, place, where, value)
            return new if place.replaceable else value

        with self.watcher.watching(on_assigned, caught):
            yield

    def caller(self) -> Where | None:
        """Return (file, line) of the recipe's code that runs, the innermost; None where it is not on the stack."""
        found: Where | None = self.watcher.caller()
        return found

    def functions(self) -> set[str]:
        """Return the names of all watched functions, called or not."""
        return {_own_name(place.function) for place in self.watcher.places if self._is_wanted(place)}

    def conditions(self, file: str, line: int) -> list[tuple[int, list[str]]]:
        """Return (line, names of all that is called in it) of each ``if`` that a line stands under, the innermost first."""
        nodes = _nodes(text_of(file) or "")
        around = [node.lineno for node in nodes if isinstance(node, FUNCTIONS) and _holds(node, line)]
        found = [
            (node.lineno, sorted(_called_in(node)))
            for node in nodes
            if isinstance(node, ast.If) and any(_holds(inner, line) for inner in node.body + node.orelse)
        ]
        return sorted((pair for pair in found if pair[0] > max(around, default=0)), reverse=True)

    def shown(self, place_file: str) -> str:
        """Return a file's name as the recipe's author knows it: from the recipe's folder or import path, or as it is imported."""
        real = os.path.realpath(place_file)
        for folders in (self._folders, [os.path.realpath(folder) for folder in sys.path if folder]):
            inside = [os.path.relpath(real, folder) for folder in folders if real.startswith(os.path.join(folder, ""))]
            if inside:
                return min(inside, key=len)
        return os.path.basename(real)

    def caught(self, place: Place, error: BaseException) -> dict[str, str]:
        """Say of an exception that a watched function caught: its type and message, where it was raised and caught."""
        raised = self._raised(error)
        own = None if raised is None else (raised.tb_frame.f_code.co_filename, raised.tb_lineno)
        return {
            "function": _own_name(place.function),
            "type": type(error).__name__,
            "message": str(error)[:200],
            "raised": self.place(*(own or (place.file, place.line))),
            "place": self.place(place.file, place.line),
        }

    def raised(self, error: BaseException) -> tuple[Where, dict[str, Any]] | None:
        """Return where watched code raised, the innermost, and what its variables hold then; None where none did."""
        raised = self._raised(error)
        if raised is None or not self._is_watched(raised.tb_frame.f_code.co_filename):
            return None
        return (raised.tb_frame.f_code.co_filename, raised.tb_lineno), raised.tb_frame.f_locals

    def _raised(self, error: BaseException) -> types.TracebackType | None:
        raised, own = error.__traceback__, None
        while raised is not None:
            own = raised if self._is_watched(raised.tb_frame.f_code.co_filename) or own is None else own
            raised = raised.tb_next
        return own

    def place(self, file: str, line: int) -> str:
        """Return a line as it is shown: ``losses.py:40``."""
        return "%s:%d" % (self.shown(file), line)

    def noted(self, excerpts: dict[str, Any], file: str, line: int) -> str:
        """Return a line as it is shown, and keep the lines around it in ``excerpts``."""
        place = self.place(file, line)
        if place not in excerpts:
            excerpts[place] = self.excerpt(file, line)
        return place

    def excerpt(self, file: str, line: int) -> dict[str, Any]:
        """Return the lines around a line, as they were loaded, and all of its statement: {"file", "line", "first", "text"}."""
        text = text_of(file) or "".join(linecache.getlines(file))
        every = text.splitlines()
        first = max(1, line - AROUND)
        last, opened = line, 0
        for last in range(line, min(line + LONGEST, len(every)) + 1):
            opened += sum(every[last - 1].count(c) for c in "([{") - sum(every[last - 1].count(c) for c in ")]}")
            if opened <= 0:
                break
        last = max(last, line + AROUND)
        return {"file": self.shown(file), "line": line, "first": first, "text": every[first - 1 : last]}

    def _label(self, function: str, call: Call | None) -> str:
        name = _own_name(function)
        owner, _, method = name.rpartition(".")
        if method not in METHODS:
            return name
        classes = [_own_name(c.__qualname__) for c in type(call.module).__mro__] if call else []
        if call and (owner in classes or not owner):
            return call.site
        return "%s.forward" % owner if owner else "forward"

    def _is_wanted(self, place: Place) -> bool:
        if not self._patterns:
            return True
        if place not in self._wanted:
            shown = os.path.splitext(self.shown(place.file))[0].replace(os.sep, ".")
            real = os.path.splitext(os.path.realpath(place.file))[0].replace(os.sep, ".")
            modules = [path[: -len(".__init__")] if path.endswith(".__init__") else path for path in (shown, real)]
            modules.append(modules[1].rpartition(".")[2])
            name = _own_name(place.function)
            self._wanted[place] = any(
                fnmatch.fnmatchcase(name, pattern)
                and any(fnmatch.fnmatchcase(m, wanted) or m == wanted.rpartition(".")[2] for m in modules)
                for wanted, pattern in self._patterns
            )
        return self._wanted[place]

    def _is_watched(self, file: str) -> bool:
        if file.startswith("<"):  # <string>, <frozen os>
            return False
        real = os.path.realpath(file)
        return real in self._elsewhere or real in self._called.files or self._is_inside(real)

    def _is_inside(self, file: str) -> bool:
        """Tell whether a file lies in the recipe's folder or import path, and in no package that is installed there."""
        return not is_installed(file) and any(file.startswith(folder + os.sep) for folder in self._folders)


@functools.lru_cache(maxsize=None)
def _nodes(text: str) -> list[Any]:
    """Return all nodes of a source, which is parsed once however many of its lines are asked about."""
    return list(ast.walk(ast.parse(text)))


def _holds(statement: ast.stmt, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or statement.lineno)


def _called_in(node: ast.AST) -> set[str]:
    """Return the names of the functions and methods that are called somewhere in a piece of code."""
    called = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]
    return {str(getattr(function, "attr", None) or getattr(function, "id", "")) for function in called}


def _own_name(qualified: str) -> str:
    """Return a function's or class's name without the functions that it is defined in."""
    return qualified.rpartition("<locals>.")[2]


def _split(pattern: str) -> tuple[str, str]:
    module, _, name = pattern.rpartition(":")
    return (module[:-3] if module.endswith(".py") else module).replace("/", ".") or "*", name


def _files_of(modules: Sequence[str]) -> set[str]:
    found: list[str | None] = [getattr(sys.modules.get(name), "__file__", None) for name in modules]
    return {os.path.realpath(file) for file in found if file}
