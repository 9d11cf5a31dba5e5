"""Mistakes to switch on in the C++ port, as ``--option fault=NAME``: cpp/faults.h lists the same names.

An effect is on cls_loss where it names nothing else. That of a mistake in the values is measured with the port's own,
drawn with seed 0; every other one with the reference's.
"""

from cpp_loss_faults import IN_THE_LOSS
from gradient_faults import CONCATS
from layout import ACTIVATIONS, BATCH_NORMS, CLASS_BIASES, CLASS_WEIGHTS
from mistakes import Switch
from optimizer_faults import BIASES, NORM_WEIGHTS, OTHER_WEIGHTS

BOTTLENECKS = (
    *(f"model.{i}.m.0" for i in (2, 4, 13, 16, 19)),
    *(f"model.{i}.m.0.m.{j}" for i in (6, 8, 22) for j in (0, 1)),
)


IN_THE_START = {
    "class_bias_lost": Switch(
        "The class biases are assigned to a variable, which names another tensor then; the parameters keep their start.",
        "starts at 13,292, the reference at 6.227",
        "values",
        CLASS_BIASES,
        file="head.h",
    ),
    "class_bias_copied": Switch(
        "The class biases are filled into a clone.",
        "starts at 13,292, the reference at 6.227",
        "values",
        CLASS_BIASES,
        file="head.h",
    ),
    "class_bias_one_level": Switch(
        "The class bias is written for the first of three levels only.",
        "starts at 3,734, the reference at 6.227",
        "values",
        CLASS_BIASES[1:],
        file="head.h",
    ),
    "class_bias_like_box": Switch(
        "The class biases start at 1.0 like the box biases.",
        "starts at 24,203, the reference at 6.227",
        "values",
        CLASS_BIASES,
        file="head.h",
    ),
    "head_weights_zeroed": Switch(
        "The weights of the last class convolutions start at zero.",
        "starts at 6.211, the reference at 6.227, and other seeds of it from 6.09 to 6.34",
        "values",
        CLASS_WEIGHTS,
        file="head.h",
    ),
}

IN_THE_NET = {
    "bn_eps": Switch(
        "Every batch norm keeps the default eps of 1e-5.",
        "6.2290, reference 6.2266",
        "code",
        BATCH_NORMS,
        file="blocks.h",
    ),
    "activation_relu": Switch(
        "The attention block's feed-forward net uses ReLU, as a usual transformer does.",
        "6.2304, reference 6.2266",
        "code",
        ("model.10.m.0.ffn.0.act",),
        file="attention.h",
    ),
    "activation_relu_everywhere": Switch(
        "Every convolution block uses ReLU for SiLU.",
        "6.2647, reference 6.2266",
        "code",
        ACTIVATIONS,
        file="blocks.h",
    ),
    "concat_swapped": Switch(
        "The concatenations of the neck join their two inputs in the other order.",
        "6.1795, reference 6.2266",
        "code",
        CONCATS,
        file="blocks.h",
    ),
    "skip_of_yolov8": Switch(
        "The last concatenation reads layer 9, as in YOLOv8, which has no attention block after it.",
        "6.2264, reference 6.2266",
        "code",
        ("model",),
        file="net.h",
    ),
    "residual_forgotten": Switch(
        "No bottleneck adds its input.",
        "6.2468, reference 6.2266",
        "code",
        BOTTLENECKS,
        file="blocks.h",
    ),
    "attention_residual_forgotten": Switch(
        "The attention block does not add its input to the attention.",
        "6.1791, reference 6.2266",
        "code",
        ("model.10.m.0",),
        file="attention.h",
    ),
    "attention_unscaled": Switch(
        "The attention's scores are scaled by key_dim to the power of -1 / 2, which is 0 in integers.",
        "6.1992, reference 6.2266",
        "code",
        ("model.10.m.0.attn",),
        file="attention.h",
    ),
    "pool_size": Switch(
        "The spatial pyramid pools over 3 x 3 cells, not 5 x 5.",
        "6.2280, reference 6.2266",
        "code",
        ("model.9.m", "model.9.m#2", "model.9.m#3"),
        file="blocks.h",
    ),
    "eval_mode": Switch(
        "The network is left in evaluation mode.",
        "6.1669, reference 6.2266",
        "code",
        BATCH_NORMS,
        file="port.cpp",
    ),
}


def in_the_backward(what: str, effect: str, sites: tuple[str, ...], line: str, file: str, text: str = "") -> Switch:
    """Describe a mistake in the backward pass: in the own code of these sites, or after the last module."""
    return Switch(what, effect, "gradient", sites, target="grad_norm", line=line, file=file, text=text)


IN_THE_BACKWARD = {
    "class_bias_assigned": Switch(
        "The class biases are assigned to the convolutions' members: right in the forward, and no parameters any more.",
        "grad_norm 44.040, reference 44.044: not felt; 3 parameters get none",
        "code",
        tuple(name.rpartition(".")[0] for name in CLASS_BIASES),
        file="head.h",
    ),
    "skips_detached": in_the_backward(
        "The backbone's outputs are detached when they are kept for the neck's concatenations.",
        "grad_norm 43.25, reference 44.04; 120 gradients off",
        ("model",),
        "model:x",
        "net.h",
    ),
    "pools_detached": in_the_backward(
        "The spatial pyramid pools detached maps.",
        "grad_norm 17.74, reference 44.04; 96 gradients off",
        ("model.9",),
        "model.9:scales",
        "blocks.h",
    ),
    "attention_stopped": in_the_backward(
        "The attention's weights are constants to the gradient.",
        "grad_norm 42.54, reference 44.04; 105 gradients off",
        ("model.10.m.0.attn",),
        "model.10.m.0.attn:attn",
        "attention.h",
    ),
    "class_branch_detached": in_the_backward(
        "The head's class branches read detached maps.",
        "grad_norm 33.38, reference 44.04; 189 gradients off",
        ("model.23",),
        "model.23:scores",
        "head.h",
    ),
    "alpha_with_gradient": in_the_backward(
        "The weight of the shape's cost is not detached.",
        "grad_norm 44.16, reference 44.04; 152 gradients off",
        (),
        "ciou:alpha",
        "boxes.h",
        "alpha = shape / (",
    ),
    "guard_to_the_end": in_the_backward(
        "The NoGradGuard for alpha has no block of its own, and lasts to the end of the function.",
        "grad_norm 42.80, reference 44.04; 160 gradients off",
        (),
        "ciou:return",
        "boxes.h",
        "return overlap - distance - alpha * shape;",
    ),
}

IN_THE_STEP = {
    "nesterov_lost": Switch(
        "The momentum is the ordinary one.",
        "the first update is 1 / 1.937 of the reference's",
        "step",
        NORM_WEIGHTS + OTHER_WEIGHTS + BIASES,
        file="training.h",
    ),
    "decay_on_everything": Switch(
        "Biases and batch norms' weights decay with the others.",
        "the batch norms' weights decay by 5e-4 of the learning rate at each step",
        "step",
        NORM_WEIGHTS + BIASES,
        file="training.h",
    ),
}

FAULTS = {
    "none": Switch("A faithful port.", "nothing", "none"),
    **IN_THE_START,
    **IN_THE_NET,
    **IN_THE_LOSS,
    **IN_THE_BACKWARD,
    **IN_THE_STEP,
}
