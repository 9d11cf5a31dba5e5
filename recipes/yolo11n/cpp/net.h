// YOLO11n: an image (B, 3, S, S) to boxes and scores at every cell of three maps.
#pragma once
#include <map>
#include <string>

#include "attention.h"
#include "head.h"

namespace yolo {

struct YOLO11nImpl : nn::Module {
  std::vector<nn::AnyModule> layers;  // the first 23; the head returns something else
  Detect head{nullptr};
  std::map<size_t, std::vector<size_t>> from;  // which layers a layer reads; every other one reads the layer before it

  explicit YOLO11nImpl(int64_t classes = 80) {
    add(Conv(3, 16, 3, 2));
    add(Conv(16, 32, 3, 2));
    add(C3k2(32, 64, false, 0.25));
    add(Conv(64, 64, 3, 2));
    add(C3k2(64, 128, false, 0.25));
    add(Conv(128, 128, 3, 2));
    add(C3k2(128, 128, true));
    add(Conv(128, 256, 3, 2));
    add(C3k2(256, 256, true));
    add(SPPF(256));
    add(C2PSA(256));
    add(upsample());
    add(Concat());
    add(C3k2(384, 128));
    add(upsample());
    add(Concat());
    add(C3k2(256, 64));
    add(Conv(64, 64, 3, 2));
    add(Concat());
    add(C3k2(192, 128));
    add(Conv(128, 128, 3, 2));
    add(Concat());
    add(C3k2(384, 256, true));
    head = register_module("23", Detect(std::vector<int64_t>{64, 128, 256}, classes));

    from = {{12, {11, 6}}, {15, {14, 4}}, {18, {17, 13}}, {21, {20, 10}}, {23, {16, 19, 22}}};
    if (fault("skip_of_yolov8")) from[21] = {20, 9};
  }

  Predictions forward(Tensor x) {
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < layers.size(); i++) {
      x = from.count(i) ? layers[i].forward(select(outputs, from[i])) : layers[i].forward(x);
      outputs.push_back(fault("skips_detached") && i <= 10 ? x.detach() : x);
    }
    return head(select(outputs, from[23]));
  }

 private:
  static nn::Upsample upsample() {
    return nn::Upsample(nn::UpsampleOptions().scale_factor(std::vector<double>{2, 2}).mode(torch::kNearest));
  }

  template <class M>
  void add(M layer) {
    register_module(std::to_string(layers.size()), layer);
    layers.emplace_back(layer);
  }

  static std::vector<Tensor> select(const std::vector<Tensor>& outputs, const std::vector<size_t>& indices) {
    std::vector<Tensor> maps;
    for (auto i : indices) maps.push_back(outputs[i]);
    return maps;
  }
};
TORCH_MODULE(YOLO11n);

}  // namespace yolo
