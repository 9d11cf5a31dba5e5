// Found before libtorch's own header of this name: calls through a module holder are seen.
#pragma once
#include <bisect/call.h>
#define ModuleHolder PlainModuleHolder
#include_next <torch/nn/pimpl.h>
#undef ModuleHolder

namespace bisect {

// What `holder->` gives: the module itself, seen through a class that adds no member and whose forward is seen.
template <class C>
struct Seen : C {
  template <class... A>
  auto forward(A&&... args) -> decltype(std::declval<C&>().forward(std::forward<A>(args)...)) {
    using R = decltype(std::declval<C&>().forward(std::forward<A>(args)...));
    C* self = this;
    if constexpr (std::is_base_of_v<torch::nn::Module, C> && !std::is_reference_v<R>)
      if (::bisect::wants(self))
        return ::bisect::around(self, [self](auto&... a) { return self->forward(a...); }, args...);
    return self->forward(std::forward<A>(args)...);
  }
  template <class T>
  auto forward(std::initializer_list<T> list) {
    return forward(std::vector<T>(list));
  }
};

// The same for a Sequential, whose forward is a template of its return type.
template <class C>
struct SeenSequential : C {
  template <class R = at::Tensor, class... A>
  R forward(A&&... args) {
    C* self = this;
    if (::bisect::wants(self))
      return ::bisect::around(self, [self](auto&... a) { return self->template forward<R>(a...); }, args...);
    return self->template forward<R>(std::forward<A>(args)...);
  }
};

}  // namespace bisect

namespace torch::nn {

class SequentialImpl;

template <typename Contained>
class ModuleHolder : public PlainModuleHolder<Contained> {
 public:
  using PlainModuleHolder<Contained>::PlainModuleHolder;
  ModuleHolder() = default;
  auto operator->() {
    constexpr bool computes = torch::detail::has_forward<Contained>::value;
    if constexpr (std::is_base_of_v<SequentialImpl, Contained> && !computes)
      return static_cast<::bisect::SeenSequential<Contained>*>(this->get());
    else if constexpr (std::is_final_v<Contained> || !computes) return this->get();
    else return static_cast<::bisect::Seen<Contained>*>(this->get());
  }
  const Contained* operator->() const { return this->get(); }
  template <typename... Args>
  auto operator()(Args&&... args) -> torch::detail::return_type_of_forward_t<Contained, Args...> {
    return static_cast<::bisect::Seen<Contained>*>(this->get())->forward(::std::forward<Args>(args)...);
  }
};

}  // namespace torch::nn
