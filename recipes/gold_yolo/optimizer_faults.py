"""Mistakes in how the Gold-YOLO port's parameters are updated; its losses of the first step stay as they are."""

from layout import BATCH_NORMS, CLASS_BIASES, DEFAULT_BATCH_NORMS, HEAD_WEIGHTS
from mistakes import Edit, step_fault

NORMS = BATCH_NORMS + DEFAULT_BATCH_NORMS
CONVS = tuple(norm.replace(".bn", ".c" if "transformer" in norm else ".conv") for norm in NORMS)
OTHER_CONVS = (*(f"neck.high_IFM.transformer_blocks.{i}.mlp.dwconv" for i in range(2)), "neck.conv_1x1_n")
NORM_WEIGHTS = tuple(f"{norm}.weight" for norm in NORMS)
WEIGHTS = (*(f"{conv}.weight" for conv in CONVS + OTHER_CONVS), *HEAD_WEIGHTS)
BIASES = (
    *(f"{norm}.bias" for norm in NORMS),
    *(f"{conv}.bias" for conv in CONVS if ".block." in conv),
    *(f"{conv}.bias" for conv in OTHER_CONVS),
    *CLASS_BIASES,
    *(bias.replace("cls", "reg") for bias in CLASS_BIASES),
)
EVERYTHING = NORM_WEIGHTS + WEIGHTS + BIASES
SETTINGS = "jt.optim.SGD(groups, LEARNING_RATE, MOMENTUM, nesterov=True)"
WEIGHTS_GROUP = '{"params": weights, "weight_decay": DECAY}'

IN_THE_STEP = {
    "decay_lost": step_fault(
        "The group of weights forgets its weight decay.",
        "the convolutions' weights do not decay",
        WEIGHTS,
        Edit("optimizer_groups.py", WEIGHTS_GROUP, '{"params": weights}'),
    ),
    "momentum_of_default": step_fault(
        "The momentum is the usual 0.9, not 0.937.",
        "the first update is 1.9 / 1.937 of the reference's",
        EVERYTHING,
        Edit("port.py", SETTINGS, "jt.optim.SGD(groups, LEARNING_RATE, 0.9, nesterov=True)"),
    ),
    "norms_not_given": step_fault(
        "The batch norms' weights are collected and never given to the optimizer.",
        "the batch norms' weights stay as they are",
        NORM_WEIGHTS,
        Edit("optimizer_groups.py", '[{"params": norms}, ', "["),
    ),
    "arguments_in_torchs_order": step_fault(
        "The settings are given in torch's order: Jittor takes the weight decay before the dampening.",
        "updates are dampened by 5e-4",
        EVERYTHING,
        Edit("port.py", SETTINGS, "jt.optim.SGD(groups, LEARNING_RATE, MOMENTUM, 0, 5e-4, True)"),
    ),
    "dampened": step_fault(
        "Dampening is set to the momentum, for an average of the gradients.",
        "the first update is 1.059 / 1.937 of the reference's",
        EVERYTHING,
        Edit(
            "port.py",
            SETTINGS,
            "jt.optim.SGD(groups, LEARNING_RATE, MOMENTUM, dampening=MOMENTUM, nesterov=True)",
        ),
    ),
}
