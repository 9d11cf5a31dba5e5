"""Rewrite a module's source so that every assignment inside its functions calls a hook."""

from __future__ import annotations

import ast
import contextlib
import warnings
from typing import AbstractSet, Any, Iterator, Sequence

from . import syntax
from .codes import ASSIGNED, CAUGHT, Functions, functions_of
from .syntax import FUNCTIONS, Function


class Place:
    """Where a value is assigned.

    function: qualified name as Python spells it, such as "Loss.__call__" or "build.<locals>.step".
    variable: "x", "self.x" for an attribute, "return" or "except".
    line: first line of the statement; for a parameter its own, for a handler or a case that of its head.
    file: path as in ``co_filename``.
    kind: "parameter", "assigned", "changed" (part of a value was written), "return" or "caught"; "expression" of one inside a
        statement, whose variable is its ``Span``.
    replaceable: whether what the hook returns takes the variable's place.
    tracked: whether gradients pass through the code, as they do not through a method of an autograd Function.
    site: what it was called when it was last assigned; ``read``: the sites that were read for that, None where nobody knows.
    """

    __slots__ = ("file", "function", "kind", "line", "read", "replaceable", "site", "tracked", "variable")

    def __init__(
        self, function: str, variable: str, line: int, file: str, kind: str, replaceable: bool, tracked: bool = True
    ) -> None:
        self.function = function
        self.variable = variable
        self.line = line
        self.file = file
        self.kind = kind
        self.replaceable = replaceable
        self.tracked = tracked
        self.site = ""
        self.read: list[str] | None = None

    def __repr__(self) -> str:
        return "<%s %s of %s, %s:%d>" % (self.kind, self.variable, self.function, self.file, self.line)


