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
    ModuleType* self = this->module.get();
    if (arguments.size() != sizeof...(ArgumentTypes) || !::bisect::wants(self)) return Plain::forward(std::move(arguments));
    return seen(self, arguments, std::index_sequence_for<ArgumentTypes...>());
  }
  std::unique_ptr<AnyModulePlaceholder> copy() const override { return std::make_unique<SeenAnyModuleHolder>(*this); }
  std::unique_ptr<AnyModulePlaceholder> clone_module(std::optional<Device> device) const override {
    return std::make_unique<SeenAnyModuleHolder>(std::dynamic_pointer_cast<ModuleType>(this->module->clone(device)));
  }

 private:
  template <size_t... I>
  AnyValue seen(ModuleType* self, std::vector<AnyValue>& arguments, std::index_sequence<I...>) {
    auto given = std::make_tuple(arguments[I].template try_get<std::decay_t<ArgumentTypes>>()...);
    if (!(... && (std::get<I>(given) != nullptr))) return Plain::forward(std::move(arguments));  // says what is wrong
    return AnyValue(::bisect::around(self, [self](auto&... a) { return self->forward(a...); }, *std::get<I>(given)...));
  }
};

}  // namespace torch::nn

#define AnyModuleHolder SeenAnyModuleHolder
#include_next <torch/nn/modules/container/any.h>
#undef AnyModuleHolder
