"""Adaptive training sample selection in PyTorch (ATSS, arXiv 1912.02424): near anchors whose overlap stands out.

B images, M box slots per image, A anchors, C classes; boxes are x1, y1, x2, y2 in pixels.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from torch_assigner import keep_best_box
from torch_boxes import inside, iou

TOPK = 9
ANCHOR_SIZE = 5  # an anchor is a square of so many strides around its cell's centre


def assign_atss(
    centres: Tensor,
    strides: Tensor,
    cells: Sequence[int],
    labels: Tensor,
    boxes: Tensor,
    pred_boxes: Tensor,
    classes: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose for every box near anchors that overlap it more than its near anchors usually do.

    Takes anchor centres (A, 2) and strides (A, 1), the number of cells of each level, labels (B, M), boxes (B, M, 4)
    and predicted boxes (B, A, 4). Returns target boxes (B, A, 4), target scores (B, A, C), which are the predicted
    boxes' overlaps, and labels as ones (B, A, C), zero where an anchor has no box.
    """
    anchors = torch.cat([centres - ANCHOR_SIZE / 2 * strides, centres + ANCHOR_SIZE / 2 * strides], dim=1)
    overlap = iou(boxes[:, :, None], anchors)  # (B, M, A)
    near = nearest(centres, cells, boxes)
    threshold = usual_overlap(overlap, near)
    chosen = near * (overlap > threshold) * inside(centres, boxes)
    chosen = keep_best_box(chosen, overlap)

    one_hot = F.one_hot(labels, classes).to(boxes)
    positive = chosen.transpose(1, 2) @ one_hot
    quality = (iou(boxes[:, :, None], pred_boxes[:, None]) * chosen).amax(1)  # (B, A)
    return chosen.transpose(1, 2) @ boxes, positive * quality[..., None], positive


def nearest(centres: Tensor, cells: Sequence[int], boxes: Tensor) -> Tensor:
    """Mark with ones (B, M, A) the ``TOPK`` anchors of each level whose centres (A, 2) are nearest to a box's."""
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    distance = (middle[:, :, None] - centres).square().sum(-1).sqrt()  # (B, M, A)
    levels = []
    for level in distance.split(list(cells), dim=-1):
        closest = level.topk(min(TOPK, level.shape[-1]), largest=False).indices
        levels.append(torch.zeros_like(level).scatter_(-1, closest, 1.0))
    return torch.cat(levels, dim=-1)


def usual_overlap(overlap: Tensor, near: Tensor) -> Tensor:
    """Return mean plus standard deviation of the near anchors' overlaps (B, M, A): (B, M, 1)."""
    count = near.sum(-1, keepdim=True)
    mean = (overlap * near).sum(-1, keepdim=True) / count
    variance = ((overlap - mean).square() * near).sum(-1, keepdim=True) / (count - 1)
    return mean + variance.sqrt()
