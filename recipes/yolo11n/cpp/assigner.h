// Task-aligned assignment (TOOD, arXiv 2108.07755): which anchor learns which box, and how much.
// B images, M box slots per image, A anchors, C classes; boxes are x1, y1, x2, y2 in pixels.
#pragma once
#include "boxes.h"

namespace yolo {

// Leave every anchor that several boxes chose (B, M, A) to the one that overlaps it most.
inline Tensor keep_best_box(const Tensor& chosen, const Tensor& overlap) {
  auto is_best = torch::one_hot(overlap.argmax(1), overlap.size(1)).transpose(1, 2).to(chosen);
  return torch::where(chosen.sum(1, true) > 1, is_best, chosen);
}

// Choose for every box the anchors that fit it best in class and place, and for every anchor at most one box.
// Takes probabilities (B, A, C), predicted boxes (B, A, 4), anchor centres (A, 2), labels (B, M) and boxes (B, M, 4).
// Returns target boxes (B, A, 4) and target scores (B, A, C), zero where an anchor has no box.
inline std::pair<Tensor, Tensor> assign_task_aligned(const Tensor& scores, const Tensor& pred_boxes,
                                                     const Tensor& centres, const Tensor& labels, const Tensor& boxes,
                                                     int64_t topk = 10, double alpha = 0.5, double beta = 6.0) {
  auto overlap = ciou(boxes.unsqueeze(2), pred_boxes.unsqueeze(1)).clamp_min(0);  // (B, M, A)
  overlap = overlap * inside(centres, boxes);
  auto score = scores.transpose(1, 2).gather(1, labels.unsqueeze(2).expand({-1, -1, scores.size(1)}));
  auto metric =
      fault("exponents_swapped") ? score.pow(beta) * overlap.pow(alpha) : score.pow(alpha) * overlap.pow(beta);

  auto best = std::get<1>(metric.topk(topk, -1, /*largest=*/!fault("least_aligned")));
  // Where fewer than k anchors overlap a box, no other is taken to fill up the k.
  auto chosen = torch::zeros_like(metric).scatter_(-1, best, 1.0) * (metric > 0);
  chosen = keep_best_box(chosen, overlap);

  metric = metric * chosen;
  auto best_overlap = (overlap * chosen).amax(fault("best_of_boxes") ? 1 : -1, true);
  auto share = metric * best_overlap / (metric.amax(-1, true) + 1e-9);  // (B, M, A)
  auto one_hot = torch::one_hot(labels, scores.size(-1)).to(metric);
  auto target_boxes = torch::matmul(chosen.transpose(1, 2), boxes);
  auto target_scores = torch::matmul(share.transpose(1, 2), one_hot);
  return {target_boxes, target_scores};
}

}  // namespace yolo
