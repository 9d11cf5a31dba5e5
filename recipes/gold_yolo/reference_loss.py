"""Gold-YOLO's training loss in PyTorch: varifocal class loss, and overlap of the boxes.

B images, M box slots per image, A anchors, C classes. Everything is computed for all anchors and
weighted by zero where no box is assigned, so that shapes never depend on values.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference_atss import assign_atss
from reference_head import STRIDES
from torch_assigner import assign_task_aligned
from torch_boxes import anchor_points, from_sides, intersection, iou, pad_targets


class DetectionLoss:
    """Compare the head's output with the labelled boxes of a batch; ATSS assigns during the first ``warmup_epochs``."""

    def __init__(self, warmup_epochs: int = 4, iou_gain: float = 2.5, cls_gain: float = 1.0) -> None:
        self.warmup_epochs = warmup_epochs
        self.iou_gain = iou_gain
        self.cls_gain = cls_gain

    def __call__(self, outputs: tuple, targets: Tensor, img: Tensor, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scalars of the box, distribution and class loss, gains included.

        ``targets`` has a row of image, class, cx, cy, w, h for each box (n, 6). The distribution loss is 0: this
        variant predicts sides as plain numbers.
        """
        feats, scores, sides = outputs
        anchors, strides = anchor_points(feats, STRIDES)
        labels, boxes = pad_targets(targets[:, 0], targets[:, 1], targets[:, 2:], img)
        pred_boxes = from_sides(anchors, sides)

        if epoch < self.warmup_epochs:
            cells = [feat.shape[2] * feat.shape[3] for feat in feats]
            assigned = assign_atss(
                anchors * strides, strides, cells, labels, boxes, pred_boxes.detach() * strides, scores.shape[-1]
            )
        else:
            assigned = assign_task_aligned(
                scores.detach(),
                pred_boxes.detach() * strides,
                anchors * strides,
                labels,
                boxes,
                overlap_of=iou,
                topk=13,
                alpha=1.0,
                beta=6.0,
            )
        target_boxes, target_scores, positive = assigned
        total = target_scores.sum().clamp(min=1)

        cls_loss = varifocal(scores, target_scores, positive) / total
        iou_loss = ((1 - siou(pred_boxes, target_boxes / strides)) * target_scores.sum(-1)).sum() / total
        return self.iou_gain * iou_loss, torch.zeros(()), self.cls_gain * cls_loss


def varifocal(
    scores: Tensor, target_scores: Tensor, positive: Tensor, alpha: float = 0.75, gamma: float = 2.0
) -> Tensor:
    """Return the sum of the cross-entropies of probabilities (B, A, C), positives weighted by their target.

    Source: Zhang et al., VarifocalNet, arXiv 2008.13367.
    """
    weight = alpha * scores.pow(gamma) * (1 - positive) + target_scores * positive
    return (F.binary_cross_entropy(scores, target_scores, reduction="none") * weight).sum()


def siou(a: Tensor, b: Tensor, eps: float = 1e-10) -> Tensor:
    """Return the SIoU (...) of boxes (..., 4): overlap less the costs of distance, seen along its angle, and of shape.

    Source: Gevorgyan, SIoU loss, arXiv 2205.12740. The angle's cost cos(2 asin(s) - pi/2) is written as sin(2 angle).
    """
    a_size, b_size = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    shared = intersection(a, b)
    overlap = shared / (a_size.prod(-1) + b_size.prod(-1) - shared + eps)

    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    shift = (b[..., :2] + b[..., 2:] - a[..., :2] - a[..., 2:]) / 2
    angle = 2 * shift.prod(-1).abs() / (shift.square().sum(-1) + eps)
    distance = (1 - ((angle[..., None] - 2) * (shift / (hull + eps)).square()).exp()).sum(-1)

    stretch = (a_size - b_size).abs() / (torch.maximum(a_size, b_size) + eps)
    shape = (1 - (-stretch).exp()).pow(4).sum(-1)
    return overlap - (distance + shape) / 2
