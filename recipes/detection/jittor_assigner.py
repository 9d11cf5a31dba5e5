"""Task-aligned assignment in Jittor (TOOD, arXiv 2108.07755): which anchor learns which box, and how much.

B images, M box slots per image, A anchors, C classes; boxes are x1, y1, x2, y2 in pixels.
"""

from collections.abc import Callable

import jittor as jt
from jittor import Var, nn

from jittor_boxes import inside


def assign_task_aligned(
    scores: Var,
    pred_boxes: Var,
    centres: Var,
    labels: Var,
    boxes: Var,
    *,
    overlap_of: Callable[[Var, Var], Var],
    topk: int,
    alpha: float,
    beta: float,
) -> tuple[Var, Var, Var]:
    """Choose for every box the anchors that fit it best in class and place, and for every anchor at most one box.

    Takes probabilities (B, A, C), predicted boxes (B, A, 4), anchor centres (A, 2), labels (B, M) and boxes (B, M, 4).
    Returns target boxes (B, A, 4), target scores (B, A, C) and labels as ones (B, A, C), zero where an anchor has no box.
    """
    overlap = jt.maximum(overlap_of(boxes.unsqueeze(2), pred_boxes.unsqueeze(1)), 0) * inside(centres, boxes)
    one_hot = (labels.unsqueeze(2) == jt.arange(scores.shape[-1])).float32()
    score = nn.bmm(one_hot, scores.permute(0, 2, 1))
    metric = score.pow(alpha) * overlap.pow(beta)  # (B, M, A)

    # Where fewer than k anchors overlap a box, no other is taken to fill up the k.
    chosen = ones_at(metric.topk(topk)[1], metric.shape[-1]) * (metric > 0).float32()
    chosen = keep_best_box(chosen, overlap)

    metric = metric * chosen
    best_overlap = (overlap * chosen).max(-1, keepdims=True)
    share = metric * best_overlap / (metric.max(-1, keepdims=True) + 1e-9)  # (B, M, A)
    to_anchors = chosen.permute(0, 2, 1)
    return nn.bmm(to_anchors, boxes), nn.bmm(share.permute(0, 2, 1), one_hot), nn.bmm(to_anchors, one_hot)


def keep_best_box(chosen: Var, overlap: Var) -> Var:
    """Leave every anchor that several boxes chose (B, M, A) to the one that overlaps it most."""
    best, _ = overlap.argmax(1, keepdims=True)
    is_best = (jt.arange(overlap.shape[1]).unsqueeze(1) == best).float32()
    return jt.where(chosen.sum(1, keepdims=True) > 1, is_best, chosen)


def ones_at(index: Var, count: int) -> Var:
    """Mark with ones (B, M, count) the places that ``index`` (B, M, k) lists."""
    return jt.zeros((*index.shape[:2], count)).scatter(2, index, jt.ones(index.shape))
