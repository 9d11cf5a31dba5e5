"""Mistakes in the two assigners of the Gold-YOLO port: which anchor learns which box."""

from mistakes import Edit, loss_fault

IN_THE_ASSIGNER = {
    "all_positive": loss_fault(
        "Every anchor becomes positive for every box.",
        "1.4551, reference 1.4596",
        "assign_task_aligned:chosen",
        Edit(
            "jittor_assigner.py",
            "ones_at(metric.topk(topk)[1], metric.shape[-1]) * (metric > 0).float32()",
            "jt.ones_like(metric)",
        ),
    ),
    "values_of_argmax": loss_fault(
        "The overlaps that argmax returns are taken for its indices.",
        "1.403, reference 1.460",
        "keep_best_box:is_best",
        Edit("jittor_assigner.py", "best, _ = overlap.argmax", "_, best = overlap.argmax"),
    ),
    "best_of_chosen": loss_fault(
        "Of several boxes an anchor goes to the first that chose it, not to the one that overlaps it most.",
        "1.4490, reference 1.4596",
        "keep_best_box:is_best",
        Edit("jittor_assigner.py", "overlap.argmax(1", "chosen.argmax(1"),
    ),
    "kept_by_several": loss_fault(
        "An anchor that two boxes chose is left to both; only from three on the best one keeps it.",
        "1.434, reference 1.460",
        "keep_best_box:return",
        Edit("jittor_assigner.py", "keepdims=True) > 1, is_best", "keepdims=True) > 2, is_best"),
    ),
    "centres_anywhere": loss_fault(
        "Anchors outside a box can learn it too.",
        "1.401, reference 1.460",
        "assign_task_aligned:overlap",
        Edit("jittor_assigner.py", "unsqueeze(1)), 0) * inside(centres, boxes)", "unsqueeze(1)), 0)"),
    ),
    "one_margin_enough": loss_fault(
        "A centre counts as inside a box when any of its four margins is positive, not all.",
        "1.401, reference 1.460",
        "inside:margin",
        Edit("jittor_boxes.py", "centres], dim=-1).min(-1)", "centres], dim=-1).max(-1)"),
    ),
    "first_images_boxes": loss_fault(
        "Whether a centre lies in a box is asked of the first image's boxes for all images.",
        "iou_loss 1.665, reference 1.597",
        "inside:boxes",
        Edit("jittor_assigner.py", "* inside(centres, boxes)", "* inside(centres, boxes[:1])"),
        target="iou_loss",
    ),
    "share_up_to_one": loss_fault(
        "The target scores of a box rise to 1, not to its best overlap.",
        "3.276, reference 1.460",
        "assign_task_aligned:share",
        Edit("jittor_assigner.py", "metric * best_overlap / (metric", "metric / (metric"),
    ),
    "share_by_anchor": loss_fault(
        "The metric is divided by the largest of an anchor, not of a box.",
        "2.183, reference 1.460",
        "assign_task_aligned:share",
        Edit("jittor_assigner.py", "best_overlap / (metric.max(-1", "best_overlap / (metric.max(1"),
    ),
    "hard_labels": loss_fault(
        "The target scores are ones, not the anchors' share.",
        "4.573, reference 1.460",
        "assign_task_aligned:return",
        Edit("jittor_assigner.py", "nn.bmm(share.permute(0, 2, 1), one_hot)", "nn.bmm(to_anchors, one_hot)"),
    ),
}

