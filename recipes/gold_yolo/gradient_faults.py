"""Mistakes in the backward pass of the Gold-YOLO port: the losses are right, and what the parameters learn is not.

An effect is measured with the reference's weights: the norm of the gradient of all three losses' sum, and how many
of 314 parameters have one that is off by more than 0.1 %.
"""

from layout import ATTENTION_BLOCKS, CONVS, FUSIONS, INJECTIONS, POOLED_PAIRS
from mistakes import Edit, Fault, gradient_fault, silu_by_hand

SILU_BY_HAND = silu_by_hand("gate = self.x.sigmoid()", "return grad * gate * (1 - self.x * (1 - gate))")

HARD_SIGMOID_BY_HAND = '''\
class HardSigmoidFunction(jt.Function):
    """A straight line from 0 at -3 to 1 at 3, with a backward of its own."""

    def execute(self, x: Var) -> Var:
        self.x = x
        return (x + 3).clamp(0, 6) / 6

    def grad(self, grad: Var) -> Var:
        return grad * (self.x.abs() < 3).float32()


'''

WITH_RELU = (
    "neck.reduce_layer_c5",
    "neck.reduce_layer_p4",
    *(f"{name}.{cv}" for name in FUSIONS for cv in ("cv1", "cv_fuse")),
)

FROZEN_STAGE = "backbone.ERBlock_3."
FROZEN_NORMS = tuple(
    f"{conv}.bn.{key}" for conv in CONVS if conv.startswith(FROZEN_STAGE) for key in ("weight", "bias")
)


def freeze_norms(modules: dict) -> None:
    """Freeze the batch norms of one stage, as one does to fine-tune."""
    for module in modules["backbone"].ERBlock_3.modules():
        if type(module).__name__ == "BatchNorm":
            module.weight.stop_grad()
            module.bias.stop_grad()


