// The module that the worker imports: it builds a port, describes its modules, and sends their calls to Python.
#include <torch/nn/module.h>
#include <unordered_map>
#include <unordered_set>
#include "runtime.h"

namespace bisect {

using torch::nn::Module;

namespace {

// What stands in Python for a module. It stays when the program ends: Python is gone by then.
auto& bound = *new std::unordered_map<const Module*, py::object>;
auto& named = *new std::unordered_set<const Module*>;  // those of which Python knows how they call their arguments
thread_local const Module* entered = nullptr;         // whose own code begins: it is not seen once more
thread_local const Module* running = nullptr;         // whose own code runs
thread_local bool users_thread = false;               // the one that runs `step`
std::vector<size_t> thrown;                           // the code that threw the last exception, the innermost first

struct Handle {
  std::shared_ptr<Module> module;
};

std::string type_of(const Module& module) { return c10::demangle(typeid(module).name()); }

// Without the list of addresses that libtorch adds to a message.
[[noreturn]] void raise(const c10::Error& error) {
  PyErr_SetString(PyExc_RuntimeError, error.what_without_backtrace());
  PyObject* kind = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&kind, &value, &trace);
  PyErr_NormalizeException(&kind, &value, &trace);
  py::setattr(value, "backtrace", py::str(std::string(error.backtrace() ? error.backtrace()->get() : "")));
  PyErr_Restore(kind, value, trace);
  throw py::error_already_set();
}

template <class F>
auto translated(F&& run) {
  try {
    return users(run);
  } catch (const py::error_already_set&) {  // from a call inside, or the tool's own
    throw;
  } catch (const c10::Error& error) {
    raise(error);
  } catch (...) {
    thrown = thrown_by(std::current_exception());
    throw;
  }
}

struct Thread {
  Thread() : before(users_thread) { users_thread = true; }
  ~Thread() { users_thread = before; }
  bool before;
};

py::dict build(size_t address, const std::map<std::string, std::string>& words) {
  auto function = reinterpret_cast<Port (*)(const Options&)>(address);
  Options options(words);
  Thread thread;
  auto port = std::make_shared<Port>(translated([&] { return function(options); }));
  py::list modules;
  for (auto& [name, module] : port->modules) modules.append(py::make_tuple(name, Handle{module}));
  py::dict found;
  found["modules"] = modules;
  found["batch"] = port->batch;
  found["optimizer"] = port->optimizer ? py::cast(port->optimizer) : py::none();
  found["read"] = options.read();
  found["step"] = port->step ? py::cpp_function([port](const Batch& batch) {
    Thread thread;
    return translated([&] { return port->step(batch); });
  }) : py::object(py::none());
  return found;
}

}  // namespace

bool wants(const Module* module, bool of_base, const char* names) {
  const Module* own = entered;
  entered = nullptr;
  if (module == nullptr || (of_base && running == module) || !bound.count(module)) return false;
  if (!users_thread)
    throw std::runtime_error("a module is called from another thread than the one that runs step; bisect follows one thread alone");
  if (names != nullptr && named.insert(module).second) {
    py::gil_scoped_acquire acquire;
    OwnCode tool(false);
    bound.at(module).attr("named")(names);
  }
  return own != module;
}

Entered::Entered(const Module* module) : around_(running) { entered = running = module; }
Entered::~Entered() {
  entered = nullptr;
  running = around_;
}

c10::IValue call(const Module* module, const Values& arguments, const Compute& compute) {
  py::gil_scoped_acquire acquire;
  OwnCode tool(false);
  py::object proxy = bound.at(module);
  py::tuple given(arguments.size());
  for (size_t i = 0; i < arguments.size(); i++) given[i] = to_python(arguments[i]);
  auto again = py::cpp_function([&compute](const py::args& args) {
    Values own;
    for (const auto& argument : args) own.push_back(from_python(argument));
    return to_python(translated([&] { return compute(own); }));
  });
  py::object value;
  {
    InCall inside;
    value = proxy.attr("called")(again, given);
  }
  return from_python(trace_call(value));
}

PYBIND11_MODULE(bisect_libtorch, m) {
  py::class_<Handle>(m, "Module", py::module_local())
      .def_property_readonly("address", [](const Handle& self) { return reinterpret_cast<size_t>(self.module.get()); })
      .def_property_readonly("type", [](const Handle& self) { return type_of(*self.module); })
      .def_property_readonly("training", [](const Handle& self) { return self.module->is_training(); })
      .def_property_readonly("settings", [](const Handle& self) { return settings_of(*self.module); })
      .def_property_readonly("children", [](const Handle& self) {
        py::list found;
        for (const auto& child : self.module->named_children()) found.append(py::make_tuple(child.key(), Handle{child.value()}));
        return found;
      })
      .def_property_readonly("parameters", [](const Handle& self) {
        py::list found;
        for (const auto& one : self.module->named_parameters(false)) found.append(py::make_tuple(one.key(), one.value()));
        return found;
      })
      .def_property_readonly("buffers", [](const Handle& self) {
        py::list found;
        for (const auto& one : self.module->named_buffers(false)) found.append(py::make_tuple(one.key(), one.value()));
        return found;
      })
      .def("bind", [](const Handle& self, py::object proxy) { bound[self.module.get()] = std::move(proxy); });
  m.def("build", &build);
  m.def("state", [] {
    std::vector<size_t> found;
    for (const auto& [module, proxy] : bound) {
      for (const auto& one : module->parameters(false)) found.push_back(reinterpret_cast<size_t>(one.unsafeGetTensorImpl()));
      for (const auto& one : module->buffers(false)) found.push_back(reinterpret_cast<size_t>(one.unsafeGetTensorImpl()));
    }
    return found;
  });
  m.def("thrown", [] { return thrown; });
  m.def("forget", [] { bound.clear(), named.clear(); });
  m.attr("version") = TORCH_VERSION;
  define_values(m);
  define_optimizers(m);
  define_operations(m);
  print_crashes();
}

}  // namespace bisect
