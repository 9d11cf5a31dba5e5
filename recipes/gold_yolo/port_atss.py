"""Adaptive training sample selection in Jittor (ATSS, arXiv 1912.02424): near anchors whose overlap stands out.

B images, M box slots per image, A anchors, C classes; boxes are x1, y1, x2, y2 in pixels.
"""

from collections.abc import Sequence

import jittor as jt
from jittor import Var, nn

from jittor_assigner import keep_best_box, ones_at
from jittor_boxes import inside, iou

TOPK = 9
ANCHOR_SIZE = 5  # an anchor is a square of so many strides around its cell's centre


def assign_atss(
    centres: Var,
    strides: Var,
    cells: Sequence[int],
    labels: Var,
    boxes: Var,
    pred_boxes: Var,
    classes: int,
) -> tuple[Var, Var, Var]:
    """Choose for every box near anchors that overlap it more than its near anchors usually do.

    Takes anchor centres (A, 2) and strides (A, 1), the number of cells of each level, labels (B, M), boxes (B, M, 4)
    and predicted boxes (B, A, 4). Returns target boxes (B, A, 4), target scores (B, A, C), which are the predicted
    boxes' overlaps, and labels as ones (B, A, C), zero where an anchor has no box.
    """
    anchors = jt.concat([centres - ANCHOR_SIZE / 2 * strides, centres + ANCHOR_SIZE / 2 * strides], dim=1)
    overlap = iou(boxes.unsqueeze(2), anchors)  # (B, M, A)
    near = nearest(centres, cells, boxes)
    threshold = usual_overlap(overlap, near)
    chosen = near * (overlap > threshold).float32() * inside(centres, boxes)
    chosen = keep_best_box(chosen, overlap)

    one_hot = (labels.unsqueeze(2) == jt.arange(classes)).float32()
    to_anchors = chosen.permute(0, 2, 1)
    positive = nn.bmm(to_anchors, one_hot)
    quality = (iou(boxes.unsqueeze(2), pred_boxes.unsqueeze(1)) * chosen).max(1)  # (B, A)
    return nn.bmm(to_anchors, boxes), positive * quality.unsqueeze(-1), positive


def nearest(centres: Var, cells: Sequence[int], boxes: Var) -> Var:
    """Mark with ones (B, M, A) the ``TOPK`` anchors of each level whose centres (A, 2) are nearest to a box's."""
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    distance = (middle.unsqueeze(2) - centres).sqr().sum(-1).sqrt()  # (B, M, A)
    levels = []
    start = 0
    for count in cells:
        level = distance[:, :, start : start + count]
        closest = level.topk(min(TOPK, count), largest=False)[1]
        levels.append(ones_at(closest, count))
        start += count
    return jt.concat(levels, dim=-1)


def usual_overlap(overlap: Var, near: Var) -> Var:
    """Return mean plus standard deviation of the near anchors' overlaps (B, M, A): (B, M, 1)."""
    count = near.sum(-1, keepdims=True)
    mean = (overlap * near).sum(-1, keepdims=True) / count
    variance = ((overlap - mean).sqr() * near).sum(-1, keepdims=True) / (count - 1)
    return mean + variance.sqrt()
