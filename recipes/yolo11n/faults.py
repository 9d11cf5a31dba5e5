"""Mistakes to switch on in the Jittor port; ``build`` is what the recipe calls."""

from collections.abc import Callable
from types import MethodType

import jittor as jt
from jittor import Var, nn

from gradient_faults import IN_THE_BACKWARD
from layout import ACTIVATIONS, BATCH_NORMS, CLASS_BIASES, CLASS_WEIGHTS
from loss_faults import IN_THE_ASSIGNER, IN_THE_BOXES, IN_THE_LOSS
from mistakes import Edit, Fault, build_with
from optimizer_faults import IN_THE_STEP

INIT_CLASS_BIAS = "        init.constant_(cls[-1].bias, class_bias(head.classes, stride))\n"
FEED_FORWARD = "self.ffn = nn.Sequential(Conv(channels, 2 * channels), Conv(2 * channels, channels, act=False))\n"


def swap_concat(modules: dict) -> None:
    def execute(self: nn.Module, maps: list) -> Var:
        return jt.concat(maps[::-1], dim=1)

    replace_execute(modules["model"][12], execute)


def forget_residual(modules: dict) -> None:
    def execute(self: nn.Module, x: Var) -> Var:
        return self.cv2(self.cv1(x))

    replace_execute(modules["model"][6].m[0].m[1], execute)


def replace_execute(module: nn.Module, execute: Callable) -> None:
    """Give one module another ``execute``; the class and its other instances keep theirs."""
    object.__setattr__(module, "execute", MethodType(execute, module))


FAULTS = {
    "none": Fault("A faithful port.", "nothing", "none"),
    "class_bias_lost": Fault(
        "The class biases are computed and printed right, but written to a copy.",
        "starts at 13,419, the reference at 6.227",
        "values",
        CLASS_BIASES,
        edits=(
            Edit(
                "port_head.py",
                INIT_CLASS_BIAS,
                "        bias = cls[-1].bias.copy()\n"
                "        init.constant_(bias, class_bias(head.classes, stride))\n"
                '        print(f"class bias at stride {stride}: {bias.numpy()[0]:.4f}")\n',
            ),
        ),
    ),
    "class_bias_one_level": Fault(
        "The class bias is written for the first of three levels only.",
        "starts at 3,625, the reference at 6.227",
        "values",
        CLASS_BIASES[1:],
        edits=(
            Edit(
                "port_head.py",
                INIT_CLASS_BIAS,
                "    init.constant_(head.cv3[0][-1].bias, class_bias(head.classes, STRIDES[0]))\n",
            ),
        ),
    ),
    "class_bias_like_box": Fault(
        "The class biases start at 1.0 like the box biases.",
        "starts at 25,535, the reference at 6.227",
        "values",
        CLASS_BIASES,
        edits=(Edit("port_head.py", INIT_CLASS_BIAS, "        init.constant_(cls[-1].bias, 1.0)\n"),),
    ),
    "head_weights_zeroed": Fault(
        "The weights of the last class convolutions start at zero.",
        "starts at 6.267, the reference at 6.227, and other seeds of it from 6.09 to 6.34",
        "values",
        CLASS_WEIGHTS,
        edits=(
            Edit(
                "port_head.py",
                INIT_CLASS_BIAS,
                INIT_CLASS_BIAS + "        init.constant_(cls[-1].weight, 0.0)\n",
            ),
        ),
    ),
    "bn_eps": Fault(
        "Every batch norm keeps the default eps of 1e-5.",
        "6.2290 with the reference's weights, for 6.2266",
        "code",
        BATCH_NORMS,
        edits=(Edit("port_blocks.py", "nn.BatchNorm2d(c2, eps=1e-3, ", "nn.BatchNorm2d(c2, "),),
    ),
    "activation_relu": Fault(
        "The attention block's feed-forward net uses ReLU, as a usual transformer does.",
        "6.2304 with the reference's weights, for 6.2266",
        "code",
        ("model.10.m.0.ffn.0.act",),
        edits=(Edit("port_blocks.py", FEED_FORWARD, FEED_FORWARD + "        self.ffn[0].act = nn.ReLU()\n"),),
    ),
    "activation_relu_everywhere": Fault(
        "Every convolution block uses ReLU for SiLU.",
        "6.2645 with the reference's weights, for 6.2266",
        "code",
        ACTIVATIONS,
        edits=(Edit("port_blocks.py", "nn.SiLU() if act", "nn.ReLU() if act"),),
    ),
    "concat_swapped": Fault(
        "The first concatenation of the neck joins its two inputs in the other order.",
        "6.1918 with the reference's weights, for 6.2266",
        "code",
        ("model.12",),
        apply=swap_concat,
    ),
    "residual_forgotten": Fault(
        "One bottleneck does not add its input.",
        "6.1920 with the reference's weights, for 6.2266",
        "code",
        ("model.6.m.0.m.1",),
        apply=forget_residual,
    ),
    "pool_size": Fault(
        "The spatial pyramid pools over 3 x 3 cells, not 5 x 5.",
        "6.2280 with the reference's weights, for 6.2266",
        "code",
        ("model.9.m", "model.9.m#2", "model.9.m#3"),
        edits=(
            Edit(
                "port_blocks.py",
                "nn.MaxPool2d(kernel, stride=1, padding=kernel // 2)",
                "nn.MaxPool2d(3, stride=1, padding=1)",
            ),
        ),
    ),
    "attention_unscaled": Fault(
        "The attention's scores are not divided by the square root of the key's size.",
        "6.1992 with the reference's weights, for 6.2266",
        "code",
        ("model.10.m.0.attn",),
        edits=(Edit("port_blocks.py", "k) * self.scale, dim=-1)", "k), dim=-1)"),),
    ),
    "eval_mode": Fault(
        "The network is left in evaluation mode.",
        "6.1697 with the reference's weights, for 6.2266",
        "code",
        BATCH_NORMS,
        edits=(Edit("port.py", "net.train()", "net.eval()"),),
    ),
    **IN_THE_LOSS,
    **IN_THE_ASSIGNER,
    **IN_THE_BOXES,
    **IN_THE_BACKWARD,
    **IN_THE_STEP,
}


def build(fault: str = "none", **options: object) -> dict:
    """Build the port with the mistake called ``fault``; the options are those of ``port.build``."""
    return build_with(FAULTS, fault, options)
