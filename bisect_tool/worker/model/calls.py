"""Module calls as sites: one wrapper around every module, each call with a name and a number."""

import contextlib


class Call:
    """One call of one module: ``site`` is its name, with ``#n`` from the second call on; ``parent`` the call around it."""

    __slots__ = ("leaf", "module", "name", "parent", "site")

    def __init__(self, name, number, module, leaf, parent):
        self.name = name
        self.site = name if number == 1 else "%s#%d" % (name, number)
        self.module = module
        self.leaf = leaf
        self.parent = parent


@contextlib.contextmanager
def wrapped(adapter, tree, around, lines=None):
    """Send every module call through ``around(call, compute, args, kwargs)`` while the block runs.

    ``tree`` is the adapter's list of (name, module, leaf). ``compute(*args, **kwargs)`` is the module's own
    code. A module that is listed under several names (one activation shared by all blocks) takes
    the name that lies under the module that called it. Every module is left exactly as it came. ``lines``, where given,
    is called with a function that tells the call that runs, and gives a context to run in.

    Yields the number of calls so far by name: whoever skips a call adds what it would have called inside, so that
    later calls keep their numbers.
    """
    names = {}
    for name, module, leaf in tree:
        names.setdefault(id(module), (module, leaf, []))[2].append(name)
    counts = {}
    stack = [None]

    def wrap(module, leaf, aliases):
        original = getattr(module, adapter.METHOD)

        def method(*args, **kwargs):
            parent = stack[-1]
            name = _name_under(parent, aliases)
            counts[name] = counts.get(name, 0) + 1
            call = Call(name, counts[name], module, leaf, parent)
            stack.append(call)
            try:
                return around(call, original, args, kwargs)
            finally:
                stack.pop()

        return method

    undo = []
    try:
        for module, leaf, aliases in names.values():
            before = module.__dict__.get(adapter.METHOD)
            object.__setattr__(module, adapter.METHOD, wrap(module, leaf, aliases))
            undo.append((module, before))
        with lines(lambda: stack[-1]) if lines else contextlib.nullcontext():
            yield counts
    finally:
        for module, before in reversed(undo):
            module.__dict__.pop(adapter.METHOD)
            if before is not None:
                object.__setattr__(module, adapter.METHOD, before)


def _name_under(parent, aliases):
    if parent is not None and len(aliases) > 1:
        for name in aliases:
            if name.rpartition(".")[0] == parent.name:
                return name
    return aliases[0]
