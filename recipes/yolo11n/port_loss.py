"""YOLO11's training loss in Jittor: class, box and distribution focal loss.

B images, M box slots per image, A anchors, C classes. Everything is computed for all anchors and
weighted by zero where no box is assigned: Jittor compiles for shapes, not for values.
"""

import jittor as jt
import numpy as np
from jittor import Var, nn

from port_assigner import assign, ciou
from port_head import REG_MAX, STRIDES


class DetectionLoss:
    """Compare the head's output with the labelled boxes of a batch."""

    def __init__(self, box_gain: float = 7.5, cls_gain: float = 0.5, dfl_gain: float = 1.5) -> None:
        self.box_gain = box_gain
        self.cls_gain = cls_gain
        self.dfl_gain = dfl_gain

    def __call__(self, outputs: dict, batch: dict) -> dict:
        """Return the scalars box_loss, cls_loss and dfl_loss, gains included."""
        logits = outputs["scores"].permute(0, 2, 1)  # (B, A, C)
        b, _, count = outputs["boxes"].shape
        bins = outputs["boxes"].permute(0, 2, 1).reshape(b, count, 4, REG_MAX)
        anchors, strides = anchor_points(outputs["feats"])
        labels, boxes = pad_targets(batch)
        pred_boxes = decode(bins, anchors)

        target_boxes, target_scores = assign(
            logits.detach().sigmoid(), pred_boxes.detach() * strides, anchors * strides, labels, boxes
        )
        target_boxes = target_boxes / strides
        weight = target_scores.sum(-1)  # (B, A)
        total = jt.maximum(weight.sum(), 1.0)

        cls_loss = bce_with_logits(logits, target_scores).sum(-1).sum() / total
        box_loss = ((1 - ciou(pred_boxes, target_boxes)) * weight).sum() / total
        dfl_loss = (side_loss(bins, anchors, target_boxes) * weight).sum() / total
        return {
            "box_loss": self.box_gain * box_loss,
            "cls_loss": self.cls_gain * cls_loss,
            "dfl_loss": self.dfl_gain * dfl_loss,
        }


def anchor_points(feats: list) -> tuple[Var, Var]:
    """Return the cell centres (A, 2) as x, y in strides, and each anchor's stride (A, 1)."""
    points, strides = [], []
    for feat, stride in zip(feats, STRIDES, strict=True):
        h, w = feat.shape[2:]
        y, x = np.meshgrid(np.arange(h) + 0.5, np.arange(w) + 0.5, indexing="ij")
        points.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((h * w, 1), stride))
    return jt.array(np.concatenate(points).astype("float32")), jt.array(np.concatenate(strides).astype("float32"))


def pad_targets(batch: dict) -> tuple[Var, Var]:
    """Return labels (B, M) and boxes (B, M, 4) as x1, y1, x2, y2 in pixels; empty slots are all zero."""
    images, _, height, width = batch["img"].shape
    # .data reads these inputs without running what is still pending of the network.
    image, cls, bboxes = (batch[name].data for name in ("batch_idx", "cls", "bboxes"))
    slots = max(1, np.bincount(image.astype(int), minlength=images).max())
    labels = np.zeros((images, slots), "int32")
    boxes = np.zeros((images, slots, 4), "float32")
    centre, extent = bboxes[:, :2], bboxes[:, 2:]
    size = np.array([width, height, width, height], "float32")
    corners = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1) * size
    for i in range(images):
        rows = image == i
        labels[i, : rows.sum()] = cls[rows, 0]
        boxes[i, : rows.sum()] = corners[rows]
    return jt.array(labels), jt.array(boxes)


def decode(bins: Var, anchors: Var) -> Var:
    """Turn bins (B, A, 4, 16) into boxes (B, A, 4) as x1, y1, x2, y2 in strides."""
    sides = (nn.softmax(bins, dim=-1) * jt.arange(REG_MAX)).sum(-1)
    left_top, right_bottom = sides.chunk(2, dim=-1)
    return jt.concat([anchors - left_top, anchors + right_bottom], dim=-1)


def side_loss(bins: Var, anchors: Var, target_boxes: Var) -> Var:
    """Return the mean cross-entropy (B, A) of the four sides, each shared between its two nearest bins."""
    left_top, right_bottom = target_boxes.chunk(2, dim=-1)
    sides = jt.concat([anchors - left_top, right_bottom - anchors], dim=-1).clamp(0, REG_MAX - 1 - 0.01)
    # Falls off linearly from 1 at a side's place to 0 one bin away: its shares of the two nearest bins.
    share = jt.maximum(1 - (jt.arange(REG_MAX) - sides.unsqueeze(-1)).abs(), 0)
    # Shifted by hand: Jittor's log_softmax takes the logarithm of a probability that may be rounded to 0.
    shifted = bins - bins.detach().max(-1, keepdims=True)
    log_sum = shifted.exp().sum(-1)
    return (log_sum.log() - (share * shifted).sum(-1)).mean(-1)


def bce_with_logits(logits: Var, targets: Var) -> Var:
    """Return the binary cross-entropy of each logit, all of one shape."""
    small = (-logits.abs()).exp()
    # log(1 + small), which Jittor lacks; adding 1 first would cost a rare class three digits.
    log1p = 2 * jt.arctanh(small / (2 + small))
    return jt.maximum(logits, 0) - logits * targets + log1p
