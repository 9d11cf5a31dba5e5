// What a port in C++ includes: `bisect::Port build(const bisect::Options&)` gives its modules, its batch and its step.
#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/optim/optimizer.h>
#include <torch/version.h>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include "call.h"

namespace bisect {

// The options of `bisect run --option NAME=VALUE` and of recipe.toml.
class Options {
 public:
  explicit Options(std::map<std::string, std::string> words) : words_(std::move(words)) {}
  std::string get(const std::string& name, const std::string& otherwise = "") const {
    read_.push_back(name);
    auto found = words_.find(name);
    return found == words_.end() ? otherwise : found->second;
  }
  // Throws std::invalid_argument where the option is no number.
  double number(const std::string& name, double otherwise) const {
    auto word = get(name);
    if (word.empty()) return otherwise;
    size_t read = 0;
    double value = 0;
    try {
      value = std::stod(word, &read);
    } catch (const std::exception&) {
    }
    if (read != word.size()) throw std::invalid_argument("option " + name + ": expected a number, found '" + word + "'");
    return value;
  }
  bool flag(const std::string& name, bool otherwise = false) const {
    auto word = get(name);
    return word.empty() ? otherwise : word == "true" || word == "True" || word == "1";
  }
  int64_t seed() const { return static_cast<int64_t>(number("seed", 0)); }

  const std::map<std::string, std::string>& words() const { return words_; }
  const std::vector<std::string>& read() const { return read_; }

 private:
  std::map<std::string, std::string> words_;
  mutable std::vector<std::string> read_;  // which were asked for: the rest the port does not take
};

using Batch = std::map<std::string, at::Tensor>;
using Targets = std::map<std::string, at::Tensor>;

struct Port {
  std::vector<std::pair<std::string, std::shared_ptr<torch::nn::Module>>> modules;
  Batch batch;
  std::function<Targets(Batch)> step;
  std::shared_ptr<torch::optim::Optimizer> optimizer;
};

}  // namespace bisect

#ifndef BISECT_SHADOW
#error "libtorch's own headers are found before those of bisect: let -I of the folder cpp/shadow of bisect come first"
#endif

// What a port was built with: version 1 of these headers, and a libtorch that has to be that of the Python that loads it, which
// reads this in the file. The version counts what a library of the one before could not work with.
extern "C" {
__attribute__((used)) inline const char bisect_built_with[] = "bisect 1: built with libtorch " TORCH_VERSION;
}
