// Found before libtorch's own header of this name: calls of an AnyModule, and of the children of a Sequential, are seen.
#pragma once
#include <c10/util/irange.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/utils/variadic.h>
#include <torch/detail/static.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/any_module_holder.h>
#include <torch/nn/modules/container/any_value.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>
#include <bisect/call.h>

namespace torch::nn {

template <typename ModuleType, typename... ArgumentTypes>
struct SeenAnyModuleHolder : public AnyModuleHolder<ModuleType, ArgumentTypes...> {
  using Plain = AnyModuleHolder<ModuleType, ArgumentTypes...>;
  using Plain::Plain;

  AnyValue forward(std::vector<AnyValue>&& arguments) override {
    if constexpr ((... && ::bisect::detail::copies<std::decay_t<ArgumentTypes>>))
      if (::bisect::wants(this->module.get())) return seen<sizeof...(ArgumentTypes)>(arguments);
    return Plain::forward(std::move(arguments));
  }
  std::unique_ptr<AnyModulePlaceholder> copy() const override { return std::make_unique<SeenAnyModuleHolder>(*this); }
  std::unique_ptr<AnyModulePlaceholder> clone_module(std::optional<Device> device) const override {
    return std::make_unique<SeenAnyModuleHolder>(std::dynamic_pointer_cast<ModuleType>(this->module->clone(device)));
  }

 private:
  using Result = std::decay_t<decltype(std::declval<ModuleType&>().forward(std::declval<ArgumentTypes>()...))>;

  // With the first n arguments; the rest is left to their defaults.
  template <size_t n>
  AnyValue seen(std::vector<AnyValue>& arguments) {
    if (arguments.size() == n) return seen(arguments, std::make_index_sequence<n>());
    if constexpr (n > 1) return seen<n - 1>(arguments);
    else return Plain::forward(std::move(arguments));  // says what is wrong
  }
  template <size_t... I>
  AnyValue seen(std::vector<AnyValue>& arguments, std::index_sequence<I...>) {
    using Types = std::tuple<std::decay_t<ArgumentTypes>...>;
    auto given = std::make_tuple(arguments[I].template try_get<std::tuple_element_t<I, Types>>()...);
    if (!(... && (std::get<I>(given) != nullptr))) return Plain::forward(std::move(arguments));
    auto compute = [this](auto&... a) -> Result {
      std::vector<AnyValue> own;
      (own.push_back(AnyValue(std::tuple_element_t<I, Types>(a))), ...);
      return Plain::forward(std::move(own)).template get<Result>();
    };
    return AnyValue(::bisect::around(this->module.get(), compute, *std::get<I>(given)...));
  }
};

}  // namespace torch::nn

#define AnyModuleHolder SeenAnyModuleHolder
#include_next <torch/nn/modules/container/any.h>
#undef AnyModuleHolder
