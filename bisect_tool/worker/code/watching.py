"""Watch the variables of functions: while a block runs, each assignment calls a hook that may put another value."""

import builtins
import contextlib
import gc
import os
import sys
import tokenize
import types
import weakref

from .rewriting import ASSIGNED, CAUGHT, Place, only_hooks_added, rewrite, same_code

__all__ = ["Place", "Watcher", "text_of"]

UNREADABLE = object()


class Watcher:
    """The functions of some files, each with a second code object that calls hooks.

    ``is_watched(co_filename)`` chooses the files. Attributes: ``places`` (every Place in them), ``skipped`` (what
    could not be given hooks: qualified name of a function, or a file, to why, in words). Both grow when a block
    finds functions that were not there before.

    Usage::

        def assigned(place, value, line):
            print(place.function, place.variable, value)
            return value

        with Watcher(is_mine).watching(assigned, caught=lambda place, error: None):
            step(batch)
    """

    def __init__(self, is_watched):
        self.places = []
        self.skipped = {}
        self._is_watched = is_watched
        self._watched = {}  # file -> whether it is watched
        self._numbers = {}  # number in a hook's call -> Place
        self._modules = 0  # how many were loaded when functions were last looked for
        self._looks = 0
        self._found = []  # (weak reference to a function, its code with hooks)
        self._hooked = {}  # id of a code object -> (it, the code with hooks or None); its hash would ignore its file
        # They stay: a function or generator made in a block may run long after it, and calls them. Then they do nothing.
        setattr(builtins, ASSIGNED, _assigned)
        setattr(builtins, CAUGHT, _caught)
        self._functions()

    @contextlib.contextmanager
    def watching(self, assigned, caught):
        """Call ``assigned(place, value, line)`` after every assignment, ``caught(place, error)`` in every handler.

        What ``assigned`` returns takes the variable's place where ``place.replaceable``. ``line`` is the statement's;
        for a parameter it is the (file, line) of the call. Whatever the two call themselves is not watched. Every
        function that was there before gets its code back in the end, however the block ends.
        """
        swapped = []
        outer = _running[0]
        try:
            for function, hooked in self._functions():
                swapped.append((function, function.__code__))
                function.__code__ = hooked
            _running[0] = _Block(self._numbers, assigned, caught)
            yield
        finally:
            _running[0] = outer
            for function, code in swapped:
                function.__code__ = code

    def _functions(self):
        """Return (function, its code with hooks) for all that there are: closures and decorated ones have no name.

        Looked for when the Watcher is made, once more before the first block (what a run made in between), and again
        where modules were loaded since: going through all objects of a process takes some 40 ms.
        """
        if self._modules != len(sys.modules) or self._looks < 2:
            self._modules = len(sys.modules)
            self._looks += 1
            texts = {}
            alive = [found for found in gc.get_objects() if type(found) is types.FunctionType]
            pairs = [(f, self._with_hooks(f, texts)) for f in alive if self._in_watched_file(f.__code__.co_filename)]
            self._found = [(weakref.ref(function), hooked) for function, hooked in pairs if hooked is not None]
        living = [(found(), hooked) for found, hooked in self._found]
        return [(function, hooked) for function, hooked in living if function is not None]

    def _in_watched_file(self, file):
        if file not in self._watched:
            self._watched[file] = bool(self._is_watched(file))
        return self._watched[file]

    def _with_hooks(self, function, texts):
        code = function.__code__
        if id(code) not in self._hooked:
            nameless = code.co_name.startswith("<")  # a lambda, or a comprehension that runs
            self._hooked[id(code)] = (code, None if nameless else self._look_up(function, texts))
        return self._hooked[id(code)][1]

    def _look_up(self, function, texts):
        code = function.__code__
        source = _made.get(id(code))
        if source is not None:  # made by a watched function during a block: it has its hooks
            self._add(source)
            return None
        key = (code.co_filename, id(function.__globals__))
        if key not in texts:
            texts[key] = _text_of(function)
        source = _source(code.co_filename, texts[key])
        if source.problem:
            self.skipped[source.file] = source.problem
            return None
        self._add(source)
        hooked, problem = source.with_hooks(code)
        if problem:
            self.skipped[function.__qualname__] = "%s (%s:%d)" % (problem, source.file, code.co_firstlineno)
        return hooked

    def _add(self, source):
        if source.first not in self._numbers:
            self.places.extend(source.places)
            self._numbers.update(enumerate(source.places, source.first))


