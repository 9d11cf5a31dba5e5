"""Mistakes in the backward pass of the YOLO11n port: the losses are right, and what the parameters learn is not.

An effect is measured with the reference's weights: the norm of the gradient of all three losses' sum, and how many
of 255 parameters have one that is off by more than 0.1 %. Eight get none from the reference either.
"""

from layout import ACTIVATIONS, BATCH_NORMS, CLASS_BIASES
from mistakes import Edit, gradient_fault, silu_by_hand

BOX_BIASES = tuple(f"model.23.cv2.{level}.2.bias" for level in range(3))
# No box lies at stride 32 in this batch: its box branch gets a gradient of zeros, whatever its code makes of it.
IDLE = "model.23.cv2.2."
CONCATS = tuple(f"model.{i}" for i in (12, 15, 18, 21))

SILU_BY_HAND = silu_by_hand("return grad * self.x.sigmoid()")

NORM_BY_HAND = '''\
class BatchNorm(nn.BatchNorm2d):
    """Normalise over the batch, whose mean and variance are constants."""

    def execute(self, x: Var) -> Var:
        mean = x.detach().mean(dims=(0, 2, 3))
        variance = ((x * x).detach().mean(dims=(0, 2, 3)) - mean * mean).maximum(0.0)
        self.running_mean.update(self.running_mean + (mean - self.running_mean) * self.momentum)
        count = x.shape[0] * x.shape[2] * x.shape[3]
        unbiased = variance * (count / max(count - 1, 1))
        self.running_var.update(self.running_var + (unbiased - self.running_var) * self.momentum)
        scale = self.weight / (variance + self.eps).sqrt()
        shift = self.bias - mean * scale
        return x * scale.broadcast(x, (0, 2, 3)) + shift.broadcast(x, (0, 2, 3))


'''

POOL_BY_HAND = '''\
class WindowPool(nn.Module):
    """Return the largest of each window around each place; the shape stays."""

    def __init__(self, kernel: int) -> None:
        self.kernel = kernel

    def execute(self, x: Var) -> Var:
        h, w = x.shape[2:]
        margin = self.kernel // 2
        padded = nn.pad(x, [margin] * 4, value=-1e30)
        windows = [padded[:, :, i : i + h, j : j + w] for i in range(self.kernel) for j in range(self.kernel)]
        return jt.stack(windows, dim=0).max(0)


'''

BIASED_BY_HAND = '''\
class BiasedConv(nn.Conv2d):
    """A 1x1 convolution whose bias starts at 1."""

    def __init__(self, c1: int, c2: int) -> None:
        super().__init__(c1, c2, 1, bias=False)
        self._bias = jt.ones(c2)

    def execute(self, x: Var) -> Var:
        y = super().execute(x)
        return y + self._bias.broadcast(y.shape, [0, 2, 3])


'''

