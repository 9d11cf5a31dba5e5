// The settings of libtorch's own modules, under PyTorch's names.
#include <torch/nn/modules.h>
#include "runtime.h"

namespace bisect {

namespace {
namespace nn = torch::nn;

template <class T>
py::object plain(const T& value) {
  return py::cast(value);
}
template <size_t D, class T>
py::object plain(const torch::ExpandingArray<D, T>& value) {
  return py::cast(std::vector<T>(value->begin(), value->end()));
}
template <size_t D, class T>
py::object plain(const torch::ExpandingArrayWithOptionalElem<D, T>& value) {
  return py::cast(std::vector<std::optional<T>>(value->begin(), value->end()));
}
template <class... T>
py::object plain(const std::variant<T...>& value) {  // one of some words, or numbers
  return std::visit(
      [](const auto& one) -> py::object {
        if constexpr (requires { torch::enumtype::_compute_enum_name{}(one); }) {
          std::string name = torch::enumtype::_compute_enum_name{}(one);  // "kSame"
          if (name.size() > 1 && name[0] == 'k') name = name.substr(1), name[0] = char(std::tolower(name[0]));
          return py::str(name);
        } else return plain(one);
      },
      value);
}
template <class T>
py::object plain(const std::optional<T>& value) {
  return value ? plain(*value) : py::none();
}

#define BISECT_SETTING(name) \
  if constexpr (requires { options.name(); }) found[#name] = plain(options.name());

template <class M>
bool read(nn::Module& module, py::dict& found) {
  auto* own = dynamic_cast<M*>(&module);
  if (own == nullptr) return false;
  const auto& options = own->options;
  BISECT_SETTING(in_channels) BISECT_SETTING(out_channels) BISECT_SETTING(kernel_size) BISECT_SETTING(stride)
  BISECT_SETTING(padding) BISECT_SETTING(dilation) BISECT_SETTING(groups) BISECT_SETTING(padding_mode)
  BISECT_SETTING(output_padding) BISECT_SETTING(ceil_mode) BISECT_SETTING(count_include_pad)
  BISECT_SETTING(divisor_override) BISECT_SETTING(output_size) BISECT_SETTING(num_features) BISECT_SETTING(eps)
  BISECT_SETTING(momentum) BISECT_SETTING(affine) BISECT_SETTING(track_running_stats) BISECT_SETTING(normalized_shape)
  BISECT_SETTING(elementwise_affine) BISECT_SETTING(num_groups) BISECT_SETTING(num_channels) BISECT_SETTING(in_features)
  BISECT_SETTING(out_features) BISECT_SETTING(num_embeddings) BISECT_SETTING(embedding_dim) BISECT_SETTING(padding_idx)
  BISECT_SETTING(max_norm) BISECT_SETTING(scale_grad_by_freq) BISECT_SETTING(p) BISECT_SETTING(negative_slope)
  BISECT_SETTING(dim) BISECT_SETTING(approximate) BISECT_SETTING(alpha) BISECT_SETTING(beta) BISECT_SETTING(threshold)
  BISECT_SETTING(value) BISECT_SETTING(min_val) BISECT_SETTING(max_val) BISECT_SETTING(num_parameters)
  BISECT_SETTING(size) BISECT_SETTING(scale_factor) BISECT_SETTING(mode) BISECT_SETTING(align_corners)
  BISECT_SETTING(input_size) BISECT_SETTING(hidden_size) BISECT_SETTING(num_layers) BISECT_SETTING(batch_first)
  BISECT_SETTING(dropout) BISECT_SETTING(bidirectional) BISECT_SETTING(proj_size) BISECT_SETTING(embed_dim)
  BISECT_SETTING(num_heads) BISECT_SETTING(kdim) BISECT_SETTING(vdim) BISECT_SETTING(upscale_factor)
  BISECT_SETTING(downscale_factor) BISECT_SETTING(start_dim) BISECT_SETTING(end_dim) BISECT_SETTING(reduction)
  BISECT_SETTING(label_smoothing) BISECT_SETTING(ignore_index) BISECT_SETTING(margin)
  return true;
}

template <class... M>
void read_first(nn::Module& module, py::dict& found) {
  (void)(read<M>(module, found) || ...);
}
}  // namespace

py::dict settings_of(nn::Module& module) {
  py::dict found;
  read_first<
      nn::Conv1dImpl, nn::Conv2dImpl, nn::Conv3dImpl, nn::ConvTranspose1dImpl, nn::ConvTranspose2dImpl,
      nn::ConvTranspose3dImpl, nn::LinearImpl, nn::BilinearImpl, nn::EmbeddingImpl, nn::BatchNorm1dImpl, nn::BatchNorm2dImpl,
      nn::BatchNorm3dImpl, nn::InstanceNorm1dImpl, nn::InstanceNorm2dImpl, nn::InstanceNorm3dImpl, nn::LayerNormImpl,
      nn::GroupNormImpl, nn::LocalResponseNormImpl, nn::MaxPool1dImpl, nn::MaxPool2dImpl, nn::MaxPool3dImpl,
      nn::AvgPool1dImpl, nn::AvgPool2dImpl, nn::AvgPool3dImpl, nn::AdaptiveAvgPool1dImpl, nn::AdaptiveAvgPool2dImpl,
      nn::AdaptiveAvgPool3dImpl, nn::AdaptiveMaxPool1dImpl, nn::AdaptiveMaxPool2dImpl, nn::AdaptiveMaxPool3dImpl,
      nn::UpsampleImpl, nn::PixelShuffleImpl, nn::PixelUnshuffleImpl, nn::DropoutImpl, nn::Dropout2dImpl,
      nn::Dropout3dImpl, nn::AlphaDropoutImpl, nn::ELUImpl, nn::SELUImpl, nn::HardshrinkImpl, nn::HardtanhImpl,
      nn::LeakyReLUImpl, nn::SoftmaxImpl, nn::SoftminImpl, nn::LogSoftmaxImpl, nn::PReLUImpl, nn::GELUImpl, nn::GLUImpl,
      nn::CELUImpl, nn::SoftplusImpl, nn::SoftshrinkImpl, nn::ThresholdImpl, nn::RReLUImpl, nn::MultiheadAttentionImpl,
      nn::FlattenImpl, nn::UnflattenImpl, nn::LSTMImpl, nn::GRUImpl, nn::RNNImpl, nn::LSTMCellImpl, nn::GRUCellImpl,
      nn::ZeroPad2dImpl, nn::ReflectionPad2dImpl, nn::ReplicationPad2dImpl, nn::CrossEntropyLossImpl, nn::NLLLossImpl,
      nn::BCELossImpl, nn::BCEWithLogitsLossImpl, nn::MSELossImpl, nn::L1LossImpl, nn::SmoothL1LossImpl, nn::KLDivLossImpl>(
      module, found);
  return found;
}

}  // namespace bisect
