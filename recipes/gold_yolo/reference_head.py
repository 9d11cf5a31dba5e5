"""The decoupled detection head of Gold-YOLO in PyTorch, and how its last layers start."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reference_blocks import Conv

STRIDES = (8, 16, 32)
CHANNELS = (32, 64, 128)
PRIOR = 0.01  # how often a class is met at a place, before anything is learnt


class Detect(nn.Module):
    """Predict class probabilities and box sides at every cell of three feature maps."""

    def __init__(self, classes: int = 20) -> None:
        super().__init__()
        # Larger variants of the model predict sides as distributions over these 17 values; n carries them unused.
        self.proj = nn.Parameter(torch.arange(17.0), requires_grad=False)
        self.proj_conv = nn.Conv2d(17, 1, 1, bias=False).requires_grad_(False)
        self.proj_conv.weight.data.copy_(self.proj.view(1, 17, 1, 1))
        self.stems = nn.ModuleList(Conv(c, c) for c in CHANNELS)
        self.cls_convs = nn.ModuleList(Conv(c, c, 3) for c in CHANNELS)
        self.reg_convs = nn.ModuleList(Conv(c, c, 3) for c in CHANNELS)
        self.cls_preds = nn.ModuleList(nn.Conv2d(c, classes, 1) for c in CHANNELS)
        self.reg_preds = nn.ModuleList(nn.Conv2d(c, 4, 1) for c in CHANNELS)

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return the maps behind the stems, probabilities (B, A, classes) and sides in strides (B, A, 4)."""
        maps, scores, sides = [], [], []
        for i, feat in enumerate(feats):
            x = self.stems[i](feat)
            maps.append(x)
            scores.append(self.cls_preds[i](self.cls_convs[i](x)).sigmoid().flatten(2).transpose(1, 2))
            sides.append(self.reg_preds[i](self.reg_convs[i](x)).flatten(2).transpose(1, 2))
        return maps, torch.cat(scores, dim=1), torch.cat(sides, dim=1)


@torch.no_grad()
def init_head(head: Detect, *, zero_heads: bool) -> None:
    """Start every level at boxes of two strides and at rare classes.

    The original starts the last convolutions' weights at zero, so that at step 0 no gradient reaches what lies
    before them; without ``zero_heads`` they keep what they were drawn as.
    """
    for cls, reg in zip(head.cls_preds, head.reg_preds, strict=True):
        cls.bias.fill_(-math.log((1 - PRIOR) / PRIOR))
        reg.bias.fill_(1.0)
        if zero_heads:
            cls.weight.zero_()
            reg.weight.zero_()
