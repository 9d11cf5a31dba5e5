"""Variables watched and replaced while real functions run."""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import dataclasses
import dis
import enum
import gc
import importlib.util
import inspect
import itertools
import re
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from itertools import permutations
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bisect_tool.worker.code.codes import only_hooks_added
from bisect_tool.worker.code.rewriting import Place, rewrite
from bisect_tool.worker.code.watching import Watcher

NUMBERS = itertools.count()
Load = Callable[..., ModuleType]

# What f does and, after #:, what is to be seen of it: function, variable and value of every assignment, in order.
CASES = {
    "plain": """
    def f():
        x = 1
        x = x + 1
    #: f x 1; f x 2
    """,
    "chained": """
    def f():
        a = b = xs = [1]
        b = xs[0] = 7
        return a
    #: f a [1]; f b [1]; f xs [1]; f b 7; f xs [7]; f return [7]
    """,
    "unpacked": """
    def f():
        d = [0]
        a, (b, *c), [d[0]] = 1, (2, 3, 4), [5]
        *e, = "xy"
    #: f d [0]; f a 1; f b 2; f c [3, 4]; f d [5]; f e ['x', 'y']
    """,
    "augmented": """
    def f():
        x = y = [1]
        x += [2]
        n = 3
        n **= 2
        return y
    #: f x [1]; f y [1]; f x [1, 2]; f n 3; f n 9; f return [1, 2]
    """,
    "annotated": """
    from __future__ import annotations
    def f():
        x: int = 1
        y: unknown
        (z): "w" = 2
        return y
    #: f x 1; f z 2
    """,
    "walrus": """
    def f(n=2):
        while (n := n - 1) >= 0:
            pass
        found = [last := k * 2 for k in range(2) if (even := k % 2 == 0)]
        if (a := 1) and (b := 0) or f"{(c := 3)}":
            assert (d := 4)
        g = lambda u=(e := 5): (hidden := u)
        return g(), last, even
    #: f n 2; f n 1; f n 0; f n -1; f even True; f last 0; f even False; f found [0]; f a 1; f b 0; f c 3; f d 4
    #: f e 5; f g <lambda>; f return (5, 0, False)
    """,
    "subscripts": """
    class Box:
        pass
    def f():
        x = [[1, 2], 3]
        x[1] = 4
        x[0][1] += 5
        x[0][:1] = []
        box = Box()
        box.items = [0]
        box.items[0] = 1
        box.items[0] += 1
        box.items.append(3)
        boxes = {}
        boxes["k"] = [0]
        boxes.get("k")[0] = 6
    #: f x [[1, 2], 3]; f x [[1, 2], 4]; f x [[1, 7], 4]; f x [[7], 4]; f box Box; f box.items [0]
    #: f box.items [1]; f box.items [2]; f box.items [2, 3]; f boxes {}; f boxes {'k': [0]}; f boxes {'k': [6]}
    """,
    "attributes": """
    class Box:
        def __init__(self, size):
            self.size = self.__size = size
            self.double: int = size * 2
            self.double += 1
            self.left, self.__right = 1, 2
            self.inner = self
            self.inner.deep = [3]
            for self.last in (8, 9):
                pass
            self.__right = [4]
            self.__right[0] = 5
    def f():
        box = Box(1)
        boxes = [box]
        boxes[0].size = 2
        return sorted(vars(box))
    #: Box.__init__ size 1; Box.__init__ self.size 1; Box.__init__ self.__size 1; Box.__init__ self.double 2
    #: Box.__init__ self.double 3; Box.__init__ self.left 1; Box.__init__ self.__right 2
    #: Box.__init__ self.inner Box; Box.__init__ self.inner.deep [3]; Box.__init__ self.last 8
    #: Box.__init__ self.last 9; Box.__init__ self.__right [4]; Box.__init__ self.__right [5]; f box Box
    #: f boxes [Box]; f boxes [Box]
    #: f return ['_Box__right', '_Box__size', 'deep', 'double', 'inner', 'last', 'left', 'size']
    """,
    "a property is not read": """
    log = []
    class Box:
        @property
        def items(self):
            log.append("read")
            return [0]
        @items.setter
        def items(self, value):
            log.append("written")
    def f():
        box = Box()
        box.items = 1
        box.items[0] = 2
        box.items, x = 3, 4
        box.items += [5]
        return list(log)
    #: f box Box; f box.items 1; Box.items value 1; Box.items log ['written']; Box.items log ['written', 'read']
    #: Box.items return [0]; Box.items value 3; Box.items log ['written', 'read', 'written']; f x 4
    #: Box.items log ['written', 'read', 'written', 'read']; Box.items return [0]; Box.items value [0, 5]
    #: Box.items log ['written', 'read', 'written', 'read', 'written']
    #: f return ['written', 'read', 'written', 'read', 'written']
    """,
    "for": """
    def f():
        for i, (a, *b) in enumerate(["xy", "z"]):
            if i:
                continue
            x = a
        else:
            x = "else"
        for d in []:
            pass
        e = {}
        for e["k"] in (1, 2):
            pass
    #: f i 0; f a 'x'; f b ['y']; f x 'x'; f i 1; f a 'z'; f b []; f x 'else'; f e {}; f e {'k': 1}
    #: f e {'k': 2}
    """,
    "with": """
    import contextlib
    @contextlib.contextmanager
    def given(value):
        yield value
    def f():
        with given(1) as a, given((2, 3)) as (b, c), given(4):
            pass
        with contextlib.suppress(KeyError):
            a = {}["missing"]
        return a
    #: given value 1; given value (2, 3); given value 4; f a 1; f b 2; f c 3; f return 1
    """,
    "async": """
    import asyncio
    class Manager:
        async def __aenter__(self):
            return 1
        async def __aexit__(self, *error):
            pass
    async def numbers(n):
        for i in range(n):
            yield i
    async def g():
        async with Manager() as m:
            x = await asyncio.sleep(0, "slept")
        async for n in numbers(1):
            pass
        return [y := k async for k in numbers(2)]
    def f():
        return asyncio.run(g())
    #: Manager.__aenter__ return 1; g m 1; g x 'slept'; Manager.__aexit__ error (None, None, None); numbers n 1
    #: numbers i 0; g n 0; numbers n 2; numbers i 0; g y 0; numbers i 1; g y 1; g return [0, 1]; f return [0, 1]
    """,
    "match": """
    def g(value):
        match value:
            case {"k": k, **others}:
                pass
            case [a, *b] | (a, b) if a:
                b.append(a)
            case [_, *_]:
                pass
            case str() as text:
                return text
            case whatever:
                pass
    def f():
        g({"k": 1, "l": 2})
        g([3, 4])
        g([0])
        g("t")
        g(5)
    #: g value {'k': 1, 'l': 2}; g others {'l': 2}; g k 1; g value [3, 4]; g a 3; g b [4]; g b [4, 3]
    #: g value [0]; g value 't'; g text 't'; g return 't'; g value 5; g whatever 5
    """,
    "in place": """
    class Tensor(list):
        def clamp_(self, low):
            self[:] = [max(low, v) for v in self]
            return self
        def _clamp(self):
            pass
        def __len__(self):
            return 1
        def view(self):
            return self
    def f():
        x = Tensor([-1])
        x.clamp_(0)
        x._clamp()
        x.__len__()
        x.view().append(2)
        x.view()[0] = 9
        x.count(2)
        x.pop()
        y = x.clamp_(10)
        print(end="")
    #: f x [-1]; Tensor.clamp_ low 0; Tensor.clamp_ self [0]; Tensor.clamp_ return [0]; f x [0]
    #: Tensor.__len__ return 1; Tensor.view return [0]; f x [0, 2]; Tensor.view return [0, 2]; f x [9, 2]
    #: f x [9]; Tensor.clamp_ low 10; Tensor.clamp_ self [10]; Tensor.clamp_ return [10]; f y [10]
    """,
    "parameters": """
    def g(a, /, b, *c, d=4, **e):
        '''The docstring.'''
        return g.__doc__
    class C:
        def method(self, x): pass
        @classmethod
        def make(cls, x): pass
        @staticmethod
        def static(x): pass
        def named(this, x): pass
        def any(*self): pass
    def bare(self): pass
    def f():
        g(1, 2, 3, e=5)
        C().method(1), C.make(2), C.static(3), C().named(4), C.any(5), bare(6)
    #: g a 1; g b 2; g c (3,); g d 4; g e {'e': 5}; g return 'The docstring.'; C.method x 1; C.make x 2
    #: C.static x 3; C.named this C; C.named x 4; C.any self (5,); bare self 6
    """,
    "returns": """
    def g(): return
    def h(): pass
    def k():
        try:
            return 1
        finally:
            def inner(): return 2
            x = inner()
    def f():
        return g(), h(), k()
    #: k return 1; k.<locals>.inner return 2; k x 2; f return (None, None, 1)
    """,
    "caught": """
    def f():
        for bad in (KeyError, ValueError):
            try:
                raise bad("why")
            except KeyError:
                x = 1
            except ValueError as error:
                try:
                    x = error.nothing
                except (AttributeError, TypeError):
                    pass
        return x
    #: f bad KeyError; f except KeyError('why'); f x 1; f bad ValueError; f except ValueError('why')
    #: f except AttributeError("'ValueError' object has no attribute 'nothing'"); f return 1
    """,
    "declared": """
    total = []
    count = 0
    def f():
        '''Doc.'''
        global total, count
        count = 1
        total.append(count)
        here = 1
        def g():
            nonlocal here
            here += 1
        g()
        return count, total, here
    #: f count 1; f total [1]; f here 1; f.<locals>.g here 2; f return (1, [1], 2)
    """,
    "free and global names are only read": """
    names = {}
    items = []
    def f():
        mine = []
        def g():
            mine.append(1)
            names["k"] = 2
            return [items for items in (7,)], items.append(3)
        def h():
            copies = [items for items in (7,)]
            items.append(4)
            k = [mine for mine in (8,)]
            mine[0] = 5
        g(), h()
        return mine
    #: f mine []; f.<locals>.g mine [1]; f.<locals>.g names {'k': 2}; f.<locals>.g return ([7], None)
    #: f.<locals>.h copies [7]; f.<locals>.h items [3, 4]; f.<locals>.h k [8]; f.<locals>.h mine [5]
    #: f return [5]
    """,
    "names that are not assigned": """
    def f():
        import os as system
        def g(): pass
        class C:
            y = 1
            for z in (1, 2): pass
            def method(self):
                w = 1
                del w
        C().method()
        del g
    #: f.<locals>.C.method w 1
    """,
    "classes": """
    class Base:
        def __init__(self, x):
            self.x = x
    class _Derived(Base):
        def __init__(self, x):
            super().__init__(x)
            __hidden = self.__x = x
            self.y = __class__.__name__
        def __private(self, __p):
            return [__p for __p in (__p,)]
        def public(self):
            return self.__private(2)
    def f():
        made = _Derived(1)
        return made.public(), made.x, made._Derived__x, made.y
    #: _Derived.__init__ x 1; Base.__init__ x 1; Base.__init__ self.x 1; _Derived.__init__ __hidden 1
    #: _Derived.__init__ self.__x 1; _Derived.__init__ self.y '_Derived'; f made _Derived
    #: _Derived.__private __p 2; _Derived.__private return [2]; _Derived.public return [2]
    #: f return ([2], 1, 1, '_Derived')
    """,
    "generators": """
    def g(n):
        while True:
            got = yield n
            if got is None:
                return "done"
            n += got
    def outer():
        result = yield from g(1)
        x = [(yield result)]
    def f():
        running = outer()
        log = [next(running), running.send(5), running.send(None)]
        for _ in running:
            pass
        return log
    #: f running generator; g n 1; g got 5; g n 6; g got None; g return 'done'; outer result 'done'
    #: f log [1, 6, 'done']; outer x [None]; f return [1, 6, 'done']
    """,
    "code that never runs and code that is there twice": """
        def g(n):
            while True:
                break
                def dead(): pass
            x = n
            return x
        def f():
            return g(3), [(x := k) for k in (4,)], [(x := k) for k in (4,)]
        #: g n 3; g x 3; g return 3; f x 4; f x 4; f return (3, [4], [4])
    """,
    "recursion": """
    def f(n=2):
        below = f(n - 1) if n else 0
        return below + n
    #: f n 2; f n 1; f n 0; f below 0; f return 0; f below 0; f return 1; f below 1; f return 3
    """,
    "decorators and defaults belong outside": """
    def f():
        def twice(g):
            return lambda *a: g(*a) * 2
        @(made := twice)
        def g(x=(default := 3), *, y=(other := 4)):
            return x + y
        return g()
    #: f made twice; f default 3; f other 4; f.<locals>.twice g g; f.<locals>.twice return <lambda>
    #: f.<locals>.g x 3; f.<locals>.g y 4; f.<locals>.g return 7; f return 14
    """,
    "an exception on a later line": """
    def g(x):
        y = [
            1,
            x["missing"],
        ]
    def f():
        a = 1
        return max(
            a,
            g(
                {},
            ),
        )
    #: f a 1; g x {}
    """,
    "an exception in evaluation order": """
    def f():
        a = []
        del a
        a[unknown] = 1 / 0
    #: f a []
    """,
    "an attribute that refuses": """
    class Fixed:
        __slots__ = ("x",)
    def f():
        fixed = Fixed()
        fixed.x = 1
        fixed.y = 2
    #: f fixed Fixed; f fixed.x 1; f fixed.y 2
    """,
}
if sys.version_info >= (3, 11):
    CASES["except star"] = """
    def f():
        try:
            raise ExceptionGroup("g", [KeyError("k"), ValueError("v")])
        except* KeyError:
            x = 1
        except* ValueError as error:
            x = 2
    #: f except ExceptionGroup('g', [KeyError('k')]); f x 1; f except ExceptionGroup('g', [ValueError('v')])
    #: f x 2
    """


