// The two operators as onnxruntime sees them: schema, kernel, type inference.
#pragma once

#include <cstddef>
#include <limits>
#include <string>

#include "node.hpp"

namespace fm::ops {

inline constexpr const char* kDomain = "ai.fmpass";

// An operator as one runtime sees it. Shape inference is handed no API, so the definition carries
// it.
struct Operator : ort::CustomOp {
  ort::Api api;
};

// Must outlive every session that uses them.
Operator compress_operator(ort::Api api);
Operator decompress_operator(ort::Api api);

template <class Kernel>
ort::Status* create_kernel(const ort::CustomOp*, const void* table, const ort::KernelInfo* info,
                           void** kernel) {
  const ort::Api api(table);
  std::string edge;
  return guarded(api, edge, [&] {
    edge = edge_of(api, info);
    *kernel = new Kernel(api, info, edge);
  });
}

// Fields that do not differ between the operators. `Kernel` has a constructor from
// (ort::Api, const ort::KernelInfo*, std::string edge) that may refuse, and a const
// `ort::Status* run(ort::KernelContext*)`.
template <class Kernel>
Operator operator_skeleton(ort::Api api) {
  Operator op{};
  op.api = api;
  op.version = ort::kApiVersion;
  op.CreateKernelV2 = create_kernel<Kernel>;
  op.KernelComputeV2 = [](void* kernel, ort::KernelContext* context) {
    return static_cast<const Kernel*>(kernel)->run(context);
  };
  op.KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  // Version 18 reads the V2 functions only; these two are here so that no field is null.
  op.CreateKernel = [](const ort::CustomOp*, const void*, const ort::KernelInfo*) -> void* {
    return nullptr;
  };
  op.KernelCompute = [](void*, ort::KernelContext*) {};
  op.GetExecutionProviderType = [](const ort::CustomOp*) -> const char* { return nullptr; };  // CPU
  op.GetInputMemoryType = [](const ort::CustomOp*, size_t) { return ort::kMemTypeDefault; };
  op.GetVariadicInputMinArity = [](const ort::CustomOp*) { return 0; };
  op.GetVariadicInputHomogeneity = [](const ort::CustomOp*) { return 0; };
  op.GetVariadicOutputMinArity = [](const ort::CustomOp*) { return 0; };
  op.GetVariadicOutputHomogeneity = [](const ort::CustomOp*) { return 1; };
  op.GetStartVersion = [](const ort::CustomOp*) { return 1; };
  op.GetEndVersion = [](const ort::CustomOp*) { return std::numeric_limits<int>::max(); };
  return op;
}

}  // namespace fm::ops
