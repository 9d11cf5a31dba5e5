"""Mistakes to switch on in the Jittor port; ``build`` is what the recipe calls."""

from assigner_faults import IN_ATSS, IN_THE_ASSIGNER
from gradient_faults import IN_THE_BACKWARD
from layout import (
    ATTENTION_BLOCKS,
    BATCH_NORMS,
    CLASS_BIASES,
    DEFAULT_BATCH_NORMS,
    FUSIONS,
    HEAD_WEIGHTS,
    INJECTIONS,
    LEVELS,
    POOLED_PAIRS,
)
from loss_faults import IN_THE_LOSS
from mistakes import Edit, Fault, build_with
from optimizer_faults import IN_THE_STEP
from overlap_faults import IN_THE_OVERLAPS


def build(fault: str = "none", **options: object) -> dict:
    """Build the port with the mistake called ``fault``; the options are those of ``port.build``."""
    return build_with(FAULTS, fault, options)


IN_THE_HEAD = {
    "class_bias_lost": Fault(
        "The class biases are written to a copy.",
        "starts at 1949, reference 1.46",
        "values",
        CLASS_BIASES,
        (Edit("port_head.py", "init.constant_(cls.bias, ", "init.constant_(cls.bias.copy(), "),),
    ),
    "heads_zeroed_otherwise": Fault(
        "The heads' weights start at zero where the reference draws them, and are drawn where it starts at zero.",
        "starts at 1.64, reference 1.46, which is within its spread; with zero_heads at 2.05, reference 1.64",
        "values",
        HEAD_WEIGHTS,
        (Edit("port_head.py", "        if zero_heads:", "        if not zero_heads:"),),
    ),
    "boxes_of_inference": Fault(
        "The head returns boxes in pixels, as in inference, where the loss expects the sides that training predicts.",
        "0.411, reference 1.460",
        "code",
        ("detect",),
        (
            Edit(
                "port_head.py",
                "        return maps, jt.concat(scores, dim=1), jt.concat(sides, dim=1)",
                "        anchors, strides = anchor_points(feats, STRIDES)\n"
                "        boxes = from_sides(anchors, jt.concat(sides, dim=1)) * strides\n"
                "        return maps, jt.concat(scores, dim=1), boxes",
            ),
            Edit(
                "port_head.py",
                "from port_blocks",
                "from jittor_boxes import anchor_points, from_sides\nfrom port_blocks",
            ),
        ),
    ),
    "sides_as_distributions": Fault(
        "The head is configured with reg_max 16 and use_dfl, as for the larger variants.",
        "0.805, reference 1.460",
        "code",
        tuple(f"detect.reg_preds.{level}" for level in LEVELS),
        (
            Edit("port_head.py", "nn.Conv2d(c, 4, 1)", "nn.Conv2d(c, 4 * 17, 1)"),
            Edit(
                "port_loss.py",
                "        pred_boxes = from_sides(anchors, sides)",
                "        bins = sides.reshape(*sides.shape[:2], 4, 17)\n"
                "        sides = (nn.softmax(bins, dim=-1) * jt.arange(17)).sum(-1)\n"
                "        pred_boxes = from_sides(anchors, sides)",
            ),
            Edit("port_loss.py", "from jittor import Var", "from jittor import Var, nn"),
        ),
    ),
    "projection_trained": Fault(
        "The projection constant is registered as a parameter that trains.",
        "nothing",
        "unfelt",
        ("detect.proj",),
        (Edit("port_head.py", "jt.arange(17).float32().stop_grad()", "jt.arange(17).float32()"),),
    ),
    "extra_branch": Fault(
        "A branch that predicts sides as distributions is built and never used: 79,123 numbers too many.",
        "nothing",
        "unfelt",
        (),
        (
            Edit(
                "port_head.py",
                "        self.reg_preds = ",
                "        self.dist_preds = nn.ModuleList(\n"
                "            [nn.Sequential(Conv(c, c), Conv(c, c), nn.Conv2d(c, 17, 3, padding=1)) for c in CHANNELS]\n"
                "        )\n"
                "        self.reg_preds = ",
            ),
        ),
    ),
    "detached": Fault(
        "A stray detach before the head: nothing of backbone and neck gets a gradient.",
        "nothing",
        "unfelt",
        (),
        (Edit("port_head.py", "self.stems[i](feat)", "self.stems[i](feat.detach())"),),
    ),
}

