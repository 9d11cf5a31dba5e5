// Mistakes to switch on, one at a time: `--option fault=bn_eps`. ../cpp_faults.py says what each of them is.
#pragma once
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace yolo {

inline const std::vector<std::string> FAULTS{
    "none",
    // how the head starts
    "class_bias_lost", "class_bias_copied", "class_bias_assigned", "class_bias_one_level", "class_bias_like_box",
    "head_weights_zeroed",
    // in the net
    "bn_eps", "activation_relu", "activation_relu_everywhere", "concat_swapped", "skip_of_yolov8",
    "residual_forgotten", "attention_residual_forgotten", "attention_unscaled", "pool_size", "eval_mode",
    // in the loss
    "logits_viewed", "sigmoid_twice", "boxes_in_strides", "targets_multiplied", "weight_of_ones", "mean_for_sum",
    "gains_swapped", "softmax_over_sides", "bins_from_one", "lower_bin_only", "exponents_swapped", "least_aligned",
    "best_of_boxes", "cells_corners", "corners_as_given", "first_images_boxes", "union_without_shared",
    "shift_not_halved", "pi_not_squared", "shape_weight_lacks_one",
    // in the backward pass
    "skips_detached", "pools_detached", "attention_stopped", "class_branch_detached", "alpha_with_gradient",
    "guard_to_the_end",
    // in the optimizer
    "nesterov_lost", "decay_on_everything"};

inline std::string chosen_fault = "none";

inline void choose_fault(const std::string& name) {
  if (std::find(FAULTS.begin(), FAULTS.end(), name) == FAULTS.end())
    throw std::invalid_argument("unknown fault '" + name + "'; faults.h lists those that are known");
  chosen_fault = name;
}

// Whether this is the mistake that is switched on.
inline bool fault(const char* name) { return chosen_fault == name; }

}  // namespace yolo
