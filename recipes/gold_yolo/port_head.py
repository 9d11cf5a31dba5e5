"""The decoupled detection head of Gold-YOLO in Jittor, and how its last layers start."""

import math
from collections.abc import Sequence

import jittor as jt
from jittor import Var, init, nn

from port_blocks import Conv

STRIDES = (8, 16, 32)
CHANNELS = (32, 64, 128)
PRIOR = 0.01  # how often a class is met at a place, before anything is learnt


class Detect(nn.Module):
    """Predict class probabilities and box sides at every cell of three feature maps."""

    def __init__(self, classes: int = 20) -> None:
        # Larger variants of the model predict sides as distributions over these 17 values; n carries them unused.
        self.proj = jt.arange(17).float32().stop_grad()
        self.proj_conv = nn.Conv2d(17, 1, 1, bias=False)
        self.proj_conv.weight = self.proj.reshape(1, 17, 1, 1).copy().stop_grad()
        self.stems = nn.ModuleList([Conv(c, c) for c in CHANNELS])
        self.cls_convs = nn.ModuleList([Conv(c, c, 3) for c in CHANNELS])
        self.reg_convs = nn.ModuleList([Conv(c, c, 3) for c in CHANNELS])
        self.cls_preds = nn.ModuleList([nn.Conv2d(c, classes, 1) for c in CHANNELS])
        self.reg_preds = nn.ModuleList([nn.Conv2d(c, 4, 1) for c in CHANNELS])

    def execute(self, feats: Sequence[Var]) -> tuple[list[Var], Var, Var]:
        """Return the maps behind the stems, probabilities (B, A, classes) and sides in strides (B, A, 4)."""
        maps, scores, sides = [], [], []
        for i, feat in enumerate(feats):
            x = self.stems[i](feat)
            maps.append(x)
            scores.append(self.cls_preds[i](self.cls_convs[i](x)).sigmoid().flatten(2).permute(0, 2, 1))
            sides.append(self.reg_preds[i](self.reg_convs[i](x)).flatten(2).permute(0, 2, 1))
        return maps, jt.concat(scores, dim=1), jt.concat(sides, dim=1)


def init_head(head: Detect, *, zero_heads: bool) -> None:
    """Start every level at boxes of two strides and at rare classes; see the reference for ``zero_heads``."""
    for cls, reg in zip(head.cls_preds, head.reg_preds, strict=True):
        init.constant_(cls.bias, -math.log((1 - PRIOR) / PRIOR))
        init.constant_(reg.bias, 1.0)
        if zero_heads:
            init.constant_(cls.weight, 0.0)
            init.constant_(reg.weight, 0.0)
