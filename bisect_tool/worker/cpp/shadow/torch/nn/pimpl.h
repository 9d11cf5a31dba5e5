// Found before libtorch's own header of this name: calls through a module holder are seen.
#pragma once
#include <bisect/call.h>
#define BISECT_SHADOW
#define ModuleHolder PlainModuleHolder
#include_next <torch/nn/pimpl.h>
#undef ModuleHolder

namespace bisect {

namespace detail {
// Calls a module's forward, which takes its arguments as P; the call is seen, if what it takes can be given it more than once.
template <class... P, class C>
decltype(auto) forward(C* self, std::remove_reference_t<P>&... args) {
  using R = decltype(self->forward(static_cast<P&&>(args)...));
  constexpr bool again = (... && (std::is_lvalue_reference_v<P> || copies<std::decay_t<P>>));
  if constexpr (std::is_base_of_v<torch::nn::Module, C> && !std::is_reference_v<R> && again)
    if (::bisect::wants(self))
      return ::bisect::around(self, [self](auto&... a) -> R { return self->forward(static_cast<P&&>(a)...); }, args...);
  return self->forward(static_cast<P&&>(args)...);
}

template <class C, class = void>
struct Signature {
  using type = void;  // there are several, or it is a template
};
template <class C>
struct Signature<C, std::void_t<decltype(&C::forward)>> {
  using type = decltype(&C::forward);
};
}  // namespace detail

// What `holder->` gives: the module itself, seen through a class that adds no member and whose forward is seen.
template <class C, class F = typename detail::Signature<C>::type>
struct Seen : C {
  template <class... A>
  auto forward(A&&... args) -> decltype(std::declval<C&>().forward(std::forward<A>(args)...)) {
    return detail::forward<A...>(static_cast<C*>(this), args...);
  }
};
// With the very types of its arguments, so that `holder->forward(x, {})` means what it says.
template <class C, class B, class R, class... P>
struct Seen<C, R (B::*)(P...)> : C {
  R forward(P... args) { return detail::forward<P...>(static_cast<C*>(this), args...); }
  template <class... A, class = std::enable_if_t<(sizeof...(A) < sizeof...(P))>>  // the rest is left to its defaults
  auto forward(A&&... args) -> decltype(std::declval<C&>().forward(std::forward<A>(args)...)) {
    return detail::forward<A...>(static_cast<C*>(this), args...);
  }
};
template <class C, class B, class R, class... P>
struct Seen<C, R (B::*)(P...) const> : C {
  R forward(P... args) const { return detail::forward<P...>(static_cast<const C*>(this), args...); }
  template <class... A, class = std::enable_if_t<(sizeof...(A) < sizeof...(P))>>
  auto forward(A&&... args) const -> decltype(std::declval<const C&>().forward(std::forward<A>(args)...)) {
    return detail::forward<A...>(static_cast<const C*>(this), args...);
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
  auto operator->() const {
    if constexpr (std::is_final_v<Contained> || !torch::detail::has_forward<Contained>::value) return this->get();
    else return static_cast<const ::bisect::Seen<Contained>*>(this->get());
  }
  template <typename... Args>
  auto operator()(Args&&... args) -> torch::detail::return_type_of_forward_t<Contained, Args...> {
    if constexpr (std::is_final_v<Contained>) return ::bisect::detail::forward<Args...>(this->get(), args...);
    else return static_cast<::bisect::Seen<Contained>*>(this->get())->forward(::std::forward<Args>(args)...);
  }
};

}  // namespace torch::nn
