// Every operation of libtorch that the user's own code calls: which tensors it reads, and what it draws.
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>
#include <unordered_map>
#include <unordered_set>
#include "runtime.h"

namespace bisect {

namespace {
constexpr auto KEY = c10::DispatchKey::TESTING_ONLY_GenericMode;  // before autograd: a replaced value is the graph's too

const std::unordered_set<std::string> FORM{"dtype", "layout", "device", "pin_memory", "generator", "memory_format"};

thread_local bool own_code = false;
std::unordered_map<const c10::TensorImpl*, bool> looked_at;  // and whether an operation has read it
std::unordered_set<std::string> drawing;                     // names of operations that draw
std::optional<py::object> drawer;                           // Python's, for these

void note_read(const at::Tensor& tensor) {
  auto found = looked_at.find(tensor.unsafeGetTensorImpl());
  if (found != looked_at.end()) found->second = true;
}

// Lets Python call an operation that draws, as `drawer(name, original, *arguments)`; what that returns is the result.
void draw(const c10::OperatorHandle& op, torch::jit::Stack* stack, const std::string& name) {
  py::gil_scoped_acquire acquire;
  OwnCode tool(false);
  auto arguments = torch::jit::pop(*stack, op.schema().arguments().size());
  py::list shown;
  for (size_t i = 0; i < arguments.size(); i++)
    if (!FORM.count(op.schema().arguments()[i].name())) shown.append(to_python(arguments[i]));
  auto original = py::cpp_function([&](const py::args& given) {
    torch::jit::Stack own = arguments;
    for (size_t i = 0; i < given.size() && i < own.size(); i++)
      if (THPVariable_Check(given[i].ptr())) own[i] = from_python(given[i]);
    {
      py::gil_scoped_release release;
      op.callBoxed(own);
    }
    return to_python(own.back());
  });
  stack->push_back(from_python((*drawer)(name, original, *py::tuple(shown))));
}

void seen(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  c10::impl::ExcludeDispatchKeyGuard guard(KEY);
  if (!own_code) return op.callBoxed(stack);
  if (!looked_at.empty())
    for (const auto& value : torch::jit::last(*stack, op.schema().arguments().size())) {
      if (value.isTensor()) note_read(value.toTensor());
      else if (value.isTensorList())
        for (const at::Tensor& tensor : value.toTensorList()) note_read(tensor);
    }
  const std::string& name = op.schema().name();  // "aten::rand"
  if (drawer && drawing.count(name)) draw(op, stack, name.substr(name.rfind(':') + 1));
  else op.callBoxed(stack);
}

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&seen>()); }
}  // namespace

OwnCode::OwnCode(bool own) : before_(own_code) {
  own_code = own;
  c10::impl::tls_set_dispatch_key_included(KEY, own);
}
OwnCode::~OwnCode() {
  own_code = before_;
  c10::impl::tls_set_dispatch_key_included(KEY, before_);
}

void define_operations(py::module_& m) {
  m.def("look_at", [](const std::vector<at::Tensor>& tensors) {
    looked_at.clear();
    for (const auto& tensor : tensors) looked_at.emplace(tensor.unsafeGetTensorImpl(), false);
  });
  m.def("draw_by", [](const std::vector<std::string>& names, py::object function) {
    drawing = {names.begin(), names.end()};
    drawer = std::move(function);
  });
  m.def("was_read", [](const at::Tensor& tensor) {
    auto found = looked_at.find(tensor.unsafeGetTensorImpl());
    return found != looked_at.end() && found->second;
  });
}

}  // namespace bisect
