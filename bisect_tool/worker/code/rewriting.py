"""Rewrite a module's source so that every assignment inside its functions calls a hook."""

import ast
import itertools
import types
import warnings

# Both end in __: inside a class such a name is not mangled.
ASSIGNED = "__bisect_assigned__"
CAUGHT = "__bisect_caught__"
IN_PLACE = {"append", "assign", "extend", "fill", "insert", "itemset", "pop", "put", "setdefault", "sort", "update"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
VARIABLES = ("co_varnames", "co_freevars", "co_cellvars")
SAME = VARIABLES + ("co_code", "co_names", "co_flags", "co_argcount", "co_kwonlyargcount", "co_exceptiontable")


class Place:
    """Where a value is assigned.

    function: qualified name as Python spells it, such as "Loss.__call__" or "build.<locals>.step".
    variable: "x", "self.x" for an attribute, "return" or "except".
    line: first line of the statement; for a parameter its own, for a handler or a case that of its head.
    file: path as in ``co_filename``.
    kind: "parameter", "assigned", "changed" (part of a value was written), "return" or "caught".
    replaceable: whether what the hook returns takes the variable's place.
    """

    __slots__ = ("file", "function", "kind", "line", "replaceable", "variable")

    def __init__(self, function, variable, line, file, kind, replaceable):
        self.function = function
        self.variable = variable
        self.line = line
        self.file = file
        self.kind = kind
        self.replaceable = replaceable

    def __repr__(self):
        return "<%s %s of %s, %s:%d>" % (self.kind, self.variable, self.function, self.file, self.line)


def rewrite(text, file, first):
    """Return the functions of a source, the same with hooks, and the places that these count from ``first``.

    Functions are {(name, first line): code objects}. Raises what ``compile`` raises.
    """
    rewriter = _Rewriter(file, first)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warned when it loaded the module
        plain = compile(text, file, "exec", dont_inherit=True)
        hooked = compile(rewriter.visit(ast.parse(text, file)), file, "exec", dont_inherit=True)
    return _functions(plain), _functions(hooked), rewriter.places


def same_code(left, right):
    """Tell whether two code objects do the same, with all functions inside them."""
    return (
        all(getattr(left, field, None) == getattr(right, field, None) for field in SAME)
        and len(left.co_consts) == len(right.co_consts)
        and all(map(_same_constant, left.co_consts, right.co_consts))
    )


def only_hooks_added(plain, hooked):
    """Tell whether code with hooks has the variables of the code without: no name became local, no cell was made."""
    return (
        plain.co_freevars == hooked.co_freevars
        and plain.co_flags == hooked.co_flags
        and all(set(getattr(plain, field)) == set(getattr(hooked, field)) for field in VARIABLES)
        and set(hooked.co_names) - {ASSIGNED, CAUGHT} == set(plain.co_names)
    )


def _same_constant(left, right):
    if type(left) is not type(right):  # 1, 1.0 and True are equal
        return False
    if isinstance(left, types.CodeType):
        return left.co_name == right.co_name and same_code(left, right)
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(_same_constant, left, right))
    return left == right if isinstance(left, frozenset) else repr(left) == repr(right)  # nan, -0.0


def _functions(module):
    found, waiting = {}, [module]
    while waiting:
        for code in waiting.pop().co_consts:
            if isinstance(code, types.CodeType):
                found.setdefault((code.co_name, code.co_firstlineno), []).append(code)
                waiting.append(code)
    return found


class _Scope:
    """A module, class or function: its qualified name and names where it is a function, else None."""

    def __init__(self, prefix, class_name=None, is_class=False, function=None, names=frozenset()):
        self.prefix = prefix
        self.class_name = class_name  # the class around it, which mangles __x
        self.is_class = is_class
        self.function = function
        self.names = names  # what ``x = ...`` may be written for and leave as it is: local, global or nonlocal


