"""A torch twin of a Jittor port: the port's own files, word for word but for what the two frameworks call differently.

`translated` turns the text of a port's file into one for torch; `install` puts what such a text imports in Jittor's
place. Line numbers stay, so that a mistake at a line of the port is the same mistake at the same line of its twin.
"""

import re
import sys
from types import ModuleType

import torch
from torch import Tensor

# Applied in order: (pattern, replacement).
WORDS = (
    (r"\bexecute\b", "forward"),
    (r"(\w+)\.argmax\(", r"jt.argmax(\1, "),
    (r"(?<!images\))\.max\((?=[-\d)])", ".amax("),
    (r"\.min\((?=[-\d)])", ".amin("),
    (r"\.float32\(\)", ".float()"),
    (r"\.sqr\(\)", ".square()"),
    (r"\.transpose\(\)", ".t()"),
    (r"\.copy\(\)", ".clone()"),
    (r"\.is_training\(\)", ".training"),
    (r"\.data\b", ".numpy()"),
    (r"(?m)^(\s+self\.\w+(?:\.\w+)? = )(.*)\.stop_grad\(\)$", r"\1jt.frozen(\2)"),
    (r"\.stop_grad\(\)", ".detach()"),
)


def translated(text: str) -> str:
    """Return a port's file as one for torch."""
    for pattern, replacement in WORDS:
        text = re.sub(pattern, replacement, text)
    return text


class Module(torch.nn.Module):
    """A module whose ``__init__`` need not call that of its parent, as in Jittor."""

    def __new__(cls, *_args: object, **_kwargs: object) -> "Module":
        """Make it a torch module before anything of its own is done."""
        module = super().__new__(cls)
        torch.nn.Module.__init__(module)
        return module

    def __init__(self) -> None:
        pass


def _frozen(value: Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(value.clone(), requires_grad=False)


def _maximum(x: Tensor, y: Tensor | float) -> Tensor:
    return torch.maximum(x, y) if isinstance(y, Tensor) else x.clamp(min=y)


def _minimum(x: Tensor, y: Tensor | float) -> Tensor:
    return torch.minimum(x, y) if isinstance(y, Tensor) else x.clamp(max=y)


def _argmax(x: Tensor, *dim: int, **how: bool) -> tuple[Tensor, Tensor]:
    values, index = x.max(*dim, **how)
    return index, values


def install() -> None:
    """Let ``import jittor`` give torch under Jittor's names, in this process."""
    nn = ModuleType("jittor.nn")
    vars(nn).update(
        {name: value for name, value in vars(torch.nn).items() if not name.startswith("_")},
        Module=Module,
        bmm=torch.bmm,
        matmul=torch.matmul,
        softmax=torch.softmax,
        interpolate=torch.nn.functional.interpolate,
    )
    jt = ModuleType("jittor")
    names = (
        "arange arctan arctanh concat full_like matmul no_grad ones optim rand where zeros zeros_like"  # alike in both
    )
    vars(jt).update(
        {name: getattr(torch, name) for name in names.split()},
        Var=Tensor,
        argmax=_argmax,
        array=torch.as_tensor,
        frozen=_frozen,
        init=torch.nn.init,
        maximum=_maximum,
        minimum=_minimum,
        nn=nn,
        set_global_seed=torch.manual_seed,
        sync=lambda _values: None,
    )
    sys.modules.update({"jittor": jt, "jittor.nn": nn})
