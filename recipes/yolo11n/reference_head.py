"""The detection head of YOLO11 in PyTorch, and how its biases start."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reference_blocks import Conv

REG_MAX = 16
STRIDES = (8, 16, 32)


class DFL(nn.Module):
    """Turn the 16 bins of each box side into their expected value: (B, 64, A) to (B, 4, A)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(REG_MAX, 1, 1, bias=False).requires_grad_(False)
        self.conv.weight.data[:] = torch.arange(REG_MAX, dtype=torch.float32).view(1, REG_MAX, 1, 1)

    def forward(self, bins: Tensor) -> Tensor:
        b, _, anchors = bins.shape
        return self.conv(bins.view(b, 4, REG_MAX, anchors).transpose(1, 2).softmax(dim=1)).view(b, 4, anchors)


class Detect(nn.Module):
    """Predict box bins and class logits at every cell of three feature maps."""

    def __init__(self, channels: Sequence[int], classes: int = 80) -> None:
        super().__init__()
        self.classes = classes
        box = max(16, channels[0] // 4, 4 * REG_MAX)
        cls = max(channels[0], min(classes, 100))
        self.cv2 = nn.ModuleList(
            nn.Sequential(Conv(c, box, 3), Conv(box, box, 3), nn.Conv2d(box, 4 * REG_MAX, 1)) for c in channels
        )
        self.cv3 = nn.ModuleList(
            nn.Sequential(
                nn.Sequential(Conv(c, c, 3, groups=c), Conv(c, cls)),
                nn.Sequential(Conv(cls, cls, 3, groups=cls), Conv(cls, cls)),
                nn.Conv2d(cls, classes, 1),
            )
            for c in channels
        )
        # Only inference decodes with it; it is here because its weight is part of the state.
        self.dfl = DFL()

    def forward(self, feats: Sequence[Tensor]) -> dict:
        """Return boxes (B, 64, A), scores (B, classes, A) as logits, and the maps themselves."""
        boxes = [branch(x).flatten(2) for branch, x in zip(self.cv2, feats, strict=True)]
        scores = [branch(x).flatten(2) for branch, x in zip(self.cv3, feats, strict=True)]
        return {"boxes": torch.cat(boxes, dim=2), "scores": torch.cat(scores, dim=2), "feats": list(feats)}


def class_bias(classes: int, stride: int) -> float:
    """Return the logit of the rate at which a class is met: some 5 objects on an image of 640 pixels."""
    return math.log(5 / classes / (640 / stride) ** 2)


@torch.no_grad()
def init_head(head: Detect) -> None:
    """Start every level at an even box and at rare classes."""
    for box, cls, stride in zip(head.cv2, head.cv3, STRIDES, strict=True):
        box[-1].bias.fill_(1.0)
        cls[-1].bias.fill_(class_bias(head.classes, stride))
