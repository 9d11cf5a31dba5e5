// libtorch's optimizers as Python sees them: their groups, their state, their steps.
#include <torch/optim.h>
#include "runtime.h"

namespace bisect {

namespace {
using torch::optim::Optimizer;
using torch::optim::OptimizerOptions;

struct Kept {  // what an optimizer knows, aside
  std::vector<std::pair<void*, std::unique_ptr<torch::optim::OptimizerParamState>>> state;
  std::vector<std::unique_ptr<OptimizerOptions>> options;
};

py::dict settings(const OptimizerOptions& options) {
  py::dict found;
  auto pair = [](const std::tuple<double, double>& betas) { return py::cast(betas); };
  if (auto* o = dynamic_cast<const torch::optim::SGDOptions*>(&options)) {
    found["lr"] = o->lr(), found["momentum"] = o->momentum(), found["dampening"] = o->dampening();
    found["weight_decay"] = o->weight_decay(), found["nesterov"] = o->nesterov();
  } else if (auto* o = dynamic_cast<const torch::optim::AdamOptions*>(&options)) {
    found["lr"] = o->lr(), found["betas"] = pair(o->betas()), found["eps"] = o->eps();
    found["weight_decay"] = o->weight_decay(), found["amsgrad"] = o->amsgrad();
  } else if (auto* o = dynamic_cast<const torch::optim::AdamWOptions*>(&options)) {
    found["lr"] = o->lr(), found["betas"] = pair(o->betas()), found["eps"] = o->eps();
    found["weight_decay"] = o->weight_decay(), found["amsgrad"] = o->amsgrad();
  } else if (auto* o = dynamic_cast<const torch::optim::RMSpropOptions*>(&options)) {
    found["lr"] = o->lr(), found["alpha"] = o->alpha(), found["eps"] = o->eps();
    found["weight_decay"] = o->weight_decay(), found["momentum"] = o->momentum(), found["centered"] = o->centered();
  } else if (auto* o = dynamic_cast<const torch::optim::AdagradOptions*>(&options)) {
    found["lr"] = o->lr(), found["lr_decay"] = o->lr_decay(), found["weight_decay"] = o->weight_decay(), found["eps"] = o->eps();
  }
  return found;
}

void take(Optimizer& optimizer, Kept& kept) {
  for (auto& [key, known] : optimizer.state()) kept.state.emplace_back(key, known->clone());
  for (auto& group : optimizer.param_groups()) kept.options.push_back(group.options().clone());
}

void put(Optimizer& optimizer, const Kept& kept) {
  optimizer.state().clear();
  for (auto& [key, known] : kept.state) optimizer.state()[key] = known->clone();
  for (size_t i = 0; i < kept.options.size(); i++) optimizer.param_groups()[i].set_options(kept.options[i]->clone());
}
}  // namespace

void define_optimizers(py::module_& m) {
  py::class_<Kept>(m, "OptimizerState", py::module_local());
  py::class_<Optimizer, std::shared_ptr<Optimizer>>(m, "Optimizer", py::module_local())
      .def_property_readonly("type", [](Optimizer& self) { return c10::demangle(typeid(self).name()); })
      .def_property_readonly("groups", [](Optimizer& self) {
        py::list found;
        for (auto& group : self.param_groups()) found.append(py::make_tuple(settings(group.options()), group.params()));
        return found;
      })
      .def("keep", [](Optimizer& self) {
        auto kept = std::make_unique<Kept>();
        take(self, *kept);
        return kept;
      })
      .def("put", [](Optimizer& self, const Kept& kept) { put(self, kept); })
      .def("forget", [](Optimizer& self) { self.state().clear(); })
      .def("step", [](Optimizer& self) { users([&] { self.step(); }); });
}

}  // namespace bisect