class _Rewriter(ast.NodeTransformer):
    """Puts a hook after every assignment of every function; what stands outside of functions stays."""

    def __init__(self, file, first):
        self.places = []
        self._file = file
        self._first = first
        self._scope = _Scope("")
        self._line = 0

    def visit(self, node):
        """Rewrite a node, and know the line of its statement meanwhile."""
        before = self._line
        if type(node).__name__ == "match_case":
            self._line = node.pattern.lineno
        elif isinstance(node, (ast.stmt, ast.ExceptHandler)):
            self._line = node.lineno
        if self._scope.function is None and not isinstance(node, FUNCTIONS + (ast.ClassDef, ast.Lambda)):
            new = self.generic_visit(node)
        else:
            new = super().visit(node)
        self._line = before
        return new

    def visit_FunctionDef(self, node):
        """Put the parameters' hooks after the docstring, which stays the function's first statement."""
        node.decorator_list = self._each(node.decorator_list)
        self._defaults(node.args)
        outer = self._scope
        name = outer.prefix + node.name
        self._scope = _Scope(name + ".<locals>.", outer.class_name, function=name, names=_bound(node))
        start = 0 if ast.get_docstring(node, clean=False) is None else 1
        given = _parameters(node.args)
        positional = node.args.posonlyargs + node.args.args
        if outer.is_class and positional and positional[0].arg in ("self", "cls"):
            del given[0]
        entry = [self._rebound(each.arg, "parameter", each, each.lineno) for each in given]
        node.body[start:] = entry + self._each(node.body[start:])
        self._scope = outer
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's own spelling

    def visit_ClassDef(self, node):
        """Leave a class body as it is: only the methods in it get hooks."""
        for field in ("decorator_list", "bases", "keywords"):
            setattr(node, field, self._each(getattr(node, field)))
        outer = self._scope
        self._scope = _Scope(outer.prefix + node.name + ".", node.name, is_class=True)
        node.body = self._each(node.body)
        self._scope = outer
        return node

    def visit_Lambda(self, node):
        """Leave a lambda as it is: it has no statements to put a hook after."""
        self._defaults(node.args)
        return node

    def visit_Assign(self, node):
        """Send one attribute's value through the hook on its way: reading it again could run a property."""
        self.generic_visit(node)
        return self._with_hooks(node, node.targets)

    def visit_AnnAssign(self, node):
        """Leave the annotation as it is: it may be kept as text."""
        node.target = self.visit(node.target)
        if node.value is None:
            return node
        node.value = self.visit(node.value)
        return self._with_hooks(node, [node.target])

    def visit_AugAssign(self, node):
        """Report an attribute's sum but do not replace it: it exists only once it is stored."""
        self.generic_visit(node)
        return [node] + self._after(node.target)

    def visit_NamedExpr(self, node):
        """Put the hook around a walrus's value: it can stand where no statement can."""
        self.generic_visit(node)
        node.value = self._through(node.target.id, "assigned", node.value)
        return node

    def visit_Return(self, node):
        """Put the hook around the value: a bare return has none to report."""
        self.generic_visit(node)
        if node.value is not None:
            node.value = self._through("return", "return", node.value)
        return node

    def visit_For(self, node):
        """Put the target's hooks where the body starts: there it has its value."""
        hooks = self._after(node.target)
        self.generic_visit(node)
        node.body[:0] = hooks
        return node

    visit_AsyncFor = visit_For  # noqa: N815 - ast's own spelling

    def visit_With(self, node):
        """Put all targets' hooks where the body starts."""
        hooks = [hook for item in node.items if item.optional_vars for hook in self._after(item.optional_vars)]
        self.generic_visit(node)
        node.body[:0] = hooks
        return node

    visit_AsyncWith = visit_With  # noqa: N815 - ast's own spelling

    def visit_match_case(self, node):
        """Report captures once pattern and guard have both matched."""
        hooks = [self._rebound(name, "assigned", node.pattern) for name in _captured(node.pattern)]
        self.generic_visit(node)
        node.body[:0] = hooks
        return node

    def visit_ExceptHandler(self, node):
        """Let the hook find the exception itself: a handler need not name it."""
        hook = _parsed("%s(%d)" % (CAUGHT, self._place("except", "caught", replaceable=False)), node)
        self.generic_visit(node)
        node.body.insert(0, hook)
        return node

    def visit_Expr(self, node):
        """Know a method that works in place by its name, and by its result being thrown away."""
        self.generic_visit(node)
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and _is_in_place(call.func.attr):
            name, path, _ = _rooted(call.func.value)
            return [node] + self._reported(name, path, "changed", node)
        return node

    def _with_hooks(self, node, targets):
        name, path, deeper = _rooted(targets[0])
        if len(targets) == 1 and path and not deeper:
            node.value = self._through(".".join([name] + path), "assigned", node.value)
            return node
        return [node] + [hook for target in targets for hook in self._after(target)]

    def _after(self, target):
        """Return the statements that report what was just put into a target."""
        if isinstance(target, (ast.Tuple, ast.List)):
            return [hook for part in target.elts for hook in self._after(part)]
        if isinstance(target, ast.Starred):
            return self._after(target.value)
        if isinstance(target, ast.Name):
            return [self._rebound(target.id, "assigned", target)]
        name, path, deeper = _rooted(target)
        return self._reported(name, path, "changed" if deeper else "assigned", target)

    def _reported(self, name, path, kind, at):
        """Return the hook, if any, for what hangs on a name.

        A name that is free or global is only read: to assign it would make it local. An attribute is only read,
        and by the hook: to assign it again could run a property.
        """
        if name is None:
            return []
        if not path and name in self._scope.names:
            return [self._rebound(name, kind, at)]
        number = self._place(".".join([name] + path), kind, replaceable=False)
        mangled = ".".join(_mangled(attribute, self._scope.class_name) for attribute in path)
        return [_parsed("%s(%d, %s, %r)" % (ASSIGNED, number, name, mangled), at)]

    def _rebound(self, name, kind, at, line=None):
        number = self._place(name, kind, replaceable=True, line=line)
        return _parsed("%s = %s(%d, %s)" % (name, ASSIGNED, number, name), at)

    def _through(self, variable, kind, value):
        hook = _parsed("%s(%d)" % (ASSIGNED, self._place(variable, kind, replaceable=True)), value).value
        hook.args.append(value)
        return hook

    def _place(self, variable, kind, replaceable, line=None):
        self.places.append(Place(self._scope.function, variable, line or self._line, self._file, kind, replaceable))
        return self._first + len(self.places) - 1

    def _each(self, nodes):
        new = [self.visit(node) for node in nodes]
        return [part for one in new for part in (one if isinstance(one, list) else [one])]

    def _defaults(self, arguments):
        """Rewrite defaults, which belong to the scope around their function."""
        arguments.defaults = self._each(arguments.defaults)
        arguments.kw_defaults = [value and self.visit(value) for value in arguments.kw_defaults]