def shown(value: object, depth: int = 4) -> str:
    """Return a value in words that are the same in every run, to some depth: a list may contain itself."""
    if depth == 0:
        return "..."
    if isinstance(value, BaseException):
        return f"{type(value).__name__}({', '.join(shown(part) for part in value.args)})"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(shown(part, depth - 1) for part in itertools.islice(value, 12))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    if isinstance(value, (type, FunctionType)):
        return value.__name__
    plain = isinstance(value, (int, str, dict, type(None)))
    return repr(value) if plain else type(value).__name__


class Seen:
    """What hooks reported; ``replace`` chooses another value."""

    def __init__(self, replace: Callable[[Place, Any], Any] = lambda _place, value: value) -> None:
        self.replace = replace
        self.places: list[Place] = []
        self.lines: list[Any] = []
        self.all: list[str] = []

    def assigned(self, place: Place, value: object, line: object) -> object:
        """Take in one value."""
        self.places.append(place)
        self.lines.append(line)
        self.all.append(f"{place.function} {place.variable} {shown(value)}")
        return self.replace(place, value)

    def caught(self, place: Place, error: BaseException) -> None:
        """Take in one exception."""
        self.all.append(f"{place.function} {place.variable} {shown(error)}")


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Import a text as a module of its own; forget it in the end."""
    names = []

    def imported(text: str, loader: type[SourceFileLoader] = SourceFileLoader) -> ModuleType:
        name = f"watched_{next(NUMBERS)}"
        names.append(name)
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, path, loader=loader(name, str(path)))
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield imported
    for name in names:
        del sys.modules[name]


def watcher_of(*modules: ModuleType) -> Watcher:
    """Return a watcher of these modules and of nothing else."""
    files = {module.__file__ for module in modules}
    return Watcher(lambda file: file in files)


def outcome(function: Callable[[], object], file: str) -> list[object]:
    """Return what a call gives: its result, or the exception and the functions and lines it came through."""
    try:
        return [shown(function())]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        frames = traceback.extract_tb(error.__traceback__)
        return [shown(error), [(f.name, f.lineno) for f in frames if f.filename == file]]


def codes(module: ModuleType) -> list[tuple[FunctionType, CodeType]]:
    """Return every function of a module that is alive, and its code."""
    functions = [f for f in gc.get_objects() if type(f) is FunctionType and f.__code__.co_filename == module.__file__]
    return [(function, function.__code__) for function in functions]


def are_restored(before: list[tuple[FunctionType, CodeType]]) -> bool:
    """Tell whether each function has the very code that it had."""
    return bool(before) and all(function.__code__ is code for function, code in before)


@pytest.mark.parametrize("case", CASES)
def test_every_assignment_is_seen_and_nothing_else_changes(load: Load, case: str) -> None:
    """The watched function does what the plain one does, and every value is reported once, in order."""
    text = CASES[case]
    expected = "; ".join(re.findall("#: (.*)", text)).split("; ")
    plain, watched = load(text), load(text)
    before = codes(watched)
    watcher, seen = watcher_of(watched), Seen()
    with watcher.watching(seen.assigned, seen.caught):
        found = outcome(watched.f, str(watched.__file__))
    assert found == outcome(plain.f, str(plain.__file__))
    assert seen.all == expected
    assert watcher.skipped == {}
    assert are_restored(before)
    assert outcome(load(text).f, "") == outcome(plain_again(load, text), "")


@pytest.mark.parametrize("case", CASES)
def test_the_expressions_of_marked_lines_change_nothing(load: Load, case: str) -> None:
    """Whatever stands in them: the function does what it does, and its assignments are seen as without."""
    text = CASES[case]
    plain, watched = load(text), load(text)
    files = {str(watched.__file__)}
    watcher, seen = Watcher(lambda file: file in files, lambda _file: frozenset(range(1, 1000))), Seen()

    def assigned(place: Place, value: object, line: object) -> object:
        return value if place.kind == "expression" else seen.assigned(place, value, line)

    with watcher.watching(assigned, seen.caught):
        found = outcome(watched.f, str(watched.__file__))
    assert found == outcome(plain.f, str(plain.__file__))
    assert seen.all == "; ".join(re.findall("#: (.*)", text)).split("; ")
    assert watcher.skipped == {}


MARKED = """
class Box:
    low = 2

    def of(self, x):
        return x - self.low

