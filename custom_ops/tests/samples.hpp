// Chains and tensors that tests and fuzzers go through. Chains come from the stage table, so that
// a new stage is tested without a new line here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "failure.hpp"

namespace fm::tests {

// Every coder with every field at its limits, alone and behind every transform likewise, and a pair
// of transforms. Not every chain takes every element type.
std::vector<std::string> sample_chains();

// TensorProto numbers of all types.
std::vector<int> sample_dtypes();

struct Tensor {
  int dtype = 1;
  std::vector<int64_t> dims;
  std::vector<uint8_t> data;

  std::string text() const;  // for messages
};

enum class Fill { kZeros, kSparse, kDense, kRandom, kSmooth };

Tensor make_tensor(int dtype, std::vector<int64_t> dims, Fill fill, uint32_t seed);

// The payload; empty, and `why` set, where the chain does not take the tensor.
std::vector<uint8_t> encode(const std::string& chain, const Tensor& tensor, uint32_t block_words,
                            bool self_contained, Failure* why = nullptr);

// The tensor's bytes; empty, and `why` set, after a failure.
std::vector<uint8_t> decode(const char* chain, const std::vector<uint8_t>& payload, size_t nbytes,
                            Failure* why = nullptr);

}  // namespace fm::tests
