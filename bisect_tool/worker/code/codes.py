"""Code objects: which do the same, and what hooks change of them."""

from __future__ import annotations

import types
from typing import Any, Dict, List, Tuple

# Both end in __: inside a class such a name is not mangled.
ASSIGNED = "__bisect_assigned__"
CAUGHT = "__bisect_caught__"
VARIABLES = ("co_varnames", "co_freevars", "co_cellvars")
SAME = VARIABLES + ("co_code", "co_names", "co_flags", "co_argcount", "co_kwonlyargcount", "co_exceptiontable")
Functions = Dict[Tuple[str, int], List[types.CodeType]]  # by name and first line


def same_code(left: types.CodeType, right: types.CodeType) -> bool:
    """Tell whether two code objects do the same, with all functions inside them."""
    return (
        all(getattr(left, field, None) == getattr(right, field, None) for field in SAME)
        and len(left.co_consts) == len(right.co_consts)
        and all(map(_same_constant, left.co_consts, right.co_consts))
    )


def only_hooks_added(plain: types.CodeType, hooked: types.CodeType) -> bool:
    """Tell whether code with hooks has the variables of the code without: no name became local, no cell was made."""
    return (
        plain.co_freevars == hooked.co_freevars
        and plain.co_flags == hooked.co_flags
        and all(set(getattr(plain, field)) == set(getattr(hooked, field)) for field in VARIABLES)
        and set(hooked.co_names) - {ASSIGNED, CAUGHT} == set(plain.co_names)
    )


def _same_constant(left: Any, right: Any) -> bool:
    if type(left) is not type(right):  # 1, 1.0 and True are equal
        return False
    if isinstance(left, types.CodeType):
        return left.co_name == right.co_name and same_code(left, right)
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(_same_constant, left, right))
    return left == right if isinstance(left, frozenset) else repr(left) == repr(right)  # nan, -0.0


def functions_of(module: types.CodeType) -> Functions:
    """Return all functions in a module's code, also those inside others."""
    found: Functions = {}
    waiting = [module]
    while waiting:
        for code in waiting.pop().co_consts:
            if isinstance(code, types.CodeType):
                found.setdefault((code.co_name, code.co_firstlineno), []).append(code)
                waiting.append(code)
    return found
