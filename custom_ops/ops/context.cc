#include "context.hpp"

#include <string>

namespace fm::ops {
namespace slot = ort::slot;

Tensor Context::view(const ort::Value* value) const {
  ort::TensorInfo* info = nullptr;
  check(api_.call<slot::GetTensorTypeAndShape>(value, &info));
  Tensor tensor;
  size_t rank = 0;
  ort::Status* status = api_.call<slot::GetTensorElementType>(info, &tensor.dtype);
  if (status == nullptr) status = api_.call<slot::GetDimensionsCount>(info, &rank);
  const bool fits = rank <= FM_MAX_RANK;
  if (status == nullptr && fits) status = api_.call<slot::GetDimensions>(info, tensor.dims, rank);
  if (status == nullptr)
    status = api_.call<slot::GetTensorShapeElementCount>(info, &tensor.elements);
  api_.call<slot::ReleaseTensorTypeAndShapeInfo>(info);
  check(status);
  if (!fits)
    refuse(code_of(FM_E_CAPACITY), "rank " + std::to_string(rank) + " is above the limit of " +
                                       std::to_string(FM_MAX_RANK));
  tensor.rank = static_cast<int>(rank);
  // The only getter is for mutable data; inputs are read and never written.
  check(api_.call<slot::GetTensorMutableData>(const_cast<ort::Value*>(value), &tensor.data));
  static uint8_t
      nothing;  // a tensor without elements has no buffer, and null means failure elsewhere
  if (tensor.data == nullptr) tensor.data = &nothing;
  return tensor;
}

Tensor Context::input(size_t index) const {
  const ort::Value* value = nullptr;
  check(api_.call<slot::KernelContext_GetInput>(context_, index, &value));
  if (value == nullptr) refuse(kNodeCode, "input " + std::to_string(index) + " is missing");
  return view(value);
}

bool Context::output(size_t index, const int64_t* dims, int rank, Tensor* out) const {
  ort::Value* value = nullptr;
  check(api_.call<slot::KernelContext_GetOutput>(context_, index, dims, static_cast<size_t>(rank),
                                                 &value));
  if (value == nullptr) return false;
  *out = view(value);
  return true;
}

size_t Context::output_count() const {
  size_t count = 0;
  check(api_.call<slot::KernelContext_GetOutputCount>(context_, &count));
  return count;
}

void Context::parallel(void* self, void (*task)(void*, size_t), size_t count, void* context) {
  const auto* me = static_cast<const Context*>(self);
  if (count > 1) {
    ort::Status* status = me->api_.call<slot::KernelContext_ParallelFor>(me->context_, task, count,
                                                                         size_t{0}, context);
    if (status == nullptr) return;
    me->api_.call<slot::ReleaseStatus>(status);  // refused before any task ran: do them here
  }
  for (size_t i = 0; i < count; ++i) task(context, i);
}

}  // namespace fm::ops
