"""Anchors, labelled boxes and their overlaps in Jittor.

B images, M box slots per image, A anchors; boxes are x1, y1, x2, y2.
"""

import math
from collections.abc import Sequence

import jittor as jt
import numpy as np
from jittor import Var


def anchor_points(feats: Sequence[Var], strides: Sequence[int]) -> tuple[Var, Var]:
    """Return the cell centres (A, 2) as x, y in strides, and each anchor's stride (A, 1)."""
    points, sizes = [], []
    for feat, stride in zip(feats, strides, strict=True):
        h, w = feat.shape[2:]
        y, x = np.meshgrid(np.arange(h) + 0.5, np.arange(w) + 0.5, indexing="ij")
        points.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        sizes.append(np.full((h * w, 1), stride))
    return jt.array(np.concatenate(points).astype("float32")), jt.array(np.concatenate(sizes).astype("float32"))


def pad_targets(image: np.ndarray, labels: np.ndarray, bboxes: np.ndarray, img: Var) -> tuple[Var, Var]:
    """Sort rows of boxes by image: labels (B, M) and boxes (B, M, 4) in pixels; empty slots are all zero.

    Takes each row's image (n,), label (n,) and cx, cy, w, h in fractions of the image (n, 4), and the images
    (B, 3, H, W).
    """
    images, _, height, width = img.shape
    slots = max(1, np.bincount(image.astype(int), minlength=images).max())
    padded_labels = np.zeros((images, slots), "int32")
    boxes = np.zeros((images, slots, 4), "float32")
    centre, extent = bboxes[:, :2], bboxes[:, 2:]
    size = np.array([width, height] * 2, "float32")
    corners = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1) * size
    for i in range(images):
        rows = image == i
        padded_labels[i, : rows.sum()] = labels[rows]
        boxes[i, : rows.sum()] = corners[rows]
    return jt.array(padded_labels), jt.array(boxes)


def from_sides(anchors: Var, sides: Var) -> Var:
    """Return boxes (B, A, 4) from the distances (B, A, 4) of anchors (A, 2) to the left, top, right and bottom."""
    left_top, right_bottom = sides.chunk(2, dim=-1)
    return jt.concat([anchors - left_top, anchors + right_bottom], dim=-1)


def inside(centres: Var, boxes: Var) -> Var:
    """Tell with 1 and 0 (B, M, A) whether a centre (A, 2) lies in a box (B, M, 4); empty slots hold none."""
    left_top, right_bottom = boxes.unsqueeze(2).chunk(2, dim=-1)
    margin = jt.concat([centres - left_top, right_bottom - centres], dim=-1).min(-1)
    return (margin > 1e-9).float32()


def intersection(a: Var, b: Var) -> Var:
    """Return the area (...) that boxes (..., 4) share."""
    size = jt.maximum(jt.minimum(a[..., 2:], b[..., 2:]) - jt.maximum(a[..., :2], b[..., :2]), 0)
    return size[..., 0] * size[..., 1]


def iou(a: Var, b: Var, eps: float = 1e-9) -> Var:
    """Return the intersection over union (...) of boxes (..., 4)."""
    a_size, b_size = (jt.maximum(box[..., 2:] - box[..., :2], 0) for box in (a, b))
    shared = intersection(a, b)
    return shared / (a_size[..., 0] * a_size[..., 1] + b_size[..., 0] * b_size[..., 1] - shared + eps)


def ciou(a: Var, b: Var, eps: float = 1e-7) -> Var:
    """Return the complete intersection over union (...) of boxes (..., 4): overlap, distance and shape.

    Source: Zheng et al., Distance-IoU loss, arXiv 1911.08287.
    """
    a_min, a_max = a.chunk(2, dim=-1)
    b_min, b_max = b.chunk(2, dim=-1)
    a_size, b_size = a_max - a_min, b_max - b_min
    a_w, a_h = a_size[..., 0], a_size[..., 1]
    b_w, b_h = b_size[..., 0], b_size[..., 1]
    shared = intersection(a, b)
    overlap = shared / (a_w * a_h + b_w * b_h - shared + eps)

    hull = jt.maximum(a_max, b_max) - jt.minimum(a_min, b_min)
    shift = (a_min + a_max - b_min - b_max) / 2
    distance = shift.sqr().sum(-1) / (hull.sqr().sum(-1) + eps)

    shape = 4 / math.pi**2 * (jt.arctan(a_w / (a_h + eps)) - jt.arctan(b_w / (b_h + eps))).sqr()
    alpha = (shape / (shape - overlap + 1 + eps)).detach()
    return overlap - distance - alpha * shape
