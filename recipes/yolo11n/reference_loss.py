"""YOLO11's training loss in PyTorch: class, box and distribution focal loss.

B images, M box slots per image, A anchors, C classes. Everything is computed for all anchors and
weighted by zero where no box is assigned, so that shapes never depend on values.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference_head import REG_MAX, STRIDES
from torch_assigner import assign_task_aligned
from torch_boxes import anchor_points, ciou, from_sides, pad_targets


class DetectionLoss:
    """Compare the head's output with the labelled boxes of a batch."""

    def __init__(self, box_gain: float = 7.5, cls_gain: float = 0.5, dfl_gain: float = 1.5) -> None:
        self.box_gain = box_gain
        self.cls_gain = cls_gain
        self.dfl_gain = dfl_gain

    def __call__(self, outputs: dict, batch: dict) -> dict:
        """Return the scalars box_loss, cls_loss and dfl_loss, gains included."""
        logits = outputs["scores"].transpose(1, 2)  # (B, A, C)
        bins = outputs["boxes"].transpose(1, 2).unflatten(2, (4, REG_MAX))  # (B, A, 4, 16)
        anchors, strides = anchor_points(outputs["feats"], STRIDES)
        labels, boxes = pad_targets(batch["batch_idx"], batch["cls"][:, 0], batch["bboxes"], batch["img"])
        pred_boxes = from_sides(anchors, expected_sides(bins))

        target_boxes, target_scores, _ = assign_task_aligned(
            logits.detach().sigmoid(),
            pred_boxes.detach() * strides,
            anchors * strides,
            labels,
            boxes,
            overlap_of=ciou,
            topk=10,
            alpha=0.5,
            beta=6.0,
        )
        target_boxes = target_boxes / strides
        weight = target_scores.sum(-1)  # (B, A)
        total = weight.sum().clamp(min=1)

        cls_loss = F.binary_cross_entropy_with_logits(logits, target_scores, reduction="sum") / total
        box_loss = ((1 - ciou(pred_boxes, target_boxes)) * weight).sum() / total
        dfl_loss = (side_loss(bins, anchors, target_boxes) * weight).sum() / total
        return {
            "box_loss": self.box_gain * box_loss,
            "cls_loss": self.cls_gain * cls_loss,
            "dfl_loss": self.dfl_gain * dfl_loss,
        }


def expected_sides(bins: Tensor) -> Tensor:
    """Turn bins (B, A, 4, 16) into the distances (B, A, 4) of the box's sides, in strides."""
    return bins.softmax(-1) @ torch.arange(REG_MAX).to(bins)


def side_loss(bins: Tensor, anchors: Tensor, target_boxes: Tensor) -> Tensor:
    """Return the mean cross-entropy (B, A) of the four sides, each shared between its two nearest bins."""
    left_top, right_bottom = target_boxes.chunk(2, dim=-1)
    sides = torch.cat([anchors - left_top, right_bottom - anchors], dim=-1).clamp(0, REG_MAX - 1 - 0.01)
    lower = sides.long()
    log_prob = bins.log_softmax(-1)
    at_lower = -log_prob.gather(-1, lower[..., None])[..., 0]
    at_upper = -log_prob.gather(-1, lower[..., None] + 1)[..., 0]
    share = sides - lower
    return (at_lower * (1 - share) + at_upper * share).mean(-1)