def f(x=[1, 2, 3]):
    box = Box()
    y = max(
        box.of(x[1]) + sum(v for v in x[1:]),
        -len(x), f"{x[0]}" == "1",
    )
    x[y > 4] = y
    return x
"""


def test_each_expression_of_a_marked_line_is_seen_where_it_stands(load: Load) -> None:
    """From the inside out, and only there; what is called is none, neither is a constant, a display or a global name."""
    watched = load(MARKED)
    file, lines = str(watched.__file__), MARKED.splitlines()
    seen: list[tuple[str, object]] = []

    def assigned(place: Place, value: object, _line: object) -> object:
        if place.kind == "expression":
            (first, start), (last, end) = (map(int, at.split(":")) for at in place.variable.split("-"))
            part = lines[first - 1 : last]
            text = part[0][start:end] if first == last else part[0][start:] + "..." + part[-1][:end]
            seen.append((text, copy.copy(value)))
        return value

    with Watcher(lambda name: name == file, lambda _file: frozenset({10, 14})).watching(assigned, lambda *_: None):
        watched.f()
    assert seen == [
        ("box", seen[0][1]), ("x", [1, 2, 3]), ("1", 1), ("x[1]", 2), ("box.of(x[1])", 0),
        ("x", [1, 2, 3]), ("1", 1), ("x[1:]", [2, 3]), ("sum(v for v in x[1:])", 5),
        ("box.of(x[1]) + sum(v for v in x[1:])", 5),
        ("x", [1, 2, 3]), ("len(x)", 3), ("-len(x)", -3),
        ('f"{x[0]}" == "1"', True),
        ("max(...    )", 5),
        ("y", 5),
    ]  # fmt: skip


def plain_again(load: Load, text: str) -> Callable[[], object]:
    """Return the function after a block: its hooks, were any left, report to nobody."""
    module = load(text)
    with watcher_of(module).watching(fail, fail):
        pass
    return module.f


def fail(*_arguments: object) -> None:
    raise AssertionError("a hook was called")


REPLACED = {  # source, variable, kind, result with 10 in its place
    "assigned": ("def f():\n x = 1\n return x + 1", "x", "assigned", 11),
    "chained": ("def f():\n a = b = 1\n return a, b", "a", "assigned", (10, 1)),
    "unpacked": ("def f():\n (a, *b), c = (1, 2), 3\n return a, b, c", "b", "assigned", (1, 10, 3)),
    "augmented": ("def f():\n x = 1\n x += 1\n return x", "x", "assigned", 10),
    "annotated": ("def f():\n x: int = 1\n return x", "x", "assigned", 10),
    "walrus": ("def f():\n return [(y := k) for k in (1, 2)] + [y]", "y", "assigned", [10, 10, 10]),
    "attribute": ("def f():\n f.x = 1\n return f.x", "f.x", "assigned", 10),
    "annotated attribute": ("def f():\n f.x: int = 1\n return f.x", "f.x", "assigned", 10),
    "for": ("def f():\n t = ()\n for i in (1, 2): t = (*t, i)\n return t", "i", "assigned", (10, 10)),
    "with": (
        "from contextlib import nullcontext as n\ndef f():\n with n(1) as x: return x",
        "x",
        "assigned",
        10,
    ),
    "match": ("def f():\n match [1, 2]:\n  case [a, b]: return a, b", "b", "assigned", (1, 10)),
    "global": ("x = 0\ndef f():\n global x\n x = 1\n return globals()['x']", "x", "assigned", 10),
    "nonlocal": ("def f():\n x = 0\n def g():\n  nonlocal x\n  x = 1\n g()\n return x", "x", "assigned", 10),
    "parameter": ("def f(x=1):\n return x", "x", "parameter", 10),
    "parameters": ("def f(a=1, /, b=2, *c, d=3, **e):\n return a, b, c, d, e", "c", "parameter", (1, 2, 10, 3, {})),
    "captured parameter": ("def f(x=1):\n def g(): return x\n return g()", "x", "parameter", 10),
    "changed": ("def f():\n x = [1]\n x[0] = 2\n return x", "x", "changed", 10),
    "changed sum": ("def f():\n x = [1]\n x[0] += 2\n return x", "x", "changed", 10),
    "in place": ("def f():\n x = [1]\n x.append(2)\n return x", "x", "changed", 10),
    "changed global": ("x = [1]\ndef f():\n global x\n x[0] = 2\n return x", "x", "changed", 10),
    "return": ("def f():\n return 1", "return", "return", 10),
}
KEPT = {  # source, variable, result whatever the hook returns
    "free": ("def f():\n x = [1]\n def g(): x[0] = 2\n g()\n return x", "x", [2]),
    "global": ("x = [1]\ndef f():\n x.append(2)\n return x", "x", [1, 2]),
    "changed attribute": ("def f():\n f.x = [1]\n f.x[0] = 2\n return f.x", "f.x", [2]),
    "unpacked attribute": ("def f():\n f.x, y = 1, 2\n return f.x", "f.x", 1),
    "chained attribute": ("def f():\n y = f.x = 1\n return f.x", "f.x", 1),
    "augmented attribute": ("def f():\n f.x = 1\n f.x += 1\n return f.x", "f.x", 2),
}


@pytest.mark.parametrize("case", REPLACED)
def test_a_replaced_value_is_what_follows_goes_on_with(load: Load, case: str) -> None:
    """What the hook returns takes the variable's place."""
    text, variable, kind, expected = REPLACED[case]
    module = load(text)
    seen = Seen(lambda place, value: 10 if (place.variable, place.kind) == (variable, kind) else value)
    with watcher_of(module).watching(seen.assigned, seen.caught):
        assert module.f() == expected
    assert {place.replaceable for place in seen.places} == {True}


