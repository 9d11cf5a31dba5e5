"""Mistakes to build a port with, so that a search for culprits can be checked against the truth."""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType
from typing import Any, Literal


@dataclass(frozen=True)
class Edit:
    """Another text in one of the port's files, which has ``old`` exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Fault:
    """A mistake in a port, each one that a person could have made.

    what: the mistake in one sentence.
    effect: what it does to the target.
    kind: "values" where initial values are wrong, "code" where a module computes something else, "loss" where the
        code after the last module does, "unfelt" where cls_loss stays as it is, "step" where the optimizer makes
        something else of the same parameters and gradients, "gradient" where the losses are right and the backward pass
        is wrong, "none" for no mistake at all.
    sites: the reference's sites that are to blame; empty for the loss.
    edits: make the mistake in the source.
    apply: makes the mistake in the built modules, where only some of several alike have it.
    target: which of the losses that ``step`` returns feels it.
    line: where in the loss, as ``function:variable``, empty for a mistake elsewhere: the first variable that comes out
        wrong, of those that the reference's function of this name assigns too. It can also be a parameter that is
        passed wrong, or ``return`` for what the function returns.
    """

    what: str
    effect: str
    kind: Literal["values", "code", "loss", "unfelt", "step", "gradient", "none"]
    sites: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    apply: Callable[[dict], None] = lambda _modules: None
    target: str = "cls_loss"
    line: str = ""


@dataclass(frozen=True)
class Switch(Fault):
    """A mistake that is compiled into a port in C++, and off until it is asked for.

    file: has the wrong line, in the port's folder.
    text: what the wrong line has and no other line of this file; empty where that is the switch, ``fault("NAME")``.
    """

    file: str = ""
    text: str = ""


def loss_fault(what: str, effect: str, line: str, *edits: Edit, target: str = "cls_loss") -> Fault:
    """Describe a mistake in the code after the last module."""
    return Fault(what, effect, "loss", edits=edits, target=target, line=line)


def gradient_fault(what: str, effect: str, sites: tuple[str, ...], line: str, *edits: Edit) -> Fault:
    """Describe a mistake in the backward pass: in the own code of these sites, or after the last module."""
    return Fault(what, effect, "gradient", sites, edits, target="grad_norm", line=line)


def step_fault(what: str, effect: str, sites: tuple[str, ...], *edits: Edit) -> Fault:
    """Describe a mistake in the optimizer; its sites are the parameters that it updates wrongly."""
    return Fault(what, effect, "step", sites, edits)


def silu_by_hand(*backward: str) -> str:
    """Return the source of a SiLU in Jittor whose backward pass is these lines, for a file that imports jt, nn and Var."""
    return SILU + "".join(f"        {line}\n" for line in backward) + SILU_MODULE


SILU = '''\
class SiLUFunction(jt.Function):
    """x * sigmoid(x), with a backward of its own."""

    def execute(self, x: Var) -> Var:
        self.x = x
        return x * x.sigmoid()

    def grad(self, grad: Var) -> Var:
'''
SILU_MODULE = """

class SiLU(nn.Module):
    def execute(self, x: Var) -> Var:
        return SiLUFunction.apply(x)


"""


def build_with(faults: Mapping[str, Fault], name: str, options: Mapping[str, Any]) -> dict:
    """Build the recipe's ``port.py`` with the fault called ``name`` in it. Raises ValueError for an unknown one."""
    if name not in faults:
        raise ValueError(f"unknown fault {name!r}; known are {', '.join(faults)}")
    sys.meta_path.insert(0, EditingFinder(faults[name].edits))
    build = importlib.import_module("port").build
    unknown = set(options) - set(inspect.signature(build).parameters)
    if unknown:
        known = ", ".join(["fault", *inspect.signature(build).parameters])
        raise ValueError(f"build takes no option {', '.join(sorted(unknown))}; it takes {known}")
    built = build(**options)
    faults[name].apply(built["modules"])
    return built


class EditingFinder:
    """Finds the files that edits speak of, and has them loaded with their text changed."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self.edits = edits

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        edits = [edit for edit in self.edits if edit.file == f"{name}.py"]
        spec = PathFinder.find_spec(name, path) if edits else None
        if spec is not None:
            spec.loader = EditingLoader(name, str(spec.origin), functools.partial(edited, edits=edits))
        return spec


class EditingLoader(SourceFileLoader):
    """Loads a file as if its text were another, which is also the source that it tells; Python's bytecode is passed by."""

    def __init__(self, name: str, path: str, rewrite: Callable[[str], str]) -> None:
        super().__init__(name, path)
        self.rewrite = rewrite

    def get_data(self, path: str) -> bytes:
        data = super().get_data(path)
        return self.rewrite(data.decode()).encode() if path == self.path else data

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Make the edits in a file's text. Raises ValueError where it does not have exactly once what one replaces."""
    for edit in edits:
        if text.count(edit.old) != 1:
            raise ValueError(f"{edit.file} has {edit.old!r} {text.count(edit.old)} times, expected once")
        text = text.replace(edit.old, edit.new)
    return text
