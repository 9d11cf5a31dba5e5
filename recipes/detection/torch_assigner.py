"""Task-aligned assignment in PyTorch (TOOD, arXiv 2108.07755): which anchor learns which box, and how much.

B images, M box slots per image, A anchors, C classes; boxes are x1, y1, x2, y2 in pixels.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from torch_boxes import inside


def assign_task_aligned(
    scores: Tensor,
    pred_boxes: Tensor,
    centres: Tensor,
    labels: Tensor,
    boxes: Tensor,
    *,
    overlap_of: Callable[[Tensor, Tensor], Tensor],
    topk: int,
    alpha: float,
    beta: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose for every box the anchors that fit it best in class and place, and for every anchor at most one box.

    Takes probabilities (B, A, C), predicted boxes (B, A, 4), anchor centres (A, 2), labels (B, M) and boxes (B, M, 4).
    Returns target boxes (B, A, 4), target scores (B, A, C) and labels as ones (B, A, C), zero where an anchor has no box.
    """
    overlap = overlap_of(boxes[:, :, None], pred_boxes[:, None]).clamp(min=0) * inside(centres, boxes)  # (B, M, A)
    score = scores.transpose(1, 2).gather(1, labels[:, :, None].expand(-1, -1, scores.shape[1]))
    metric = score.pow(alpha) * overlap.pow(beta)

    best = metric.topk(topk).indices
    # Where fewer than k anchors overlap a box, no other is taken to fill up the k.
    chosen = torch.zeros_like(metric).scatter_(-1, best, 1.0) * (metric > 0)
    chosen = keep_best_box(chosen, overlap)

    metric = metric * chosen
    best_overlap = (overlap * chosen).amax(-1, keepdim=True)
    share = metric * best_overlap / (metric.amax(-1, keepdim=True) + 1e-9)  # (B, M, A)
    one_hot = F.one_hot(labels, scores.shape[-1]).to(metric)
    return chosen.transpose(1, 2) @ boxes, share.transpose(1, 2) @ one_hot, chosen.transpose(1, 2) @ one_hot


def keep_best_box(chosen: Tensor, overlap: Tensor) -> Tensor:
    """Leave every anchor that several boxes chose (B, M, A) to the one that overlaps it most."""
    is_best = F.one_hot(overlap.argmax(1), overlap.shape[1]).transpose(1, 2).to(chosen)
    return torch.where(chosen.sum(1, keepdim=True) > 1, is_best, chosen)
