"""Task-aligned assignment in Jittor: which anchor learns which box, and how much.

B images, M box slots per image, A anchors, C classes; boxes are x1, y1, x2, y2.
"""

import math

import jittor as jt
from jittor import Var, nn

TOPK, ALPHA, BETA = 10, 0.5, 6.0


def assign(scores: Var, pred_boxes: Var, centres: Var, labels: Var, boxes: Var) -> tuple[Var, Var]:
    """Choose for every box its best anchors, and for every anchor at most one box.

    Takes probabilities (B, A, C), predicted boxes (B, A, 4), anchor centres (A, 2), labels (B, M)
    and boxes (B, M, 4), all in pixels. Returns target boxes (B, A, 4) and scores (B, A, C), zero
    where an anchor has no box.
    """
    overlap = jt.maximum(ciou(boxes.unsqueeze(2), pred_boxes.unsqueeze(1)), 0) * inside(centres, boxes)  # (B, M, A)
    one_hot = (labels.unsqueeze(2) == jt.arange(scores.shape[-1])).float32()
    score = nn.bmm(one_hot, scores.permute(0, 2, 1))
    metric = score.pow(ALPHA) * overlap.pow(BETA)

    kth = metric.topk(TOPK)[0][:, :, -1:]
    # An anchor of metric zero would get weight zero, so it need not be chosen to fill up the k.
    chosen = ((metric >= kth) & (metric > 0)).float32()
    best_box, _ = overlap.argmax(1, keepdims=True)
    is_best = (jt.arange(boxes.shape[1]).unsqueeze(1) == best_box).float32()
    chosen = jt.where(chosen.sum(1, keepdims=True) > 1, is_best, chosen)

    metric = metric * chosen
    best_overlap = (overlap * chosen).max(-1, keepdims=True)
    share = metric * best_overlap / (metric.max(-1, keepdims=True) + 1e-9)  # (B, M, A)
    return nn.bmm(chosen.permute(0, 2, 1), boxes), nn.bmm(share.permute(0, 2, 1), one_hot)


def inside(centres: Var, boxes: Var) -> Var:
    """Tell with 1 and 0 (B, M, A) whether a centre (A, 2) lies in a box (B, M, 4); empty slots hold none."""
    left_top, right_bottom = boxes.unsqueeze(2).chunk(2, dim=-1)
    margin = jt.concat([centres - left_top, right_bottom - centres], dim=-1).min(-1)
    return (margin > 1e-9).float32()


def ciou(a: Var, b: Var, eps: float = 1e-7) -> Var:
    """Return the complete intersection over union (...) of boxes (..., 4): overlap, distance and shape."""
    a_min, a_max = a.chunk(2, dim=-1)
    b_min, b_max = b.chunk(2, dim=-1)
    a_size, b_size = a_max - a_min, b_max - b_min
    a_w, a_h = a_size[..., 0], a_size[..., 1]
    b_w, b_h = b_size[..., 0], b_size[..., 1]

    inter = jt.maximum(jt.minimum(a_max, b_max) - jt.maximum(a_min, b_min), 0)
    inter = inter[..., 0] * inter[..., 1]
    iou = inter / (a_w * a_h + b_w * b_h - inter + eps)

    hull = jt.maximum(a_max, b_max) - jt.minimum(a_min, b_min)
    shift = (a_min + a_max - b_min - b_max) / 2
    distance = shift.sqr().sum(-1) / (hull.sqr().sum(-1) + eps)

    shape = 4 / math.pi**2 * (jt.arctan(a_w / (a_h + eps)) - jt.arctan(b_w / (b_h + eps))).sqr()
    alpha = (shape / (shape - iou + 1 + eps)).detach()
    return iou - distance - alpha * shape
