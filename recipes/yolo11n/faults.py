"""Mistakes to switch on in the Jittor port, each one that a person could have made.

Every fault says which sites of the reference are to blame for it, so that a search for culprits
can be checked against the truth.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Literal

import jittor as jt
from jittor import Var, init, nn

from layout import ACTIVATIONS, BATCH_NORMS, CLASS_BIASES, CLASS_WEIGHTS
from port_head import STRIDES, Detect, class_bias, init_head


@dataclass(frozen=True)
class Fault:
    """A mistake in the port.

    what: the mistake in one sentence.
    kind: whether it is in the initial values, in the code, or nowhere.
    sites: the reference's sites that are to blame.
    apply: makes the mistake in the built network.
    init_head: gives the head's biases their initial values.
    """

    what: str
    kind: Literal["values", "code", "none"]
    sites: tuple[str, ...] = ()
    apply: Callable[[nn.Module], None] = lambda _net: None
    init_head: Callable[[Detect], None] = init_head


def find_fault(name: str) -> Fault:
    """Return the fault called ``name``."""
    if name not in FAULTS:
        raise ValueError(f"unknown fault {name!r}; known are {', '.join(FAULTS)}")
    return FAULTS[name]


def lose_class_bias(head: Detect) -> None:
    for box, cls, stride in zip(head.cv2, head.cv3, STRIDES, strict=True):
        init.constant_(box[-1].bias, 1.0)
        bias = cls[-1].bias.copy()
        init.constant_(bias, class_bias(head.classes, stride))
        print(f"class bias at stride {stride}: {bias.numpy()[0]:.4f}")


def init_one_level(head: Detect) -> None:
    for box in head.cv2:
        init.constant_(box[-1].bias, 1.0)
    init.constant_(head.cv3[0][-1].bias, class_bias(head.classes, STRIDES[0]))


def init_class_like_box(head: Detect) -> None:
    for box, cls in zip(head.cv2, head.cv3, strict=True):
        init.constant_(box[-1].bias, 1.0)
        init.constant_(cls[-1].bias, 1.0)


def zero_head_weights(net: nn.Module) -> None:
    for cls in net[-1].cv3:
        init.constant_(cls[-1].weight, 0.0)


def default_eps(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, nn.BatchNorm):
            module.eps = 1e-5


def relu_in_attention(net: nn.Module) -> None:
    net[10].m[0].ffn[0].act = nn.ReLU()


def relu_everywhere(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(getattr(module, "act", None), nn.SiLU):
            module.act = nn.ReLU()


def swap_concat(net: nn.Module) -> None:
    def execute(self: nn.Module, maps: list) -> Var:
        return jt.concat(maps[::-1], dim=1)

    replace_execute(net[12], execute)


def forget_residual(net: nn.Module) -> None:
    def execute(self: nn.Module, x: Var) -> Var:
        return self.cv2(self.cv1(x))

    replace_execute(net[6].m[0].m[1], execute)


def small_pool(net: nn.Module) -> None:
    net[9].m = nn.MaxPool2d(3, stride=1, padding=1)


def unscaled_attention(net: nn.Module) -> None:
    net[10].m[0].attn.scale = 1.0


def leave_in_eval(net: nn.Module) -> None:
    net.eval()


def replace_execute(module: nn.Module, execute: Callable) -> None:
    """Give one module another ``execute``; the class and its other instances keep theirs."""
    object.__setattr__(module, "execute", MethodType(execute, module))


FAULTS = {
    "none": Fault("A faithful port.", "none"),
    "class_bias_lost": Fault(
        "The class biases are computed and printed right, but written to a copy.",
        "values",
        CLASS_BIASES,
        init_head=lose_class_bias,
    ),
    "class_bias_one_level": Fault(
        "The class bias is written for the first of three levels only.",
        "values",
        CLASS_BIASES[1:],
        init_head=init_one_level,
    ),
    "class_bias_like_box": Fault(
        "The class biases start at 1.0 like the box biases.",
        "values",
        CLASS_BIASES,
        init_head=init_class_like_box,
    ),
    "head_weights_zeroed": Fault(
        "The weights of the last class convolutions start at zero.",
        "values",
        CLASS_WEIGHTS,
        zero_head_weights,
    ),
    "bn_eps": Fault(
        "Every batch norm keeps the default eps of 1e-5.",
        "code",
        BATCH_NORMS,
        default_eps,
    ),
    "activation_relu": Fault(
        "The attention block's feed-forward net uses ReLU, as a usual transformer does.",
        "code",
        ("model.10.m.0.ffn.0.act",),
        relu_in_attention,
    ),
    "activation_relu_everywhere": Fault(
        "Every convolution block uses ReLU for SiLU.",
        "code",
        ACTIVATIONS,
        relu_everywhere,
    ),
    "concat_swapped": Fault(
        "The first concatenation of the neck joins its two inputs in the other order.",
        "code",
        ("model.12",),
        swap_concat,
    ),
    "residual_forgotten": Fault(
        "One bottleneck does not add its input.",
        "code",
        ("model.6.m.0.m.1",),
        forget_residual,
    ),
    "pool_size": Fault(
        "The spatial pyramid pools over 3 x 3 cells, not 5 x 5.",
        "code",
        ("model.9.m", "model.9.m#2", "model.9.m#3"),
        small_pool,
    ),
    "attention_unscaled": Fault(
        "The attention's scores are not divided by the square root of the key's size.",
        "code",
        ("model.10.m.0.attn",),
        unscaled_attention,
    ),
    "eval_mode": Fault(
        "The network is left in evaluation mode.",
        "code",
        BATCH_NORMS,
        leave_in_eval,
    ),
}
