"""YOLO11's training loss in PyTorch: class, box and distribution focal loss.

B images, M box slots per image, A anchors, C classes. Everything is computed for all anchors and
weighted by zero where no box is assigned, so that shapes never depend on values.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference_assigner import assign, ciou
from reference_head import REG_MAX, STRIDES


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
        anchors, strides = anchor_points(outputs["feats"])
        labels, boxes = pad_targets(batch)
        pred_boxes = decode(bins, anchors)

        target_boxes, target_scores = assign(
            logits.detach().sigmoid(), pred_boxes.detach() * strides, anchors * strides, labels, boxes
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


def anchor_points(feats: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the cell centres (A, 2) as x, y in strides, and each anchor's stride (A, 1)."""
    points, strides = [], []
    for feat, stride in zip(feats, STRIDES, strict=True):
        h, w = feat.shape[2:]
        y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
        points.append(torch.stack([x, y], dim=-1).view(-1, 2))
        strides.append(torch.full((h * w, 1), float(stride)))
    return torch.cat(points).to(feats[0]), torch.cat(strides).to(feats[0])


def pad_targets(batch: dict) -> tuple[Tensor, Tensor]:
    """Return labels (B, M) and boxes (B, M, 4) as x1, y1, x2, y2 in pixels; empty slots are all zero."""
    images, _, height, width = batch["img"].shape
    image = batch["batch_idx"].long()
    slots = max(1, int(torch.bincount(image, minlength=images).max()))
    labels = torch.zeros(images, slots, dtype=torch.long)
    bboxes = batch["bboxes"].to(batch["img"])
    boxes = bboxes.new_zeros(images, slots, 4)
    centre, extent = bboxes.chunk(2, dim=1)
    size = torch.tensor([width, height, width, height])
    corners = torch.cat([centre - extent / 2, centre + extent / 2], dim=1) * size
    for i in range(images):
        rows = image == i
        count = int(rows.sum())
        labels[i, :count] = batch["cls"][rows, 0].long()
        boxes[i, :count] = corners[rows]
    return labels, boxes


def decode(bins: Tensor, anchors: Tensor) -> Tensor:
    """Turn bins (B, A, 4, 16) into boxes (B, A, 4) as x1, y1, x2, y2 in strides."""
    sides = bins.softmax(-1) @ torch.arange(REG_MAX).to(bins)
    left_top, right_bottom = sides.chunk(2, dim=-1)
    return torch.cat([anchors - left_top, anchors + right_bottom], dim=-1)


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
