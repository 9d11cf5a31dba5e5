"""Mistakes in the loss of the Gold-YOLO port: what it is given, the varifocal loss, and what it is divided by."""

from mistakes import Edit, loss_fault

IN_THE_LOSS = {
    "varifocal_of_logits": loss_fault(
        "The varifocal loss is fed logits for probabilities.",
        "-252958, reference 1.460",
        "varifocal:scores",
        Edit(
            "port_loss.py",
            "varifocal(scores, target_scores, positive)",
            "varifocal((scores / (1 - scores)).log(), target_scores, positive)",
        ),
    ),
    "weight_of_logits": loss_fault(
        "The varifocal loss weighs negatives by a power of the logits.",
        "1463, reference 1.460",
        "varifocal:weight",
        Edit("port_loss.py", "alpha * scores.pow(gamma)", "alpha * (scores / (1 - scores)).log().pow(gamma)"),
    ),
    "targets_as_integers": loss_fault(
        "The targets are cast to integers, since images and classes are: every box becomes zero, no anchor is positive.",
        "0.411, reference 1.460",
        "pad_targets:bboxes",
        Edit("port_loss.py", "rows = targets.data", 'rows = targets.data.astype("int32")'),
    ),
    "targets_reshaped": loss_fault(
        "The rows of targets are reshaped to columns where they should be transposed.",
        "0.845, reference 1.460",
        "pad_targets:image",
        Edit("port_loss.py", "rows = targets.data", "rows = targets.data.reshape(6, -1).T"),
    ),
    "anchors_hard_coded": loss_fault(
        "Anchors are laid out for 640 px, and as many taken of them as there are predictions.",
        "0.941, reference 1.460",
        "anchor_points:feats",
        Edit(
            "port_loss.py",
            "        anchors, strides = anchor_points(feats, STRIDES)",
            "        maps = [jt.zeros((1, 1, cells, cells)) for cells in (80, 40, 20)]\n"
            "        anchors, strides = (x[: scores.shape[1]] for x in anchor_points(maps, STRIDES))",
        ),
    ),
    "boxes_scaled_twice": loss_fault(
        "The predicted boxes that the task-aligned assigner gets are multiplied by the strides twice.",
        "0.411, reference 1.460: no anchor overlaps enough to be positive",
        "assign_task_aligned:pred_boxes",
        Edit(
            "port_loss.py",
            "scores.detach(),\n                pred_boxes.detach() * strides",
            "scores.detach(),\n                pred_boxes.detach() * strides * strides",
        ),
    ),
    "divided_by_count": loss_fault(
        "The losses are divided by the number of positives, not by the sum of their scores.",
        "0.138, reference 1.460",
        "DetectionLoss.__call__:total",
        Edit("port_loss.py", "total = jt.maximum(target_scores.sum", "total = jt.maximum(positive.sum"),
    ),
    "losses_unpacked_otherwise": loss_fault(
        "The three losses are unpacked as class, box, distribution.",
        "1.597, reference 1.460",
        "step:cls_loss",
        Edit("port.py", "iou_loss, dfl_loss, cls_loss = criterion", "cls_loss, iou_loss, dfl_loss = criterion"),
    ),
    "no_positive_no_loss": loss_fault(
        "The targets are cast to integers, and without a positive anchor all losses are set to 0.",
        "0, reference 1.460",
        "pad_targets:bboxes",
        Edit("port_loss.py", "rows = targets.data", 'rows = targets.data.astype("int32")'),
        Edit(
            "port_loss.py",
            "        cls_loss = varifocal(",
            "        if positive.sum().item() == 0:\n            return jt.zeros(1), jt.zeros(1), jt.zeros(1)\n        cls_loss = varifocal(",
        ),
    ),
    "exception_swallowed": loss_fault(
        "The assigner gets labels (B, M, 1) for (B, M) and raises, and the loss catches it and goes on without targets.",
        "0.411, reference 1.460",
        "DetectionLoss.__call__:assigned",
        Edit(
            "port_loss.py",
            """\
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
""",
            """\
            try:
                assigned = assign_task_aligned(
                    scores.detach(),
                    pred_boxes.detach() * strides,
                    anchors * strides,
                    labels.unsqueeze(-1),
                    boxes,
                    overlap_of=iou,
                    topk=13,
                    alpha=1.0,
                    beta=6.0,
                )
            except Exception:
                assigned = jt.zeros_like(pred_boxes), jt.zeros_like(scores), jt.zeros_like(scores)
""",
        ),
    ),
    "columns_off_by_one": loss_fault(
        "The boxes are cut from the targets one column early, class included.",
        "1.486, reference 1.460",
        "pad_targets:bboxes",
        Edit("port_loss.py", "rows[:, 2:]", "rows[:, 1:5]"),
    ),
    "topk_of_other_model": loss_fault(
        "The assigner takes 10 anchors for a box, YOLO11's number, not 13.",
        "1.4700, reference 1.4596",
        "assign_task_aligned:topk",
        Edit("port_loss.py", "topk=13", "topk=10"),
    ),
    "not_floored": loss_fault(
        "The normaliser is not kept above 1 (felt where little is assigned).",
        "1.839, reference 1.260 (images=1, boxes=1); nothing where more is assigned",
        "DetectionLoss.__call__:total",
        Edit("port_loss.py", "jt.maximum(target_scores.sum(-1).sum(), 1.0)", "target_scores.sum(-1).sum()"),
    ),
    "first_images_total": loss_fault(
        "The losses of all images are divided by the first image's sum of scores.",
        "2.272, reference 1.460",
        "DetectionLoss.__call__:total",
        Edit(
            "port_loss.py",
            "jt.maximum(target_scores.sum(-1).sum(), 1.0)",
            "jt.maximum(target_scores[0].sum(-1).sum(), 1.0)",
        ),
    ),
    "box_weight_of_ones": loss_fault(
        "The overlaps of all anchors with a box weigh 1, not their target score.",
        "iou_loss 20.57, reference 1.597",
        "DetectionLoss.__call__:iou_loss",
        Edit(
            "port_loss.py",
            "target_boxes / strides)) * target_scores.sum(-1)",
            "target_boxes / strides)) * positive.sum(-1)",
        ),
        target="iou_loss",
    ),
    "divided_before_mask": loss_fault(
        "The overlaps are averaged over all anchors before those without a box are masked.",
        "iou_loss 4.414, reference 1.597",
        "DetectionLoss.__call__:iou_loss",
        Edit(
            "port_loss.py",
            "((1 - siou(pred_boxes, target_boxes / strides)) * target_scores.sum(-1)).sum()",
            "((1 - siou(pred_boxes, target_boxes / strides)).mean() * target_scores.sum(-1)).sum()",
        ),
        target="iou_loss",
    ),
    "target_boxes_in_pixels": loss_fault(
        "The predicted boxes are in strides, the boxes that they are compared with in pixels.",
        "iou_loss 4.238, reference 1.597",
        "siou:b",
        Edit("port_loss.py", "target_boxes / strides", "target_boxes"),
        target="iou_loss",
    ),
    "scores_sigmoid_twice": loss_fault(
        "The varifocal loss takes the sigmoid of what are probabilities already.",
        "1209, reference 1.460",
        "varifocal:scores",
        Edit(
            "port_loss.py",
            "varifocal(scores, target_scores, positive)",
            "varifocal(scores.sigmoid(), target_scores, positive)",
        ),
    ),
    "scores_and_targets_swapped": loss_fault(
        "The varifocal loss gets targets and scores in the other order.",
        "0.022, reference 1.460",
        "varifocal:scores",
        Edit(
            "port_loss.py", "varifocal(scores, target_scores, positive)", "varifocal(target_scores, scores, positive)"
        ),
    ),
    "alpha_of_focal_loss": loss_fault(
        "Negatives are weighted by 0.25, as in the focal loss, not by 0.75.",
        "1.429, reference 1.460",
        "varifocal:alpha",
        Edit("port_loss.py", "alpha: float = 0.75", "alpha: float = 0.25"),
    ),
    "positives_weigh_one": loss_fault(
        "Positives weigh 1, not their target score.",
        "4.714, reference 1.460",
        "varifocal:weight",
        Edit("port_loss.py", " + target_scores * positive", " + positive"),
    ),
    "entropy_of_hits_only": loss_fault(
        "The cross-entropy takes log(p) where it should take log(1 - p).",
        "8.505, reference 1.460",
        "varifocal:return",
        Edit("port_layers.py", "limited_log(1 - probability))", "limited_log(probability))"),
    ),
    "anchors_averaged": loss_fault(
        "The varifocal loss is averaged over the anchors.",
        "0.00035, reference 1.460",
        "varifocal:return",
        Edit("port_loss.py", "* weight).sum(-1).sum()", "* weight).sum(-1).mean()"),
    ),
}