IN_ATSS = {
    "candidates_of_all_levels": loss_fault(
        "ATSS takes its nearest anchors from all levels at once (felt with warmup_epochs=1).",
        "1.853, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "nearest:cells",
        Edit("port_atss.py", "near = nearest(centres, cells, boxes)", "near = nearest(centres, [sum(cells)], boxes)"),
    ),
    "threshold_without_deviation": loss_fault(
        "ATSS takes the mean overlap as its threshold and forgets the deviation (felt with warmup_epochs=1).",
        "1.287, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "usual_overlap:return",
        Edit("port_atss.py", "return mean + variance.sqrt()", "return mean"),
    ),
    "farthest": loss_fault(
        "ATSS takes the anchors that are farthest from a box (felt with warmup_epochs=1).",
        "0.411, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "nearest:closest",
        Edit("port_atss.py", "largest=False)[1]", "largest=True)[1]"),
    ),
    "levels_from_zero": loss_fault(
        "ATSS cuts the anchors of every level from the first anchor on (felt with warmup_epochs=1).",
        "1.094, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "nearest:level",
        Edit("port_atss.py", "        start += count\n", ""),
    ),
    "centre_of_xywh": loss_fault(
        "ATSS reads the boxes as x, y, w, h, where they are two corners (felt with warmup_epochs=1).",
        "2.170, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "nearest:middle",
        Edit("port_atss.py", "(boxes[..., :2] + boxes[..., 2:]) / 2", "boxes[..., :2] + boxes[..., 2:] / 2"),
    ),
    "mean_over_all": loss_fault(
        "The mean overlap of ATSS sums over all anchors and counts the near ones (felt with warmup_epochs=1).",
        "0.411, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "usual_overlap:mean",
        Edit(
            "port_atss.py", "(overlap * near).sum(-1, keepdims=True) / count", "overlap.sum(-1, keepdims=True) / count"
        ),
    ),
    "root_of_sum": loss_fault(
        "ATSS takes the root of mean plus variance (felt with warmup_epochs=1).",
        "1.790, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "usual_overlap:return",
        Edit("port_atss.py", "mean + variance.sqrt()", "(mean + variance).sqrt()"),
    ),
    "anchors_too_large": loss_fault(
        "The squares of ATSS reach 5 strides to each side of the centre, not 2.5 (felt with warmup_epochs=1).",
        "1.087, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "assign_atss:anchors",
        Edit(
            "port_atss.py",
            "jt.concat([centres - ANCHOR_SIZE / 2 * strides, centres + ANCHOR_SIZE / 2 * strides], dim=1)",
            "jt.concat([centres - ANCHOR_SIZE * strides, centres + ANCHOR_SIZE * strides], dim=1)",
        ),
    ),
    "anchors_of_one_size": loss_fault(
        "The squares of ATSS are of one size on all levels (felt with warmup_epochs=1).",
        "1.655, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "assign_atss:anchors",
        Edit(
            "port_atss.py",
            "jt.concat([centres - ANCHOR_SIZE / 2 * strides, centres + ANCHOR_SIZE / 2 * strides], dim=1)",
            "jt.concat([centres - ANCHOR_SIZE / 2 * strides[0], centres + ANCHOR_SIZE / 2 * strides[0]], dim=1)",
        ),
    ),
    "quality_of_anchors": loss_fault(
        "The target scores of ATSS are the anchors' overlaps, not the predicted boxes' (felt with warmup_epochs=1).",
        "2.288, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "iou:b",
        Edit(
            "port_atss.py",
            "(iou(boxes.unsqueeze(2), pred_boxes.unsqueeze(1)) * chosen)",
            "(iou(boxes.unsqueeze(2), anchors) * chosen)",
        ),
    ),
    "quality_forgotten": loss_fault(
        "The target scores of ATSS are ones, not the predicted boxes' overlaps (felt with warmup_epochs=1).",
        "4.506, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "assign_atss:return",
        Edit("port_atss.py", "positive * quality.unsqueeze(-1), positive", "positive, positive"),
    ),
    "predictions_in_strides": loss_fault(
        "ATSS gets the predicted boxes in strides, and everything else in pixels (felt with warmup_epochs=1).",
        "0.411, reference 1.299 (warmup_epochs=1); nothing without warm-up",
        "assign_atss:pred_boxes",
        Edit(
            "port_loss.py",
            "boxes, pred_boxes.detach() * strides, scores.shape[-1]",
            "boxes, pred_boxes.detach(), scores.shape[-1]",
        ),
    ),
}