IN_THE_BACKWARD = {
    "skips_detached": gradient_fault(
        "The backbone's outputs are detached when they are kept for the neck's concatenations.",
        "grad_norm 43.24, reference 44.04; 117 gradients off",
        ("model",),
        "model:x",
        Edit(
            "port.py",
            "            outputs.append(x)\n",
            "            outputs.append(x.detach() if i <= 10 else x)\n",
        ),
    ),
    "pools_detached": gradient_fault(
        "The spatial pyramid pools detached maps.",
        "grad_norm 17.74, reference 44.04; 96 gradients off",
        ("model.9",),
        "model.9:scales",
        Edit("port_blocks.py", "scales.append(self.m(scales[-1]))", "scales.append(self.m(scales[-1].detach()))"),
    ),
    "attention_stopped": gradient_fault(
        "The attention's weights are constants to the gradient.",
        "grad_norm 42.54, reference 44.04; 105 gradients off",
        ("model.10.m.0.attn",),
        "model.10.m.0.attn:attn",
        Edit("port_blocks.py", "k) * self.scale, dim=-1)", "k) * self.scale, dim=-1).stop_grad()"),
    ),
    "residual_halved": gradient_fault(
        "The attention block's residual lets half of the gradient through.",
        "grad_norm 39.89, reference 44.04; 102 gradients off",
        ("model.10.m.0",),
        "model.10.m.0:x",
        Edit("port_blocks.py", "x = x + self.attn(x)", "x = (x + x.detach()) / 2 + self.attn(x)"),
    ),
    "concatenated_in_place": gradient_fault(
        "The concatenations are written into an array of zeros.",
        "grad_norm 3.65, reference 44.04; 159 gradients off, 138 of them none",
        CONCATS,
        "",
        Edit(
            "port_blocks.py",
            "        return jt.concat(list(maps), dim=1)\n",
            "        b, _, h, w = maps[0].shape\n"
            "        joined = jt.zeros((b, sum(x.shape[1] for x in maps), h, w))\n"
            "        start = 0\n"
            "        for x in maps:\n"
            "            joined.data[:, start : start + x.shape[1]] = x.data\n"
            "            start += x.shape[1]\n"
            "        return joined\n",
        ),
    ),
    "silu_lacks_term": gradient_fault(
        "SiLU's own backward forgets that its gate depends on the input too.",
        "grad_norm 5.17, reference 44.04; 228 gradients off",
        tuple(site for site in ACTIVATIONS if not site.startswith(IDLE)),
        "",
        Edit("port_blocks.py", "class Conv(nn.Module):", SILU_BY_HAND + "class Conv(nn.Module):"),
        Edit("port_blocks.py", "nn.SiLU() if act", "SiLU() if act"),
    ),
    "norms_detached": gradient_fault(
        "Every batch norm takes its mean and variance for constants.",
        "grad_norm 67.61, reference 44.04; 223 gradients off",
        tuple(site for site in BATCH_NORMS if not site.startswith(IDLE)),
        "",
        Edit("port_blocks.py", "class Conv(nn.Module):", NORM_BY_HAND + "class Conv(nn.Module):"),
        Edit("port_blocks.py", "nn.BatchNorm2d(c2, eps", "BatchNorm(c2, eps"),
    ),
    "pool_shared_by_ties": gradient_fault(
        "Of several places with a window's largest value each one gets its gradient, not the first one alone.",
        "grad_norm 3559.49, reference 44.04; 96 gradients off",
        ("model.9.m#2", "model.9.m#3"),
        "",
        Edit("port_blocks.py", "class SPPF(nn.Module):", POOL_BY_HAND + "class SPPF(nn.Module):"),
        Edit("port_blocks.py", "nn.MaxPool2d(kernel, stride=1, padding=kernel // 2)", "WindowPool(kernel)"),
    ),
    "class_branch_detached": gradient_fault(
        "The head's class branches read detached maps.",
        "grad_norm 33.38, reference 44.04; 186 gradients off, 30 of them none",
        ("model.23",),
        "model.23:scores",
        Edit("port_head.py", "scores = [branch(x).flatten(2)", "scores = [branch(x.detach()).flatten(2)"),
    ),
    "head_biases_frozen": gradient_fault(
        "The head is initialised under no_grad, as in PyTorch: what is assigned there never gets a gradient again.",
        "grad_norm 44.040, reference 44.044: not felt; 5 parameters get none, the sixth never does",
        BOX_BIASES + CLASS_BIASES,
        "",
        Edit("port.py", "    init_head(net[-1])\n", "    with jt.no_grad():\n        init_head(net[-1])\n"),
    ),
    "box_biases_hidden": gradient_fault(
        "The box biases have a name with an underscore, so that they are no parameters.",
        "grad_norm 44.040, reference 44.044: not felt; 2 parameters get none, the third never does",
        BOX_BIASES,
        "",
        Edit("port_head.py", "class Detect(nn.Module):", BIASED_BY_HAND + "class Detect(nn.Module):"),
        Edit("port_head.py", "nn.Conv2d(box, 4 * REG_MAX, 1)", "BiasedConv(box, 4 * REG_MAX)"),
        Edit("port_head.py", "        init.constant_(box[-1].bias, 1.0)\n", ""),
        Edit(
            "port_head.py",
            "for box, cls, stride in zip(head.cv2, head.cv3, STRIDES, strict=True)",
            "for cls, stride in zip(head.cv3, STRIDES, strict=True)",
        ),
    ),
    "boxes_stopped_in_place": gradient_fault(
        "The boxes are detached for the assigner by stop_grad, which works in place: for the box loss too.",
        "grad_norm 42.80, reference 44.04; 149 gradients off",
        (),
        "DetectionLoss.__call__:pred_boxes",
        Edit("port_loss.py", "pred_boxes.detach() * strides", "pred_boxes.stop_grad() * strides"),
    ),
    "sides_without_gradient": gradient_fault(
        "The sides are computed from their bins under no_grad, as in inference.",
        "grad_norm 42.80, reference 44.04; 149 gradients off",
        (),
        "expected_sides:return",
        Edit(
            "port_loss.py",
            "    return (nn.softmax(bins, dim=-1) * jt.arange(REG_MAX)).sum(-1)",
            "    with jt.no_grad():\n        return (nn.softmax(bins, dim=-1) * jt.arange(REG_MAX)).sum(-1)",
        ),
    ),
    "shifted_bins_clamped": gradient_fault(
        "The shifted bins are clamped to their natural bound, 0, where Jittor's clamp lets no gradient through.",
        "grad_norm 42.50, reference 44.04; 149 gradients off",
        (),
        "side_loss:return",
        Edit(
            "port_loss.py",
            "shifted = bins - bins.detach().max(-1, keepdims=True)",
            "shifted = (bins - bins.detach().max(-1, keepdims=True)).clamp(-50, 0)",
        ),
    ),
    "alpha_with_gradient": gradient_fault(
        "The weight of the shape's cost is not detached.",
        "grad_norm 44.16, reference 44.04; 149 gradients off",
        (),
        "ciou:alpha",
        Edit(
            "jittor_boxes.py",
            "alpha = (shape / (shape - overlap + 1 + eps)).detach()",
            "alpha = shape / (shape - overlap + 1 + eps)",
        ),
    ),
    "box_loss_times_batch": gradient_fault(
        "The gradient of the box loss is multiplied by the batch size, and the loss that is logged is not.",
        "grad_norm 49.74, reference 44.04; 149 gradients off",
        (),
        "DetectionLoss.__call__:box_loss",
        Edit(
            "port_loss.py",
            "        dfl_loss = (side_loss",
            "        box_loss = b * box_loss - ((b - 1) * box_loss).detach()\n        dfl_loss = (side_loss",
        ),
    ),
}