@pytest.mark.parametrize("case", KEPT)
def test_what_is_not_replaceable_says_so_and_keeps_its_value(load: Load, case: str) -> None:
    """The hook's result is thrown away there."""
    text, variable, expected = KEPT[case]
    module = load(text)
    seen = Seen(lambda place, value: value if place.replaceable else 10)
    with watcher_of(module).watching(seen.assigned, seen.caught):
        assert module.f() == expected
    assert [p.variable for p in seen.places if not p.replaceable] == [variable]


def test_places_say_where_and_what(load: Load) -> None:
    """A place has its function, variable, first line, file, kind; places are there before anything runs."""
    module = load(
        """\
        def f(
            a,
            b=2,
        ):
            x = [
                a,
            ]
            x[0] = (
                y := 1
            )
            try:
                f.z, w = x
            except ValueError:
                for i in x: i
            match x:
                case 3: pass
                case [c]: pass
            return (
                x
            )
        def g():
            return f(
                1
            )
        """
    )
    watcher, seen = watcher_of(module), Seen()
    known = list(watcher.places)
    found = {(p.function, p.variable, p.line, p.kind, p.replaceable) for p in known}
    assert found == {
        ("f", "a", 2, "parameter", True),
        ("f", "b", 3, "parameter", True),
        ("f", "x", 5, "assigned", True),
        ("f", "x", 8, "changed", True),
        ("f", "y", 8, "assigned", True),
        ("f", "f.z", 12, "assigned", False),
        ("f", "w", 12, "assigned", True),
        ("f", "except", 13, "caught", False),
        ("f", "i", 14, "assigned", True),
        ("f", "c", 17, "assigned", True),
        ("f", "return", 18, "return", True),
        ("g", "return", 22, "return", True),
    }
    assert {p.file for p in known} == {module.__file__}
    with watcher.watching(seen.assigned, seen.caught):
        module.g()
    assert seen.lines == [(module.__file__, 22), (module.__file__, 22), 5, 8, 8, 14, 17, 18, 22]
    assert watcher.places == known
    assert set(seen.places) < set(known)
    assert repr(known[0]) == f"<parameter a of f, {module.__file__}:2>"


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_code_is_restored_whatever_ends_the_block(load: Load, error: type[BaseException]) -> None:
    """An exception in the block, in a watched function and in the hook itself: each function is as it came."""
    module = load("def raises(error):\n    raise error\ndef f():\n    x = 1\n    return x")
    before = codes(module)
    watcher, seen = watcher_of(module), Seen()
    with pytest.raises(error), watcher.watching(seen.assigned, seen.caught):
        raise AssertionError if are_restored(before) else error
    assert are_restored(before)
    with pytest.raises(error), watcher.watching(seen.assigned, seen.caught):
        module.raises(error)
    assert are_restored(before)

    def stop(*_arguments: object) -> None:
        raise error

    with pytest.raises(error), watcher.watching(stop, stop):
        module.f()
    assert are_restored(before)
    assert module.f() == 1
    assert seen.all == [f"raises error {error.__name__}"]