def rewrite(
    text: str, file: str, first: int, marked: AbstractSet[int] = frozenset()
) -> tuple[Functions, Functions, list[Place]]:
    """Return the functions of a source, the same with hooks, and the places that these count from ``first``.

    Functions are {(name, first line): code objects}. The expressions in the statements on the lines ``marked`` have hooks too. Raises what ``compile`` raises.
    """
    rewriter = _Rewriter(file, first, marked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warned when it loaded the module
        plain = compile(text, file, "exec", dont_inherit=True)
        hooked = compile(rewriter.visit(ast.parse(text, file)), file, "exec", dont_inherit=True)
    return functions_of(plain), functions_of(hooked), rewriter.places


class _Scope:
    """A module, class or function: its qualified name and names where it is a function, else the empty word."""

    def __init__(
        self,
        prefix: str,
        class_name: str | None = None,
        is_class: bool = False,
        function: str = "",
        names: AbstractSet[str] = frozenset(),
        tracked: bool = True,
    ) -> None:
        self.prefix = prefix
        self.class_name = class_name  # the class around it, which mangles __x
        self.is_class = is_class
        self.function = function
        self.names = names  # what ``x = ...`` may be written for and leave as it is: local, global or nonlocal
        self.tracked = tracked


class _Rewriter(ast.NodeTransformer):
    """Puts a hook after every assignment of every function; what stands outside of functions stays."""

    def __init__(self, file: str, first: int, marked: AbstractSet[int]) -> None:
        self.places: list[Place] = []
        self._file = file
        self._first = first
        self._marked = marked
        self._is_marked = False  # the statement that is visited, or what of it is
        self._scope = _Scope("")
        self._line = 0

    def visit(self, node: Any) -> Any:
        """Rewrite a node, and know the line of its statement meanwhile."""
        before = self._line, self._is_marked
        if type(node).__name__ == "match_case":
            self._line = node.pattern.lineno
        elif isinstance(node, (ast.stmt, ast.ExceptHandler)):
            self._line = node.lineno
            self._is_marked = not self._marked.isdisjoint(syntax.own_lines(node))
        if not self._scope.function and not isinstance(node, FUNCTIONS + (ast.ClassDef, ast.Lambda)):
            new = self.generic_visit(node)
        else:
            span = syntax.span(node) if self._is_marked else None
            new = super().visit(node)
            if span and self._scope.function and self._is_valued(node):
                new = self._through(span, "expression", new)
        self._line, self._is_marked = before
        return new

    def _is_valued(self, node: Any) -> bool:
        """Tell whether an expression may have a value that somebody compares; a name that is no variable here has none."""
        if isinstance(node, ast.Name):
            return isinstance(node.ctx, ast.Load) and node.id in self._scope.names
        if isinstance(node, ast.Constant):
            return isinstance(node.value, (int, float, complex))
        return isinstance(node, syntax.VALUES) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)

    def visit_Call(self, node: ast.Call) -> Any:
        """Leave what is called as it is, but for the value whose method it is."""
        function = node.func
        node.func = function if isinstance(function, ast.Name) else self._called(function)
        node.args = [self.visit(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        return node

    def _called(self, function: Any) -> Any:
        if not isinstance(function, ast.Attribute):
            return self.visit(function)
        function.value = self.visit(function.value)
        return function

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        """Mark nothing in a text: what stands in it is no value of the model's, and columns count otherwise there."""
        with self._unmarking():
            self.generic_visit(node)
        return node

    def _unmarked(self, target: Any) -> Any:
        """Rewrite what is assigned to, in which no expression is marked: its name says what it is."""
        with self._unmarking():
            return self.visit(target)

    @contextlib.contextmanager
    def _unmarking(self) -> Iterator[None]:
        marked, self._is_marked = self._is_marked, False
        yield
        self._is_marked = marked

    def visit_FunctionDef(self, node: Function) -> Any:
        """Put the parameters' hooks after the docstring, which stays the function's first statement."""
        node.decorator_list = self._each(node.decorator_list)
        self._defaults(node.args)
        outer = self._scope
        name = outer.prefix + node.name
        self._scope = _Scope(
            name + ".<locals>.", outer.class_name, function=name, names=syntax.bound(node), tracked=outer.tracked
        )
        start = 0 if ast.get_docstring(node, clean=False) is None else 1
        given = syntax.parameters(node.args)
        positional = node.args.posonlyargs + node.args.args
        if outer.is_class and positional and positional[0].arg in ("self", "cls"):
            del given[0]
        entry = [self._rebound(each.arg, "parameter", each, each.lineno) for each in given]
        node.body[start:] = entry + self._each(node.body[start:])
        self._scope = outer
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's own spelling

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """Leave a class body as it is: only the methods in it get hooks."""
        for field in ("decorator_list", "bases", "keywords"):
            setattr(node, field, self._each(getattr(node, field)))
        outer = self._scope
        self._scope = _Scope(
            outer.prefix + node.name + ".", node.name, is_class=True, tracked=not syntax.is_autograd(node)
        )
        node.body = self._each(node.body)
        self._scope = outer
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        """Leave a lambda as it is: it has no statements to put a hook after."""
        self._defaults(node.args)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """Send one attribute's value through the hook on its way: reading it again could run a property."""
        node.targets = [self._unmarked(target) for target in node.targets]
        node.value = self.visit(node.value)
        return self._with_hooks(node, node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Leave the annotation as it is: it may be kept as text."""
        node.target = self._unmarked(node.target)
        if node.value is None:
            return node
        node.value = self.visit(node.value)
        return self._with_hooks(node, [node.target])

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """Report an attribute's sum but do not replace it: it exists only once it is stored."""
        node.target = self._unmarked(node.target)
        node.value = self.visit(node.value)
        return [node] + self._after(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        """Put the hook around a walrus's value: it can stand where no statement can."""
        self.generic_visit(node)
        node.value = self._through(node.target.id, "assigned", node.value)
        return node

    def visit_Return(self, node: ast.Return) -> Any:
        """Put the hook around the value: a bare return has none to report."""
        self.generic_visit(node)
        if node.value is not None:
            node.value = self._through("return", "return", node.value)
        return node

    def visit_For(self, node: ast.For | ast.AsyncFor) -> Any:
        """Put the target's hooks where the body starts: there it has its value."""
        hooks = self._after(node.target)
        node.target = self._unmarked(node.target)
        node.iter = self.visit(node.iter)
        node.body, node.orelse = hooks + self._each(node.body), self._each(node.orelse)
        return node

    visit_AsyncFor = visit_For  # noqa: N815 - ast's own spelling

    def visit_With(self, node: ast.With | ast.AsyncWith) -> Any:
        """Put all targets' hooks where the body starts."""
        hooks = [hook for item in node.items if item.optional_vars for hook in self._after(item.optional_vars)]
        for item in node.items:
            item.context_expr = self.visit(item.context_expr)
            item.optional_vars = item.optional_vars and self._unmarked(item.optional_vars)
        node.body = hooks + self._each(node.body)
        return node

    visit_AsyncWith = visit_With  # noqa: N815 - ast's own spelling

    def visit_match_case(self, node: Any) -> Any:
        """Report captures once pattern and guard have both matched."""
        hooks = [self._rebound(name, "assigned", node.pattern) for name in syntax.captured(node.pattern)]
        node.guard = node.guard and self.visit(node.guard)
        node.body = hooks + self._each(node.body)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        """Let the hook find the exception itself: a handler need not name it."""
        hook = syntax.parsed("%s(%d)" % (CAUGHT, self._place("except", "caught", replaceable=False)), node)
        self.generic_visit(node)
        node.body.insert(0, hook)
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        """Know a method that works in place by its name, and by its result being thrown away."""
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and syntax.is_in_place(call.func.attr):
            name, path, _ = syntax.rooted(call.func.value)
            self.generic_visit(node)
            return [node] + self._reported(name, path, "changed", node)
        self.generic_visit(node)
        return node

    def _with_hooks(self, node: Any, targets: Sequence[ast.expr]) -> Any:
        name, path, deeper = syntax.rooted(targets[0])
        if name is not None and len(targets) == 1 and path and not deeper:
            node.value = self._through(".".join([name] + path), "assigned", node.value)
            return node
        return [node] + [hook for target in targets for hook in self._after(target)]

    def _after(self, target: ast.expr) -> list[ast.stmt]:
        """Return the statements that report what was just put into a target."""
        if isinstance(target, (ast.Tuple, ast.List)):
            return [hook for part in target.elts for hook in self._after(part)]
        if isinstance(target, ast.Starred):
            return self._after(target.value)
        if isinstance(target, ast.Name):
            return [self._rebound(target.id, "assigned", target)]
        name, path, deeper = syntax.rooted(target)
        return self._reported(name, path, "changed" if deeper else "assigned", target)

    def _reported(self, name: str | None, path: list[str], kind: str, at: ast.AST) -> list[ast.stmt]:
        """Return the hook, if any, for what hangs on a name.

        A name that is free or global is only read: to assign it would make it local. An attribute is only read,
        and by the hook: to assign it again could run a property.
        """
        if name is None:
            return []
        if not path and name in self._scope.names:
            return [self._rebound(name, kind, at)]
        number = self._place(".".join([name] + path), kind, replaceable=False)
        mangled = ".".join(syntax.mangled(attribute, self._scope.class_name) for attribute in path)
        return [syntax.parsed("%s(%d, %s, %r)" % (ASSIGNED, number, name, mangled), at)]

    def _rebound(self, name: str, kind: str, at: ast.AST, line: int | None = None) -> Any:
        number = self._place(name, kind, replaceable=True, line=line)
        return syntax.parsed("%s = %s(%d, %s)" % (name, ASSIGNED, number, name), at)

    def _through(self, variable: str, kind: str, value: ast.expr) -> Any:
        hook = syntax.parsed("%s(%d)" % (ASSIGNED, self._place(variable, kind, replaceable=True)), value).value
        hook.args.append(value)
        return hook

    def _place(self, variable: str, kind: str, replaceable: bool, line: int | None = None) -> int:
        self.places.append(
            Place(
                self._scope.function, variable, line or self._line, self._file, kind, replaceable, self._scope.tracked
            )
        )
        return self._first + len(self.places) - 1

    def _each(self, nodes: Sequence[Any]) -> list[Any]:
        new = [self.visit(node) for node in nodes]
        return [part for one in new for part in (one if isinstance(one, list) else [one])]

    def _defaults(self, arguments: ast.arguments) -> None:
        """Rewrite defaults, which belong to the scope around their function."""
        arguments.defaults = self._each(arguments.defaults)
        arguments.kw_defaults = [value and self.visit(value) for value in arguments.kw_defaults]
