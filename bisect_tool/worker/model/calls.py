"""Module calls as sites: one wrapper around every module, each call with a name and a number."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, ContextManager, Iterator, List, Optional, Tuple

from ..adapters.adapter import Adapter, Module, Tree

Aliases = Tuple[Module, List[str]]  # a module, its names


class Call:
    """One call of one module: ``site`` is its name, with ``#n`` from the second call on; ``parent`` the call around it.

    ``leaf``: no call was made inside it so far. An attention that only reads its projection's weight is one.

    ``drawn`` counts what its own code has drawn since that was begun, see ``draws``.
    """

    __slots__ = ("drawn", "leaf", "module", "name", "parent", "site")

    def __init__(self, name: str, number: int, module: Module, parent: Call | None) -> None:
        self.name = name
        self.site = name if number == 1 else "%s#%d" % (name, number)
        self.module = module
        self.leaf = True
        self.parent = parent
        self.drawn: dict[str, int] = {}


def chain(call: Call | None) -> Iterator[Call]:
    """Yield a call and those around it, the innermost first."""
    while call is not None:
        yield call
        call = call.parent


class _Running:
    """Whose code runs: the ``stack`` of calls, and whether it is the user's ``own`` or that of who looks at a call.

    ``ended`` are the calls that are over since the outermost ``wrapped`` began, in order; ``transformed`` are the modules that were called inside functional transforms since the outermost ``wrapped`` began.
    """

    def __init__(self) -> None:
        self.stack: list[Call | None] | None = None
        self.own = True
        self.ended: list[str] = []
        self.transformed: dict[str, None] = {}


_running = _Running()  # of the process, as the code is that runs

Current = Callable[[], Optional[Call]]
Around = Callable[[Call, Callable[..., Any], Tuple[Any, ...], Any], Any]  # call, compute, args, kwargs


@contextlib.contextmanager
def wrapped(
    adapter: Adapter, tree: Tree, around: Around, lines: Callable[[Current], ContextManager[None]] | None = None
) -> Iterator[dict[str, int]]:
    """Send every module call through ``around(call, compute, args, kwargs)`` while the block runs.

    ``tree`` is the adapter's list of (name, module, leaf). ``compute(*args, **kwargs)`` is the module's own
    code. A module that is listed under several names (one activation shared by all blocks) takes
    the name that lies under the module that called it. Every module is left exactly as it came. ``lines``, where given,
    is called with a function that tells the call that runs, and gives a context to run in.

    Yields the number of calls so far by name: whoever skips a call adds what it would have called inside, so that
    later calls keep their numbers. Calls that are made again during a backward pass do not count, and are only computed; so
    are those inside a functional transform, whose values nobody can look at (see ``transformed``).
    """
    counts: dict[str, int] = {}
    stack: list[Call | None] = [None]
    undo = []
    outer, _running.stack = _running.stack, stack
    if outer is None:
        _running.ended, _running.transformed = [], {}
    try:
        for each in _modules(tree):
            module = each[0]
            method = _method(adapter, each, counts, stack, around)
            undo.append((module, module.__dict__.get(adapter.METHOD)))
            object.__setattr__(module, adapter.METHOD, method)
        with lines(lambda: stack[-1]) if lines else contextlib.nullcontext():
            yield counts
    finally:
        _running.stack = outer
        for module, before in reversed(undo):
            module.__dict__.pop(adapter.METHOD, None)
            if before is not None:
                object.__setattr__(module, adapter.METHOD, before)


@contextlib.contextmanager
def named(adapter: Adapter, tree: Tree) -> Iterator[None]:
    """Let it be known which call runs while the block does, where nobody looks at calls."""
    with contextlib.nullcontext() if _running.stack else wrapped(adapter, tree, _computed):
        yield


def _computed(_call: Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return compute(*args, **kwargs)


def running() -> Call | None:
    """Return the call that runs, None in the code of ``step`` and where nobody looks at calls."""
    return _running.stack[-1] if _running.stack else None


def ended() -> list[str]:
    """Return the calls that are over in this run, or were in the last one, in the order in which they ended."""
    return _running.ended


def transformed() -> list[str]:
    """Return the modules that the last run called inside functional transforms: these calls were only computed."""
    return list(_running.transformed)


def in_own_code() -> bool:
    """Tell whether it is the user's own code that runs, not that of who looks at a call."""
    return _running.own


def _modules(tree: Tree) -> list[Aliases]:
    names: dict[int, Aliases] = {}
    for name, module, _ in tree:
        names.setdefault(id(module), (module, []))[1].append(name)
    return list(names.values())


def _method(
    adapter: Adapter, of: Aliases, counts: dict[str, int], stack: list[Call | None], around: Around
) -> Callable[..., Any]:
    """Return what is called in place of a module's own method."""
    module, aliases = of
    original = getattr(module, adapter.METHOD)

    def method(*args: Any, **kwargs: Any) -> Any:
        if adapter.in_backward():  # made again, to save memory: that is no further call
            return original(*args, **kwargs)
        if adapter.in_transform():
            _running.transformed[_name_under(stack[-1], aliases)] = None
            return original(*args, **kwargs)
        parent = stack[-1]
        name = _name_under(parent, aliases)
        counts[name] = counts.get(name, 0) + 1
        call = Call(name, counts[name], module, parent)
        if parent is not None:
            parent.leaf = False

        def compute(*args: Any, **kwargs: Any) -> Any:
            call.drawn = {}  # computed once more, it draws the same
            with _own_code(True):
                return original(*args, **kwargs)

        compute.__wrapped__ = original  # type: ignore[attr-defined]  # whoever asks for its signature gets the user's
        stack.append(call)
        try:
            with _own_code(False):
                return around(call, compute, args, kwargs)
        finally:
            stack.pop()
            _running.ended.append(call.site)

    return method


@contextlib.contextmanager
def _own_code(own: bool) -> Iterator[None]:
    before, _running.own = _running.own, own
    try:
        yield
    finally:
        _running.own = before


def _name_under(parent: Call | None, aliases: list[str]) -> str:
    if parent is not None and len(aliases) > 1:
        for name in aliases:
            if name.rpartition(".")[0] == parent.name:
                return name
    return aliases[0]