IN_THE_LAYERS = {
    "eval_mode": Fault(
        "The network is left in evaluation mode.",
        "1.636, reference 1.460",
        "code",
        BATCH_NORMS + DEFAULT_BATCH_NORMS,
        (Edit("port.py", "    net.train()", "    net.eval()"),),
    ),
    "bn_defaults": Fault(
        "Every batch norm keeps the default eps of 1e-5 and momentum of 0.1.",
        "1.362, reference 1.460",
        "code",
        BATCH_NORMS,
        (
            Edit(
                "port_blocks.py",
                "bias=False)\n        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)",
                "bias=False)\n        self.bn = nn.BatchNorm2d(c2)",
            ),
            Edit(
                "port_blocks.py",
                "stride, padding=1)\n        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)",
                "stride, padding=1)\n        self.bn = nn.BatchNorm2d(c2)",
            ),
        ),
    ),
    "bn_momentum": Fault(
        "The batch norms of the RepVGG-like blocks keep the default momentum of 0.1.",
        "nothing at this step; the running statistics drift apart",
        "code",
        tuple(name for name in BATCH_NORMS if name.endswith(".block.bn")),
        (
            Edit(
                "port_blocks.py",
                "stride, padding=1)\n        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)",
                "stride, padding=1)\n        self.bn = nn.BatchNorm2d(c2, eps=1e-3)",
            ),
        ),
    ),
    "pool_size": Fault(
        "The spatial pyramid pools over 3 x 3 cells, not 5 x 5.",
        "1.4548, reference 1.4596: less than rounding may do",
        "code",
        tuple(f"backbone.ERBlock_5.2.m{call}" for call in ("", "#2", "#3")),
        (Edit("port_blocks.py", "nn.MaxPool2d(5, stride=1, padding=2)", "nn.MaxPool2d(3, stride=1, padding=1)"),),
    ),
    "activation_silu": Fault(
        "The layer that reduces c5 keeps the default activation, SiLU, for ReLU.",
        "1.415, reference 1.460: less than rounding may do",
        "code",
        ("neck.reduce_layer_c5.act",),
        (Edit("port_neck.py", "Conv(256, 64, act=nn.ReLU)", "Conv(256, 64)"),),
    ),
    "gate_sigmoid": Fault(
        "The injections' gate is a sigmoid, not its piecewise linear approximation.",
        "1.512, reference 1.460",
        "code",
        tuple(f"{name}.act" for name in INJECTIONS),
        (
            Edit("port_neck.py", "self.act = HardSigmoid()", "self.act = nn.Sigmoid()"),
            Edit("port_neck.py", "import HardSigmoid, adaptive", "import adaptive"),
        ),
    ),
    "attention_scaled": Fault(
        "The attention's scores are divided by the square root of the key's size, as they usually are.",
        "1.510, reference 1.460",
        "code",
        tuple(f"{name}.attn" for name in ATTENTION_BLOCKS),
        (
            Edit(
                "port_blocks.py", "jt.matmul(q.permute(0, 1, 3, 2), k)", "jt.matmul(q.permute(0, 1, 3, 2), k) / 8**0.5"
            ),
        ),
    ),
    "heads_mixed": Fault(
        "The channels are split with the heads innermost, so that each head reads the others' channels.",
        "1.761, reference 1.460",
        "code",
        tuple(f"{name}.attn" for name in ATTENTION_BLOCKS),
        (
            Edit(
                "port_blocks.py",
                "to(x).reshape(b, self.heads, -1, h * w)",
                "to(x).reshape(b, -1, self.heads, h * w).permute(0, 2, 1, 3)",
            ),
        ),
    ),
    "residual_forgotten": Fault(
        "The attention is not added to what it reads.",
        "1.472, reference 1.460: less than rounding may do",
        "code",
        ATTENTION_BLOCKS,
        (Edit("port_blocks.py", "x = x + self.drop_path(self.attn(x))", "x = self.drop_path(self.attn(x))"),),
    ),
}

IN_THE_NECK = {
    "concat_swapped": Fault(
        "The four maps of the low stage are joined from the smallest to the largest.",
        "1.700, reference 1.460",
        "code",
        ("neck.low_FAM",),
        (
            Edit(
                "port_neck.py",
                "[*pooled, middle, resized(small, size)]",
                "[resized(small, size), middle, *pooled[::-1]]",
            ),
        ),
    ),
    "pair_swapped": Fault(
        "The pooled map is joined after the other one, not before it.",
        "1.264, reference 1.460",
        "code",
        POOLED_PAIRS,
        (
            Edit(
                "port_neck.py",
                "jt.concat([adaptive_avg_pool(large, small.shape[2:]), small], dim=1)",
                "jt.concat([small, adaptive_avg_pool(large, small.shape[2:])], dim=1)",
            ),
        ),
    ),
    "injection_not_added": Fault(
        "The injections gate the local map and forget to add the global one.",
        "1.314, reference 1.460",
        "code",
        INJECTIONS,
        (
            Edit(
                "port_neck.py",
                "return embedded * gate + resized(self.global_embedding(overall), size)",
                "resized(self.global_embedding(overall), size)\n        return embedded * gate",
            ),
        ),
    ),
    "corners_aligned": Fault(
        "Maps are resized with their corner pixels aligned.",
        "1.522, reference 1.460",
        "code",
        ("neck.low_FAM", *FUSIONS, *INJECTIONS[1:]),  # Inject_p4 resizes to the same size
        (Edit("port_layers.py", "align_corners=False", "align_corners=True"),),
    ),
    "pooling_of_jittor": Fault(
        "Maps are pooled by Jittor's own function, whose windows differ where sizes do not divide (500 px).",
        "1.899, reference 2.145 (500 px); nothing at 320 px, where all sizes divide",
        "code",
        ("neck.low_FAM", *FUSIONS, "neck.high_FAM", "neck.LAF_n4"),
        (
            Edit(
                "port_layers.py",
                "    rows, columns = (windows",
                "    return nn.AdaptiveAvgPool2d(tuple(size))(x)\n    rows, columns = (windows",
            ),
        ),
    ),
}

FAULTS = {
    "none": Fault("A faithful port.", "nothing", "none"),
    **IN_THE_HEAD,
    **IN_THE_LAYERS,
    **IN_THE_NECK,
    **IN_THE_LOSS,
    **IN_THE_OVERLAPS,
    **IN_THE_ASSIGNER,
    **IN_ATSS,
    **IN_THE_BACKWARD,
    **IN_THE_STEP,
}