def test_every_way_to_a_function_is_watched(load: Load) -> None:
    """Imported by name, aliased, in a closure made earlier, a property, decorated: all report."""
    module = load(
        """
        import functools
        def kept(function):
            @functools.wraps(function)
            def around(*args):
                inside = function(*args)
                return inside
            return around
        @kept
        def decorated(x):
            return x
        def plain(x):
            return x
        class Box:
            @property
            def size(self):
                s = 3
                return s
            def method(self, x):
                return x
            alias = method
            @functools.lru_cache()
            def cached(self, x):
                return x
        def maker():
            def closure(x):
                return x
            return closure
        early, other = maker(), maker()
        """
    )
    user = load("def f(plain, box):\n    return [plain(1), box.size, box.alias(2), box.cached(4)]")
    by_name, method, seen = module.plain, module.Box().method, Seen()
    with watcher_of(module).watching(seen.assigned, seen.caught):
        assert user.f(by_name, module.Box()) == [1, 3, 2, 4]
        assert [method(5), module.decorated(6), module.early(7), module.other(8)] == [5, 6, 7, 8]
        late = module.maker()
        assert late(9) == 9
    assert seen.all == [
        "plain x 1", "plain return 1", "Box.size s 3", "Box.size return 3", "Box.method x 2", "Box.method return 2",
        "Box.cached x 4", "Box.cached return 4", "Box.method x 5", "Box.method return 5",
        "kept.<locals>.around args (6,)", "decorated x 6", "decorated return 6",
        "kept.<locals>.around inside 6", "kept.<locals>.around return 6",
        "maker.<locals>.closure x 7", "maker.<locals>.closure return 7",
        "maker.<locals>.closure x 8", "maker.<locals>.closure return 8", "maker return closure",
        "maker.<locals>.closure x 9", "maker.<locals>.closure return 9",
    ]  # fmt: skip


def test_what_a_block_leaves_behind_reports_only_inside_blocks(load: Load) -> None:
    """A closure made in a block and a generator suspended over its end run on; another block hears of them again."""
    module = load(
        """
        def maker():
            def closure(x):
                return x
            return closure
        def counting():
            for i in range(9):
                yield i
        """
    )
    first, second = Seen(), Seen()
    with watcher_of(module).watching(first.assigned, first.caught):
        late, running = module.maker(), module.counting()
        assert next(running) == 0
    assert (late(1), next(running)) == (1, 1)
    unrelated = load("def f():\n    return 0")
    with watcher_of(unrelated).watching(fail, fail):
        assert (late(1), next(running)) == (1, 2)
    watcher = watcher_of(module)
    with watcher.watching(second.assigned, second.caught):
        assert (late(2), next(running)) == (2, 3)
    assert (late(3), next(running)) == (3, 4)
    assert first.all == ["maker return closure", "counting i 0"]
    assert second.all == ["maker.<locals>.closure x 2", "maker.<locals>.closure return 2", "counting i 3"]
    assert watcher.skipped == {}


