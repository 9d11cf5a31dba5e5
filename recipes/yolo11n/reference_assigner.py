"""Task-aligned assignment in PyTorch: which anchor learns which box, and how much.

B images, M box slots per image, A anchors, C classes; boxes are x1, y1, x2, y2.
"""

import math

import torch
from torch import Tensor

TOPK, ALPHA, BETA = 10, 0.5, 6.0


def assign(scores: Tensor, pred_boxes: Tensor, centres: Tensor, labels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Choose for every box its best anchors, and for every anchor at most one box.

    Takes probabilities (B, A, C), predicted boxes (B, A, 4), anchor centres (A, 2), labels (B, M)
    and boxes (B, M, 4), all in pixels. Returns target boxes (B, A, 4) and scores (B, A, C), zero
    where an anchor has no box.
    """
    overlap = ciou(boxes[:, :, None], pred_boxes[:, None]).clamp(min=0) * inside(centres, boxes)  # (B, M, A)
    score = scores.transpose(1, 2).gather(1, labels[:, :, None].expand(-1, -1, scores.shape[1]))
    metric = score.pow(ALPHA) * overlap.pow(BETA)

    kth = metric.topk(TOPK).values[..., -1:]
    # An anchor of metric zero would get weight zero, so it need not be chosen to fill up the k.
    chosen = ((metric >= kth) & (metric > 0)).to(metric)
    best_box = overlap.argmax(1, keepdim=True)
    is_best = (torch.arange(boxes.shape[1])[:, None] == best_box).to(metric)
    chosen = torch.where(chosen.sum(1, keepdim=True) > 1, is_best, chosen)

    metric = metric * chosen
    best_overlap = (overlap * chosen).amax(-1, keepdim=True)
    share = metric * best_overlap / (metric.amax(-1, keepdim=True) + 1e-9)  # (B, M, A)
    one_hot = torch.nn.functional.one_hot(labels, scores.shape[-1]).to(metric)
    return chosen.transpose(1, 2) @ boxes, share.transpose(1, 2) @ one_hot


def inside(centres: Tensor, boxes: Tensor) -> Tensor:
    """Tell with 1 and 0 (B, M, A) whether a centre (A, 2) lies in a box (B, M, 4); empty slots hold none."""
    left_top, right_bottom = boxes[:, :, None].chunk(2, dim=-1)
    margin = torch.cat([centres - left_top, right_bottom - centres], dim=-1).amin(-1)
    return (margin > 1e-9).to(boxes)


def ciou(a: Tensor, b: Tensor, eps: float = 1e-7) -> Tensor:
    """Return the complete intersection over union (...) of boxes (..., 4): overlap, distance and shape."""
    a_min, a_max = a.chunk(2, dim=-1)
    b_min, b_max = b.chunk(2, dim=-1)
    a_w, a_h = (a_max - a_min).unbind(-1)
    b_w, b_h = (b_max - b_min).unbind(-1)

    inter = (torch.minimum(a_max, b_max) - torch.maximum(a_min, b_min)).clamp(min=0)
    inter = inter[..., 0] * inter[..., 1]
    iou = inter / (a_w * a_h + b_w * b_h - inter + eps)

    hull = torch.maximum(a_max, b_max) - torch.minimum(a_min, b_min)
    shift = (a_min + a_max - b_min - b_max) / 2
    distance = shift.square().sum(-1) / (hull.square().sum(-1) + eps)

    shape = 4 / math.pi**2 * (torch.atan(a_w / (a_h + eps)) - torch.atan(b_w / (b_h + eps))).square()
    with torch.no_grad():
        alpha = shape / (shape - iou + 1 + eps)
    return iou - distance - alpha * shape
