// Finds where spans start and end in a signal.
#pragma once
#include <bisect/port.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace spans {

using torch::Tensor;
namespace nn = torch::nn;

bool is(const char* fault);  // which mistake is switched on
void switch_on(const std::string& fault);

class EncoderImpl : public nn::Module {
 public:
  EncoderImpl(int64_t in, int64_t width);
  Tensor forward(const Tensor& x, const std::optional<Tensor>& mask = std::nullopt);

 private:
  nn::Conv1d conv_;
  nn::BatchNorm1d norm_;
  nn::Dropout drop_;
};

// A convolution of each channel by itself; the net uses it twice.
class SmoothImpl : public nn::Module {
 public:
  explicit SmoothImpl(int64_t width);
  Tensor forward(Tensor x);

 private:
  nn::Conv1d conv_;
};

class MixerImpl : public nn::Module {
 public:
  explicit MixerImpl(int64_t width);
  Tensor forward(const Tensor& x, const Tensor& skip);

 private:
  Tensor weight_;
};

class SquashImpl : public nn::Module {
 public:
  Tensor forward(const Tensor& x);
};

class HeadImpl : public nn::Module {
 public:
  explicit HeadImpl(int64_t width);
  std::map<std::string, Tensor> forward(const Tensor& x);

 private:
  nn::Sequential trunk_;
  nn::Linear start_, end_;
};

struct Spans {
  Tensor hidden;
  std::map<std::string, Tensor> logits;
  BISECT_FIELDS(hidden, logits)
};

class NetImpl : public nn::Module {
 public:
  NetImpl(int64_t in, int64_t width);
  Spans forward(const Tensor& x, const std::optional<Tensor>& mask);

 private:
  std::shared_ptr<EncoderImpl> encoder_;
  std::shared_ptr<SmoothImpl> smooth_;
  nn::AnyModule mixer_, squash_;
  std::shared_ptr<HeadImpl> head_;
};

}  // namespace spans