def _parsed(text, at):
    """Return the statement of a text, at the lines of another node."""
    statement = ast.parse(text).body[0]
    for node in ast.walk(statement):
        ast.copy_location(node, at)
    return statement


def _rooted(node):
    """Return (x, [a, b], whether anything follows) of ``x.a.b[0].method().c``; x is None if it starts otherwise."""
    chain = []
    while not isinstance(node, ast.Name):
        chain.append(node.attr if isinstance(node, ast.Attribute) else None)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func
        elif not isinstance(node, (ast.Attribute, ast.Subscript)):
            return None, [], False
        node = node.value
    chain.reverse()
    path = list(itertools.takewhile(lambda attribute: attribute is not None, chain))
    return node.id, path, len(path) < len(chain)


def _bound(function):
    """Return the names that a function's own statements bind or declare, the iterators of comprehensions excepted.

    A name too few is only not replaced, a name too many would become local: nested scopes are not looked into.
    """
    names = {each.arg for each in _parameters(function.args)}
    waiting = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, FUNCTIONS + (ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            names.update(node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif type(node).__name__ == "match_case":
            names.update(_captured(node.pattern))
        inner = [node.iter] + node.ifs if isinstance(node, ast.comprehension) else ast.iter_child_nodes(node)
        waiting.extend(inner)
    return names


def _captured(pattern):
    """Return the names that a pattern captures, each once; known by fields, for Python before 3.10 has no patterns."""
    names = {}
    for node in ast.walk(pattern):
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            names[name] = True
    return list(names)


def _parameters(arguments):
    extra = [each for each in (arguments.vararg,) if each] + arguments.kwonlyargs
    return arguments.posonlyargs + arguments.args + extra + [each for each in (arguments.kwarg,) if each]


def _is_in_place(method):
    return method in IN_PLACE or (method.endswith("_") and not method.endswith("__"))


def _mangled(attribute, class_name):
    if class_name is None or not attribute.startswith("__") or attribute.endswith("__"):
        return attribute
    stripped = class_name.lstrip("_")
    return "_%s%s" % (stripped, attribute) if stripped else attribute
