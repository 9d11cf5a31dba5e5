"""What is known of each framework. Another one means an entry here, and an adapter in the worker."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bisect_tool.worker.adapters.jittor_setup import jittor_home

# What a framework's own function does where its name makes one expect something else.
Habit = Literal[
    "padding counted",
    "whole windows",
    "equal windows",
    "bilinear by default",
    "scale by sizes",
    "corners not aligned",
    "softmax over all",
]


@dataclass(frozen=True)
class Kernels:
    """How a framework compiles its own kernels.

    Attributes: ``compiler`` (used where the environment's ``compiler_setting`` names no other), ``cache`` (a folder under
    the ``home`` that an environment says), ``library`` (its name, and where in the cache it is laid out), ``progress`` (a
    line that is printed meanwhile: what, how many are done, of how many), ``damaged`` (what to do where one may be the
    reason that a process dies).
    """

    compiler: str
    compiler_setting: str
    cache: str
    home: Callable[[Mapping[str, str]], Path]
    library: tuple[str, str]
    progress: re.Pattern[str]
    damaged: str


@dataclass(frozen=True)
class Framework:
    """A framework as the tool knows it.

    Attributes:
        name: as in recipe.toml.
        title: as its authors write it.
        starts: what its start takes long for, said while it lasts.
        rebuilds: its first import may end the process with status 0, having only rebuilt itself.
        kernels: how it compiles them, None where it comes with all.
        lists_buffers: ``parameters()`` has buffers among them.
        lacks_complex: it has no complex numbers: what is complex in the reference is given to a port as pairs of real ones alone.
        hides_calls: some calls of its modules cannot be seen without a line of the user's.
        steps: fields of an update rule in which its own optimizers differ from torch's.
        habits: of its functions, in words.

    """

    name: str
    title: str
    starts: str = ""
    rebuilds: bool = False
    kernels: Kernels | None = None
    lists_buffers: bool = False
    lacks_complex: bool = False
    hides_calls: bool = False
    steps: tuple[str, ...] = ()
    habits: Mapping[Habit, str] = field(default_factory=dict)


TORCH = Framework("torch", "PyTorch")
JITTOR = Framework(
    "jittor",
    "Jittor",
    starts="whose core is compiled at first use (minutes)",
    rebuilds=True,
    kernels=Kernels(
        compiler="g++",
        compiler_setting="cc_path",
        cache=".cache/jittor",
        home=jittor_home,
        library=("oneDNN", "mkl/*/lib/libmkldnn.so"),
        progress=re.compile(r"Compiling (\S+?)\((\d+)/(\d+)\)"),
        damaged="a damaged Jittor kernel does this, delete `jit` in Jittor's cache folder",
    ),
    lists_buffers=True,
    lacks_complex=True,
    steps=("early",),  # its Adam adds eps before it corrects the bias, torch's after
    habits={
        "padding counted": "Jittor's AvgPool2d ignores count_include_pad=False unless ceil_mode is set",
        "whole windows": "Jittor's ceil_mode divides by the whole window",
        "equal windows": "Jittor's adaptive pooling takes them",
        "bilinear by default": "Jittor's interpolate is bilinear by default",
        "scale by sizes": "Jittor goes by the sizes' ratio, torch by the given scale",
        "corners not aligned": "Jittor's UpsamplingBilinear2d does not align corners",
        "softmax over all": "Jittor's softmax goes over everything where no dim is given",
    },
)
LIBTORCH = Framework("libtorch", "libtorch", hides_calls=True)
FRAMEWORKS: Mapping[str, Framework] = {each.name: each for each in (TORCH, JITTOR, LIBTORCH)}


def known_framework(name: str) -> Framework:
    """Return a framework by its name; of one that is not in the table nothing is known."""
    return FRAMEWORKS.get(name) or Framework(name, name)