class _Source:
    """One text of one file: its functions as they are and with hooks; ``problem`` says why there are none."""

    def __init__(self, file, text, first):
        self.file = file
        self.first = first
        self.places = []
        self.problem = None
        self._plain, self._hooked = {}, {}
        if text is None:
            self.problem = "its source cannot be read"
            return
        try:
            self._plain, self._hooked, self.places = rewrite(text, file, first)
        except Exception as error:
            self.problem = "its source does not compile: %s" % error

    def codes(self):
        """Yield every code object with hooks."""
        for codes in self._hooked.values():
            yield from codes

    def with_hooks(self, code):
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

    def _is_sound(self, hooked):
        """Tell whether names mean what they meant, in a function and all inside it.

        Python may have dropped the plain code of what never runs, or made one of two that are alike.
        """
        plain = self._plain.get((hooked.co_name, hooked.co_firstlineno), [])
        inside = [constant for constant in hooked.co_consts if isinstance(constant, types.CodeType)]
        return (not plain or any(only_hooks_added(one, hooked) for one in plain)) and all(map(self._is_sound, inside))


class _Block:
    """A block that runs: the places that report, and to whom."""

    def __init__(self, numbers, assigned, caught):
        self.numbers = numbers
        self.assigned = assigned
        self.caught = caught
        self.busy = False  # in one of the two: what it calls itself reports nothing


# Of the process, as are the hooks: code with hooks outlives its Watcher, and its numbers must keep their meaning.
_running = [_Block({}, None, None)]
_sources = {}  # (file, text) -> _Source
_made = {}  # id of a code object with hooks -> its _Source, which keeps it alive


def _source(file, text):
    if (file, text) not in _sources:
        first = sum(len(source.places) for source in _sources.values())
        source = _sources[file, text] = _Source(file, text, first)
        _made.update((id(code), source) for code in source.codes())
    return _sources[file, text]


def text_of(file):
    """Return the text that a watched file was loaded from, None where it is not known."""
    return next((text for known, text in _sources if known == file), None)


def _text_of(function):
    """Return the text that a function was loaded from, None where there is none.

    Its globals say which module that is; ``__module__`` may be another's, copied by functools.wraps. The loader is
    asked first: it may have edited what the file has.
    """
    names = function.__globals__
    file = function.__code__.co_filename
    spec = names.get("__spec__")
    loader = getattr(spec, "loader", None) or names.get("__loader__")
    text = None
    if os.path.abspath(names.get("__file__") or file) == os.path.abspath(file):
        with contextlib.suppress(Exception):
            text = loader.get_source(spec.name if spec else names["__name__"])
    if text is None:
        with contextlib.suppress(Exception), tokenize.open(file) as opened:
            text = opened.read()
    return text


def _assigned(number, value, path=""):
    """Report a value, or with ``path`` what hangs on it; return what takes its place."""
    block = _running[0]
    place = block.numbers.get(number)
    if place is None or block.busy:
        return value
    line = place.line
    if place.kind == "parameter":
        caller = sys._getframe(1).f_back
        line = (caller.f_code.co_filename, caller.f_lineno) if caller else (place.file, line)
    block.busy = True
    try:
        value = _attribute(value, path) if path else value
        return value if value is UNREADABLE else block.assigned(place, value, line)
    finally:
        block.busy = False


def _caught(number):
    """Report the exception that is being handled."""
    block = _running[0]
    place = block.numbers.get(number)
    if place is not None and not block.busy:
        block.busy = True
        try:
            block.caught(place, sys.exc_info()[1])
        finally:
            block.busy = False


def _attribute(value, path):
    """Return an attribute's value, UNREADABLE where reading it runs a property or fails: that may have effects."""
    for name in path.split("."):
        if isinstance(getattr(type(value), name, None), property):
            return UNREADABLE
        try:
            value = getattr(value, name)
        except Exception:
            return UNREADABLE
    return value