IN_THE_BACKWARD = {
    "stem_without_gradient": gradient_fault(
        "The stem runs under no_grad, as it does where it is frozen.",
        "grad_norm 827.4, reference 833.3; 4 parameters get none",
        ("backbone",),
        "backbone:maps",
        Edit(
            "port.py",
            "        maps = [self.stem(x)]\n",
            "        with jt.no_grad():\n            maps = [self.stem(x)]\n",
        ),
    ),
    "norms_frozen": Fault(
        "The batch norms of the second stage are frozen.",
        "grad_norm 833.0, reference 833.3: less than rounding may do; 10 parameters get none",
        "gradient",
        FROZEN_NORMS,
        apply=freeze_norms,
        target="grad_norm",
    ),
    "silu_wrong_sign": gradient_fault(
        "SiLU's own backward has a wrong sign, in the blocks with a convolution without bias.",
        "grad_norm 181.0, reference 833.3; 257 gradients off",
        tuple(f"{conv}.act" for conv in CONVS if not conv.endswith(".block") and conv not in WITH_RELU),
        "",
        Edit("port_blocks.py", "class Conv(nn.Module):", SILU_BY_HAND + "class Conv(nn.Module):"),
        Edit("port_blocks.py", "act: Callable[[], nn.Module] = nn.SiLU", "act: Callable[[], nn.Module] = SiLU"),
    ),
    "scores_clamped": gradient_fault(
        "The attention's scores are clamped to their natural bound, 0, where Jittor's clamp lets no gradient through.",
        "grad_norm 634.2, reference 833.3; 177 gradients off",
        tuple(f"{name}.attn" for name in ATTENTION_BLOCKS),
        f"{ATTENTION_BLOCKS[0]}.attn:weights",
        Edit(
            "port_blocks.py",
            "        weights = nn.softmax(scores, dim=-1)\n",
            "        powers = (scores - scores.detach().max(-1, keepdims=True)).clamp(-80, 0).exp()\n"
            "        weights = powers / powers.sum(-1, keepdims=True)\n",
        ),
    ),
    "c5_detached": gradient_fault(
        "The neck detaches the reduced c5 before it hands it to its fusions.",
        "grad_norm 817.4, reference 833.3; 81 gradients off, 3 of them none",
        ("neck",),
        "neck:c5_half",
        Edit("port_neck.py", "c5_half = self.reduce_layer_c5(c5)", "c5_half = self.reduce_layer_c5(c5).detach()"),
    ),
    "gate_detached": gradient_fault(
        "The injections' gate is a constant to the gradient.",
        "grad_norm 825.9, reference 833.3; 194 gradients off, 12 of them none",
        INJECTIONS,
        f"{INJECTIONS[0]}:gate",
        Edit(
            "port_neck.py",
            "gate = resized(self.act(self.global_act(overall)), size)",
            "gate = resized(self.act(self.global_act(overall)), size).detach()",
        ),
    ),
    "gate_too_steep": gradient_fault(
        "The hard sigmoid's own backward forgets the division by 6.",
        "grad_norm 1242.3, reference 833.3; 194 gradients off",
        tuple(f"{name}.act" for name in INJECTIONS),
        "",
        Edit("port_layers.py", "class HardSigmoid(nn.Module):", HARD_SIGMOID_BY_HAND + "class HardSigmoid(nn.Module):"),
        Edit("port_layers.py", "self.relu(x + 3) / 6", "HardSigmoidFunction.apply(x)"),
    ),
    "pooled_in_numpy": gradient_fault(
        "Maps are pooled in NumPy, and what comes back is a constant.",
        "grad_norm 238.2, reference 833.3; 209 gradients off",
        ("neck.low_FAM", *FUSIONS, "neck.high_FAM", *POOLED_PAIRS),
        "neck.low_FAM:pooled",
        Edit(
            "port_layers.py",
            "    x = jt.matmul(x.reshape(-1, width), columns.transpose())\n"
            "    x = jt.matmul(rows, x.reshape(b * c, height, -1))\n",
            "    x = jt.array(rows.numpy() @ x.numpy() @ columns.numpy().T)\n",
        ),
        Edit("port_layers.py", "    b, c, height, width = x.shape\n", "    b, c = x.shape[:2]\n"),
    ),
    "box_branch_detached": gradient_fault(
        "The head's box branches read detached maps.",
        "grad_norm 312.9, reference 833.3; 239 gradients off",
        ("detect",),
        "detect:sides",
        Edit("port_head.py", "self.reg_convs[i](x)", "self.reg_convs[i](x.detach())"),
    ),
    "scores_written_under_no_grad": gradient_fault(
        "The class probabilities are written into an array of zeros under no_grad.",
        "grad_norm 800.8, reference 833.3; 254 gradients off, 15 of them none",
        ("detect",),
        "detect:return",
        Edit(
            "port_head.py",
            "        return maps, jt.concat(scores, dim=1), jt.concat(sides, dim=1)",
            "        joined = jt.zeros((scores[0].shape[0], sum(x.shape[1] for x in scores), scores[0].shape[2]))\n"
            "        with jt.no_grad():\n"
            "            joined.assign(jt.concat(scores, dim=1))\n"
            "        return maps, joined, jt.concat(sides, dim=1)",
        ),
    ),
    "boxes_detached": gradient_fault(
        "The predicted boxes are detached for the box loss, as they are for the assigner.",
        "grad_norm 312.9, reference 833.3; 254 gradients off, 15 of them none",
        (),
        "DetectionLoss.__call__:iou_loss",
        Edit("port_loss.py", "siou(pred_boxes, ", "siou(pred_boxes.detach(), "),
    ),
    "intersection_without_gradient": gradient_fault(
        "The sides of what two boxes share are clamped under no_grad.",
        "grad_norm 650.4, reference 833.3; 254 gradients off",
        (),
        "intersection:return",
        Edit(
            "jittor_boxes.py",
            "    size = jt.maximum(jt.minimum(a[..., 2:], b[..., 2:]) - jt.maximum(a[..., :2], b[..., :2]), 0)\n"
            "    return size",
            "    with jt.no_grad():\n"
            "        size = jt.maximum(jt.minimum(a[..., 2:], b[..., 2:]) - jt.maximum(a[..., :2], b[..., :2]), 0)\n"
            "    return size",
        ),
    ),
    "weight_detached": gradient_fault(
        "The weight of the varifocal loss is a constant to the gradient.",
        "grad_norm 829.0, reference 833.3; 230 gradients off",
        (),
        "varifocal:weight",
        Edit("port_loss.py", "weight = alpha * scores.pow(gamma)", "weight = alpha * scores.detach().pow(gamma)"),
    ),
    "assigner_with_gradient": gradient_fault(
        "The assigner gets boxes that are not detached: the target scores have a gradient of their own.",
        "grad_norm 2868.5, reference 833.3; 254 gradients off",
        (),
        "assign_task_aligned:pred_boxes",
        Edit(
            "port_loss.py",
            "                pred_boxes.detach() * strides,\n",
            "                pred_boxes * strides,\n",
        ),
    ),
}
