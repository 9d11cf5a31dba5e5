"""YOLO11's training loss in Jittor: class, box and distribution focal loss.

B images, M box slots per image, A anchors, C classes. Everything is computed for all anchors and
weighted by zero where no box is assigned: Jittor compiles for shapes, not for values.
"""

import jittor as jt
from jittor import Var, nn

from jittor_assigner import assign_task_aligned
from jittor_boxes import anchor_points, ciou, from_sides, pad_targets
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
        anchors, strides = anchor_points(outputs["feats"], STRIDES)
        # .data reads these inputs without running what is still pending of the network.
        image, cls, bboxes = (batch[name].data for name in ("batch_idx", "cls", "bboxes"))
        labels, boxes = pad_targets(image, cls[:, 0], bboxes, batch["img"])
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
        total = jt.maximum(weight.sum(), 1.0)

        cls_loss = bce_with_logits(logits, target_scores).sum(-1).sum() / total
        box_loss = ((1 - ciou(pred_boxes, target_boxes)) * weight).sum() / total
        dfl_loss = (side_loss(bins, anchors, target_boxes) * weight).sum() / total
        return {
            "box_loss": self.box_gain * box_loss,
            "cls_loss": self.cls_gain * cls_loss,
            "dfl_loss": self.dfl_gain * dfl_loss,
        }


def expected_sides(bins: Var) -> Var:
    """Turn bins (B, A, 4, 16) into the distances (B, A, 4) of the box's sides, in strides."""
    return (nn.softmax(bins, dim=-1) * jt.arange(REG_MAX)).sum(-1)


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