def test_functions_that_are_new_are_found_at_the_next_block(load: Load) -> None:
    """A module that is imported later is watched from the next block on."""
    name = f"watched_{next(NUMBERS) + 1}"
    watcher, seen = Watcher(lambda file: file.endswith(f"{name}.py")), Seen()
    assert watcher.places == []
    module = load("def f():\n    return 1")
    assert module.__name__ == name
    with watcher.watching(seen.assigned, seen.caught):
        module.f()
    assert seen.all == ["f return 1"]
    assert len(watcher.places) == 1


def test_a_hook_that_calls_watched_code_hears_nothing_of_it(load: Load) -> None:
    """What the two callbacks call themselves is not reported."""
    module = load("def f():\n    try:\n        x = 1 / 0\n    except ZeroDivisionError:\n        x = 2\n    return x")
    calls = []

    def assigned(place: Place, value: object, _line: object) -> object:
        calls.append((place.variable, module.f()))
        return value

    with watcher_of(module).watching(assigned, lambda place, error: calls.append((shown(error), module.f()))):
        assert module.f() == 2
    assert calls == [("ZeroDivisionError('division by zero')", 2), ("x", 2), ("return", 2)]


def test_blocks_nest(load: Load) -> None:
    """The inner block hears alone while it runs, then the outer one again."""
    module = load("def f():\n    return 1")
    outer, inner = Seen(), Seen()
    original = module.f.__code__
    with watcher_of(module).watching(outer.assigned, outer.caught):
        with watcher_of(module).watching(inner.assigned, inner.caught):
            module.f()
        module.f()
    assert (len(outer.all), len(inner.all)) == (1, 1)
    assert module.f.__code__ is original


def test_what_belongs_to_the_function_stays(load: Load) -> None:
    """Name, docstring, defaults, annotations and signature are those of the function."""
    module = load("def f(x: int = 1, *, y=2) -> int:\n    '''Doc.'''\n    def g():\n        'Inner.'\n    return g")
    fields = ["__name__", "__doc__", "__defaults__", "__kwdefaults__", "__annotations__", "__dict__", "__module__"]
    before = copy.deepcopy([getattr(module.f, field) for field in fields])
    with watcher_of(module).watching(lambda _place, value, _line: value, fail):
        assert [getattr(module.f, field) for field in fields] == before
        assert module.f().__doc__ == "Inner."


def test_a_source_that_was_edited_since_is_skipped(load: Load) -> None:
    """A function whose text is not what was loaded says so; the others are watched."""
    module = load("def f():\n    return 1\ndef g():\n    return 2\ndef outer():\n    def h(): return 3\n    return h()")
    path = Path(str(module.__file__))
    path.write_text(path.read_text().replace("return 1", "return 1.0").replace("return 3", "return 4"))
    watcher, seen = watcher_of(module), Seen()
    with watcher.watching(seen.assigned, seen.caught):
        assert [module.f(), module.g(), module.outer()] == [1, 2, 3]
    assert seen.all == ["g return 2"]
    assert watcher.skipped == {
        "f": f"its source is not what was loaded ({path}:1)",
        "outer": f"its source is not what was loaded ({path}:5)",
    }


class EditingLoader(SourceFileLoader):
    """Loads every 1 as 100."""

    def get_source(self, fullname: str) -> str:
        """Return the text that is loaded."""
        return self.get_data(self.path).decode().replace("1", "100")

    def get_code(self, fullname: str) -> CodeType:
        """Compile the edited text."""
        return self.source_to_code(self.get_source(fullname).encode(), self.path)


class SilentLoader(EditingLoader):
    """Loads every 1 as 100 and does not tell."""

    get_source = SourceFileLoader.get_source

    def get_code(self, fullname: str) -> CodeType:
        """Compile the edited text."""
        return self.source_to_code(EditingLoader.get_source(self, fullname).encode(), self.path)


def test_a_module_that_was_edited_on_load_is_watched_as_it_was_loaded(load: Load) -> None:
    """The loader's text counts, not the file's; a loader that does not tell it has the function skipped."""
    text = "def f():\n    x = 1\n    return x"
    told, silent, seen = load(text, EditingLoader), load(text, SilentLoader), Seen()
    watcher = watcher_of(told, silent)
    with watcher.watching(seen.assigned, seen.caught):
        assert told.f() == silent.f() == 100
    assert seen.all == ["f x 100", "f return 100"]
    assert watcher.skipped == {"f": f"its source is not what was loaded ({silent.__file__}:1)"}


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.unlink(), "its source cannot be read"),
        (lambda path: path.write_text("def f(:"), "its source does not compile: "),
        (lambda path: path.write_text("pass\n\n\ndef f(): return 1"), "its source is not what was loaded "),
    ],
)
def test_a_file_without_its_source_is_skipped(load: Load, damage: Callable[[Path], None], why: str) -> None:
    """Nothing is raised, the function runs as it is, and the note says why."""
    module = load("def f():\n    return 1")
    damage(Path(str(module.__file__)))
    watcher = watcher_of(module)
    with watcher.watching(fail, fail):
        assert module.f() == 1
    ((_, note),) = watcher.skipped.items()
    assert note.startswith(why)


def test_what_has_no_name_is_left_alone_and_no_note_made(load: Load) -> None:
    """Lambdas, and comprehensions that are running when a watcher looks around."""
    module = load("def f(call):\n    return [call() for _ in (1,)] + list(call() for _ in (1,))\ng = lambda: (x := 1)")
    assert module.f(lambda: watcher_of(module).skipped) == [{}, {}]
    with watcher_of(module).watching(fail, fail):
        assert module.g() == 1


