// A node of the graph while its kernel is made: attributes, and the chain parsed once a session.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../chain.hpp"
#include "refusal.hpp"

namespace fm::ops {

// Typed attributes of one node. Absent gives nullopt; an attribute of another type is refused.
class Attributes {
 public:
  Attributes(ort::Api api, const ort::KernelInfo* info) : api_(api), info_(info) {}

  std::optional<std::string> text(const char* name) const;
  std::optional<int64_t> integer(const char* name) const;
  std::optional<std::vector<int64_t>> integers(const char* name) const;

 private:
  bool absent(ort::Status* status, const char* name) const;

  ort::Api api_;
  const ort::KernelInfo* info_;
};

// The name that messages and counters use: attribute `edge`, else the node's own name.
std::string edge_of(ort::Api api, const ort::KernelInfo* info);

// The chain of the node, checked for tensors of `dtype` (0: not known) and `rank` (-1: not known).
Chain chain_of(const Attributes& attributes, int dtype, int rank);

// The input at `first` or behind it that carries resident data, −1 where there is none. Refuses more
// than one, and data that the chain's coder does not take.
int resident_input(ort::Api api, const ort::KernelInfo* info, size_t first, const Chain& chain);

// Element type of an input as the graph declares it, 0 where it does not say.
int input_type(ort::Api api, const ort::KernelInfo* info, size_t index);

}  // namespace fm::ops
