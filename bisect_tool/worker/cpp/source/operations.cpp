// Every operation of libtorch that the user's own code calls: which tensors it reads, and what it draws.
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <dlfcn.h>
#include <execinfo.h>
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
// Python's, for these, and one that is told of every operation; they stay when the program ends: Python is gone by then.
auto& drawer = *new std::optional<py::object>;
auto& tracer = *new std::optional<py::object>;
std::vector<std::string> foreign;                            // where libraries lie whose code nobody wants to see

// The addresses of the user's own code that runs, the innermost first, up to where the tool called it; and a number for the way
// from there to the operation: what one function of libtorch calls has the same frames, by another way.
std::pair<std::vector<size_t>, size_t> own_frames() {
  static std::unordered_map<void*, char> kinds;  // of a library: its own, another's, the runtime
  static const void* runtime = [] {
    Dl_info info;
    return dladdr(reinterpret_cast<void*>(&own_frames), &info) ? info.dli_fbase : nullptr;
  }();
  void* frames[128];
  std::vector<size_t> found;
  size_t way = 0;
  for (int i = 0, depth = backtrace(frames, 128); i < depth; i++) {
    Dl_info info;
    if (!dladdr(frames[i], &info) || info.dli_fname == nullptr) continue;
    auto [kind, fresh] = kinds.emplace(info.dli_fbase, 'o');
    if (fresh) {
      std::string path = info.dli_fname;
      for (const auto& folder : foreign) kind->second = path.rfind(folder, 0) == 0 ? 'f' : kind->second;
      if (info.dli_fbase == runtime) kind->second = 'r';
    }
    if (kind->second == 'o') found.push_back(reinterpret_cast<size_t>(frames[i]) - 1);
    else if (kind->second == 'r' && !found.empty()) break;
    else if (found.empty()) way = way * 31 + reinterpret_cast<size_t>(frames[i]) / 4;
  }
  return {found, way >> 8};
}

size_t address_of(const at::Tensor& tensor) { return reinterpret_cast<size_t>(tensor.unsafeGetTensorImpl()); }

// Lets Python look at the tensors that an operation is about to read, and put others in their place.
void trace_reads(const c10::OperatorHandle& op, torch::jit::Stack* stack, const std::vector<size_t>& frames, size_t way) {
  py::gil_scoped_acquire acquire;
  OwnCode tool(false);
  auto arguments = torch::jit::last(*stack, op.schema().arguments().size());
  py::list read;
  auto each = [&](const at::Tensor& tensor) {
    if (tensor.defined()) read.append(py::make_tuple(address_of(tensor), tensor));
  };
  for (const auto& value : arguments) {
    if (value.isTensor()) each(value.toTensor());
    else if (value.isTensorList())
      for (const at::Tensor& tensor : value.toTensorList()) each(tensor);
  }
  py::object others = tracer->attr("reads")(op.schema().name(), frames, way, read);
  if (others.is_none()) return;
  size_t next = 0;
  auto taken = [&](const at::Tensor& tensor) {
    return tensor.defined() ? py::list(others)[next++].cast<at::Tensor>() : tensor;
  };
  size_t first = stack->size() - op.schema().arguments().size();
  for (size_t i = first; i < stack->size(); i++) {
    c10::IValue& value = (*stack)[i];
    if (value.isTensor()) value = taken(value.toTensor());
    else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorList()) list.push_back(taken(tensor));
      value = list;
    }
  }
}

// Tells Python of an operation that is over; what that answers takes the place of what it gave.
void trace_gives(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  py::gil_scoped_acquire acquire;
  OwnCode tool(false);
  size_t n = op.schema().returns().size();
  py::list given;
  for (const auto& value : torch::jit::last(*stack, n)) given.append(to_python(value));
  py::object other = tracer->attr("gives")(given);
  if (other.is_none()) return;
  torch::jit::drop(*stack, n);
  for (const auto& value : other) stack->push_back(from_python(value));
}

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
  bool traced = false;
  if (tracer) {
    auto [frames, way] = own_frames();
    traced = !frames.empty();
    if (traced) trace_reads(op, stack, frames, way);
  }
  const std::string& name = op.schema().name();  // "aten::rand"
  if (drawer && drawing.count(name)) draw(op, stack, name.substr(name.rfind(':') + 1));
  else op.callBoxed(stack);
  if (traced && tracer) trace_gives(op, stack);
}

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&seen>()); }
}  // namespace

InCall::InCall() : traced_(tracer.has_value()) {
  if (traced_) tracer->attr("enter")(own_frames().first);
}
InCall::~InCall() {
  try {
    if (traced_ && tracer) tracer->attr("leave")();
  } catch (const py::error_already_set&) {  // one is on its way already
  }
}

py::object trace_call(py::object value) {
  if (!tracer) return value;
  auto frames = own_frames().first;
  return frames.empty() ? value : tracer->attr("called")(frames, value);
}

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
  m.def("trace_by", [](py::object one) { tracer = one.is_none() ? std::nullopt : std::optional<py::object>(std::move(one)); });
  m.def("foreign", [](std::vector<std::string> folders) { foreign = std::move(folders); });
  m.def("place_of", [](size_t address) {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void*>(address), &info)) return std::make_pair(std::string(), size_t(0));
    return std::make_pair(std::string(info.dli_fname), address - reinterpret_cast<size_t>(info.dli_fbase));
  });
  m.def("address_of", &address_of);
  m.def("holders", [](const at::Tensor& tensor) { return tensor.use_count(); });
  m.def("was_read", [](const at::Tensor& tensor) {
    auto found = looked_at.find(tensor.unsafeGetTensorImpl());
    return found != looked_at.end() && found->second;
  });
}

}  // namespace bisect
