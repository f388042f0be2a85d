// A kernel while it runs: tensors behind the ABI, and onnxruntime's thread pool as a Runner.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../c_api.h"
#include "../runner.hpp"
#include "refusal.hpp"

namespace fm::ops {

// A tensor seen through the ABI. `data` is never null; without elements it must not be read.
struct Tensor {
  int dtype = 0;
  int rank = 0;
  int64_t dims[FM_MAX_RANK] = {};
  size_t elements = 0;
  void* data = nullptr;
};

class Context {
 public:
  Context(ort::Api api, ort::KernelContext* context) : api_(api), context_(context) {}

  Tensor input(size_t index) const;
  // Allocates output `index`. False where the node does not have it.
  bool output(size_t index, const int64_t* dims, int rank, Tensor* out) const;
  size_t output_count() const;
  // Blocks run on the session's own threads. Valid while this object lives.
  Runner runner() { return {&Context::parallel, this}; }

 private:
  Tensor view(const ort::Value* value) const;
  static void parallel(void* self, void (*task)(void*, size_t), size_t count, void* context);

  ort::Api api_;
  ort::KernelContext* context_;
};

}  // namespace fm::ops
