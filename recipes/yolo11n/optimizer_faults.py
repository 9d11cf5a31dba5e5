"""Mistakes in how the YOLO11n port's parameters are updated; its losses of the first step stay as they are."""

from layout import BATCH_NORMS, CONVS
from mistakes import Edit, step_fault

NORM_WEIGHTS = tuple(f"{norm}.weight" for norm in BATCH_NORMS)
HEAD_CONVS = tuple(f"model.23.cv{branch}.{level}.2" for branch in (2, 3) for level in range(3))
BIASES = (*(f"{norm}.bias" for norm in BATCH_NORMS), *(f"{conv}.bias" for conv in HEAD_CONVS))
OTHER_WEIGHTS = (*(f"{conv}.conv.weight" for conv in CONVS), *(f"{conv}.weight" for conv in HEAD_CONVS))
GROUPS = "parameter_groups(net.modules(), nn.BatchNorm2d)"
SETTINGS = "jt.optim.SGD(groups, LEARNING_RATE, MOMENTUM, nesterov=True)"

IN_THE_STEP = {
    "lr_tenfold": step_fault(
        "The learning rate is ten times as large.",
        "every update is ten times the reference's",
        NORM_WEIGHTS + OTHER_WEIGHTS + BIASES,
        Edit("optimizer_groups.py", "LEARNING_RATE = 0.01", "LEARNING_RATE = 0.1"),
    ),
    "decay_on_everything": step_fault(
        "All parameters are handed over in one group, and biases and batch norms' weights decay with the others.",
        "the batch norms' weights decay by 5e-4 of the learning rate at each step",
        NORM_WEIGHTS + BIASES,
        Edit("port.py", GROUPS, "[{'params': net.parameters(), 'weight_decay': 5e-4}]"),
    ),
    "nesterov_lost": step_fault(
        "The momentum is the ordinary one.",
        "the first update is 1 / 1.937 of the reference's",
        NORM_WEIGHTS + OTHER_WEIGHTS + BIASES,
        Edit("port.py", SETTINGS, "jt.optim.SGD(groups, LEARNING_RATE, MOMENTUM)"),
    ),
    "biases_of_warmup": step_fault(
        "The biases keep the learning rate that they have at the start of the warm-up.",
        "the biases' updates are ten times the reference's",
        BIASES,
        Edit("optimizer_groups.py", '{"params": biases}', '{"params": biases, "lr": 0.1}'),
    ),
}