def test_two_modules_from_one_file_keep_their_texts_apart(tmp_path: Path) -> None:
    """The same file loaded as it is and loaded edited: each reports its own values."""
    path = tmp_path / "watched_twice.py"
    path.write_text("def f():\n    return 1")
    modules = []
    for loader in (SourceFileLoader("one", str(path)), EditingLoader("two", str(path))):
        modules.append(importlib.util.module_from_spec(ModuleSpec(loader.name, loader, origin=str(path))))
        modules[-1].__file__ = str(path)
        loader.exec_module(modules[-1])
    watcher, seen = Watcher(lambda file: file == str(path)), Seen()
    with watcher.watching(seen.assigned, seen.caught):
        assert [module.f() for module in modules] == [1, 100]
    assert seen.all == ["f return 1", "f return 100"]
    assert watcher.skipped == {}


def test_real_files_keep_what_their_names_mean() -> None:
    """In long modules of the standard library, hooks make no name local, global or free that was not."""
    for library in (argparse, ast, contextlib, dataclasses, dis, enum, inspect, textwrap, traceback):
        file = str(library.__file__)
        plain, hooked, places = rewrite(Path(file).read_text(), file, 0)
        assert plain.keys() <= hooked.keys()  # Python may drop what never runs
        for key, codes_there in plain.items():
            assert all(any(only_hooks_added(one, code) for one in codes_there) for code in hooked[key])
        assert len(places) > 50


ERRORS = ["TypeError", "(IndexError, ZeroDivisionError)", "Exception as error", "ValueError"]
LITERALS = ("0", "1", "2", "-1")


class Writer:
    """Writes functions of numbers and lists that mostly run on, and fail now and then; no value grows fast."""

    def __init__(self, choices: bytes) -> None:
        self.choices = iter(choices)  # the first of several when they have run out
        self.calls = True  # whether inner may be called and defined: not inside of itself

    def choice(self, options: Sequence[Any]) -> Any:
        """Return one of several things."""
        return options[next(self.choices, 0) % len(options)]

    def pick(self, *forms: Callable[[], Any]) -> Any:
        """Write one of several forms."""
        return self.choice(forms)()

    def names(self) -> list[str]:
        """Return two numbers, then two lists."""
        return [*self.choice(list(permutations("akx", 2))), *self.choice([("xs", "y"), ("y", "xs")])]

    def number(self, depth: int = 2) -> str:
        """Write an expression that is mostly a number."""
        n, _, li, _ = self.names()
        if depth == 0:
            return self.choice([n, n, *LITERALS])
        return self.pick(
            lambda: self.number(0),
            lambda: f"({self.number(depth - 1)} + {self.number(0)})",
            lambda: f"({self.number(0)} - {self.number(depth - 1)})",
            lambda: f"({n} := {self.number(depth - 1)})",
            lambda: f"({self.number(depth - 1)} if {self.number(depth - 1)} else {self.number(0)})",
            lambda: f"({self.number(depth - 1)} and {self.number(depth - 1)})",
            lambda: f"len({self.array(depth - 1)})",
            lambda: f"{li}[-{self.choice(['0', '1', '1', '1', n])}]",
            lambda: f"inner({self.number(depth - 1)})" if self.calls else n,
            lambda: f"(6 // {self.choice([n, '2', '3'])})",
        )

    def array(self, depth: int = 2) -> str:
        """Write an expression that is mostly a list."""
        n, _, li, _ = self.names()
        if depth == 0:
            return self.choice([li, li, li, li, "[5]"])
        return self.pick(
            lambda: self.array(0),
            lambda: f"[{self.number(depth - 1)}, {self.number(0)}]",
            lambda: f"[*{self.array(0)}, {self.number(depth - 1)}]",
            lambda: f"({self.array(depth - 1)} + [{self.number(0)}])",
            lambda: f"[c0 + {self.number(depth - 1)} for c0 in (1, 2)]",
            lambda: f"[({n} := c1) for c1 in (1, {self.number(0)}) if {self.number(depth - 1)}]",
            lambda: f"({li} := {self.array(depth - 1)})",
        )

    def block(self, depth: int, *, loop: bool) -> list[str]:
        """Write one to three statements, indented."""
        lines: list[str] = []
        for _ in range(self.choice([1, 2, 3])):
            lines += self.compound(depth, loop=loop) if depth and self.choice([0, 0, 1]) else [self.simple(loop)]
        return ["    " + line for line in lines]

    def simple(self, loop: bool) -> str:
        """Write one line. The [:] keeps Python from storing a tuple's values in another order than written."""
        n, other, li, lj = self.names()
        if self.choice(range(16)) == 15:
            leave = [f"return {self.number()}", "return", f"raise ValueError({self.number()})", f"del {n}"]
            return self.choice([*leave, f"assert {self.number()}", *["continue", "break"] * loop])
        return self.pick(
            lambda: f"{n} = {self.number()}",
            lambda: f"{li} = {self.array()}",
            lambda: f"{n} = {other} = {self.number()}",
            lambda: f"{li} = {lj} = {self.array()}",
            lambda: f"{n}, {li} = ({self.number()}, {self.array()})[:]",
            lambda: f"[{n}, ({other},)] = ({self.number()}, [{self.number()}])[:]",
            lambda: f"{n}, *{li} = {self.array()}",
            lambda: f"z: int = {self.number()}",
            lambda: f"{n} += {self.number()}",
            lambda: f"{li} += [{self.number()}]",
            lambda: f"{li}[0] = {self.number()}",
            lambda: f"{li}[-{self.number(0)}] += 1",
            lambda: f"{li}[:1] = [{self.number()}, {self.number(0)}]",
            lambda: f"{li}.append({self.pick(self.number, self.array)})",
            lambda: f"{li}.pop()",
            lambda: f"({self.number()})",
            lambda: "pass",
        )

    def compound(self, depth: int, *, loop: bool) -> list[str]:
        """Write a statement with blocks inside."""
        n, _, li, _ = self.names()
        inside = lambda: self.block(depth - 1, loop=loop)  # noqa: E731
        repeated = lambda: self.block(depth - 1, loop=True)  # noqa: E731
        one, two, error = self.number(1), self.number(), self.choice(ERRORS)
        return self.pick(
            lambda: [f"if {one}:", *inside(), "else:", *inside()],
            lambda: [f"for {n} in ({one}, {two}):", *repeated(), "else:", *inside()],
            lambda: [f"for {n}, [*{li}] in (({one}, [{two}]), (0, (1,))):", *repeated()],
            lambda: [f"n{depth} = 3", f"while (n{depth} := n{depth} - 1):", *repeated()],
            lambda: ["with suppress(TypeError, UnboundLocalError):", *inside()],
            lambda: ["try:", *inside(), f"except {error}:", *inside(), "else:", *inside()],
            lambda: self.inner() if self.calls else ["pass"],
        )

    def inner(self) -> list[str]:
        """Write a function inside the function."""
        head = f"def inner(k, q={self.number(0)}):"
        declared = self.choice(["pass", "nonlocal x", *["nonlocal a, x, xs, y"] * 5])
        self.calls = False
        body = [f"    {declared}", *self.block(1, loop=False), f"    return {self.number()}"]
        self.calls = True
        return [head, *body]

    def module(self) -> str:
        """Write a module with a function f(a, xs, ...) that has a closure."""
        blocks = [line for _ in range(3) for line in self.block(2, loop=False)]
        inner = ["    " + line for line in self.inner()]
        head = ["from contextlib import suppress", "def f(a, xs, *rest, k=3):", "    x = a", "    y = xs"]
        return "\n".join([*head, *inner, *blocks, f"    return {self.array()}, {self.number()}"])


def module_of(text: str, file: str) -> ModuleType:
    """Return a module that exists in memory only, with a loader that knows its text."""
    module = ModuleType("generated")
    module.__loader__ = SimpleNamespace(get_source=lambda _name: text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that an assertion is always true, and more of the kind
        exec(compile(text, file, "exec", dont_inherit=True), vars(module))
    return module


class Oracle:
    """Sees assignments as the interpreter makes them: by the instructions that store, knowing nothing of hooks."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = ["", *(line.strip() for line in text.splitlines())]
        self.seen: list[str] = []
        self.stored: dict[FrameType, list[str]] = {}  # variables whose instruction has not run yet
        self.last: dict[FrameType, str] = {}  # the line that runs
        self.returning: set[FrameType] = set()
        self.known: dict[CodeType, dict[int, tuple[str, str, object]]] = {}

    def trace(self, frame: FrameType, event: str, arg: object) -> Callable[..., object] | None:
        """Follow one event, as sys.settrace wants it."""
        if frame.f_code.co_filename != self.file:
            return None
        if event == "call":
            frame.f_trace_opcodes = True
            self.saw(frame, {"f": ["a", "xs", "rest", "k"], "inner": ["k", "q"]}.get(frame.f_code.co_name, []))
            return self.trace
        stored = self.stored.pop(frame, [])
        if event != "exception":
            self.saw(frame, stored)
        if event == "opcode":
            self.step(frame)
        if event == "return" and frame in self.returning:
            self.seen.append(f"return {shown(arg)}")
        return self.trace

    def saw(self, frame: FrameType, names: list[str]) -> None:
        """Note what variables have become."""
        self.seen += [f"{name} {shown(frame.f_locals[name])}" for name in names]

    def step(self, frame: FrameType) -> None:
        """Note what the next instruction is about to do."""
        before, name, argument = self.instruction(frame)
        line = self.lines[frame.f_lineno or 0]
        if not line.startswith("with "):  # whose end comes between a return's value and the return
            self.last[frame] = line
        if name.startswith(("STORE_FAST", "STORE_DEREF")):
            both = argument if isinstance(argument, tuple) else (argument,)  # Python 3.13 does two at once
            stores = [a for kind, a in zip(re.findall("STORE|LOAD", name), both, strict=True) if kind == "STORE"]
            self.stored[frame] = [str(a) for a in stores if a not in ("c0", "c1", "error", "inner")]
        elif name in ("STORE_SUBSCR", "STORE_SLICE"):
            self.stored[frame] = [line.partition("[")[0]]
        elif name == "POP_TOP" and before.startswith("CALL") and re.match(r"\w+\.(append|pop)\(", line):
            self.saw(frame, [line.partition(".")[0]])
        elif (
            name.startswith("RETURN_")
            and self.last[frame].startswith("return ")
            and frame.f_code.co_name in ("f", "inner")
        ):
            self.returning.add(frame)

    def instruction(self, frame: FrameType) -> tuple[str, str, object]:
        """Return the name of the instruction before the frame's next one, its own, and its argument."""
        code = frame.f_code
        if code not in self.known:
            steps = list(dis.get_instructions(code))
            names = ["", *(step.opname for step in steps)]
            self.known[code] = {s.offset: (name, s.opname, s.argval) for name, s in zip(names, steps, strict=False)}
        return self.known[code][frame.f_lasti]

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """See what runs in the block."""
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            yield
        finally:
            sys.settrace(before)


@given(st.binary(min_size=1000, max_size=1000).map(lambda choices: Writer(choices).module()))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_function_runs_as_it_is_and_each_of_its_assignments_is_seen(text: str) -> None:
    """Result, exception and changed arguments are the plain function's; the values are those that the bytecode stores."""
    file = f"/generated/{next(NUMBERS)}.py"
    oracle, seen, found = Oracle(text, file), Seen(), []
    watched = module_of(text, file)
    watcher = Watcher(lambda name: name == file)
    blocks = [contextlib.nullcontext(), oracle.watching(), watcher.watching(seen.assigned, seen.caught)]
    for function, block in zip([module_of(text, file).f] * 2 + [watched.f], blocks, strict=True):
        arguments = (2, [1, 3, 4], 6)
        with block:
            result = outcome(lambda function=function, arguments=arguments: function(*arguments), file)
        found.append([result, shown(arguments)])
    assert found[0] == found[1] == found[2]
    assert [each.split(" ", 1)[1] for each in seen.all if " except " not in each] == oracle.seen
    assert watcher.skipped == {}
