// FmDecompress (payload: uint8[n] [, gate: any], resident: any…) → (Y: T)
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "../container.hpp"
#include "../dtypes.hpp"
#include "context.hpp"
#include "operators.hpp"
#include "resident_slot.hpp"

namespace fm::ops {
namespace {

namespace slot = ort::slot;

class Decompress {
 public:
  Decompress(ort::Api api, const ort::KernelInfo* info, std::string edge)
      : api_(api), edge_(std::move(edge)) {
    const Attributes attributes(api, info);
    const auto dtype = attributes.integer("dtype");
    if (!dtype) refuse(kNodeCode, "attribute 'dtype' is missing");
    const DType* type = *dtype > 0 && *dtype < 256 ? find_dtype(static_cast<int>(*dtype)) : nullptr;
    if (type == nullptr)
      refuse(kNodeCode, "attribute 'dtype' is " + std::to_string(*dtype) +
                            ", tensors of this type are not carried");
    dtype_ = type->onnx;
    shape_ = attributes.integers("shape");
    chain_ = chain_of(attributes, dtype_, shape_ ? static_cast<int>(shape_->size()) : -1);
    // Input 1 is the gate, which is never read.
    resident_ = std::make_unique<ResidentSlot>(resident_input(api, info, 2, chain_));
  }

  ort::Status* run(ort::KernelContext* raw) const {
    return guarded(api_, edge_, [&] {
      Context context(api_, raw);
      const Tensor payload = context.input(0);
      const auto* bytes = static_cast<const uint8_t*>(payload.data);
      PayloadInfo info;
      Failure why;
      if (peek(bytes, payload.elements, &info, &why) != FM_OK) refuse(why);
      expect_declared(info);
      const auto resident = resident_->of(context, chain_, dtype_);
      if (plausible(chain_, bytes, info, resident.get(), &why) != FM_OK) refuse(why);
      Tensor y;
      if (!context.output(0, info.dims, info.rank, &y)) return;
      // The graph may declare the value differently from the attribute; then the buffer has another
      // size.
      if (y.dtype != dtype_)
        refuse(kUnexpectedCode, "the graph declares " + name_of(y.dtype) +
                                    " where attribute 'dtype' says " + name_of(dtype_));
      if (decode(&chain_, bytes, payload.elements, y.data, info.tensor_nbytes, resident.get(),
                 context.runner(), &why) != FM_OK)
        refuse(why);
    });
  }

 private:
  static std::string name_of(int dtype) {
    const DType* type = find_dtype(dtype);
    return type == nullptr ? "type " + std::to_string(dtype) : type->name;
  }

  static std::string text_of(const int64_t* dims, size_t rank) {
    std::string text = "[";
    for (size_t i = 0; i < rank; ++i)
      text += (i ? ", " : "") + (dims[i] < 0 ? std::string("?") : std::to_string(dims[i]));
    return text + "]";
  }

  // A header that lies about the tensor stops here, before anything of its size is allocated.
  void expect_declared(const PayloadInfo& info) const {
    if (info.dtype != dtype_)
      refuse(kUnexpectedCode, "the payload holds " + name_of(info.dtype) +
                                  " where attribute 'dtype' says " + name_of(dtype_));
    if (!shape_) return;
    bool agrees = shape_->size() == static_cast<size_t>(info.rank);
    for (size_t i = 0; agrees && i < shape_->size(); ++i)
      agrees = (*shape_)[i] < 0 || (*shape_)[i] == info.dims[i];
    if (!agrees)
      refuse(kUnexpectedCode, "the payload's header says shape " +
                                  text_of(info.dims, static_cast<size_t>(info.rank)) +
                                  " where attribute 'shape' says " +
                                  text_of(shape_->data(), shape_->size()));
  }

  ort::Api api_;
  std::string edge_;
  Chain chain_;
  int dtype_ = 0;
  std::optional<std::vector<int64_t>> shape_;
  std::unique_ptr<ResidentSlot> resident_;
};

// Reads an attribute during inference; false where it is absent or of another kind.
bool read_attribute(ort::Api api, const ort::ShapeInferContext* context, const char* name, int kind,
                    void* out, size_t room, size_t* nbytes) {
  const ort::OpAttr* attribute = nullptr;
  ort::Status* status = api.call<slot::ShapeInferContext_GetAttribute>(context, name, &attribute);
  if (status == nullptr) status = api.call<slot::ReadOpAttr>(attribute, kind, out, room, nbytes);
  if (status != nullptr) api.call<slot::ReleaseStatus>(status);
  return status == nullptr;
}

// Type and shape of Y from the attributes, for models that carry no value_info. A rank that is not
// known cannot be said through this ABI (no dims mean a scalar), and a dimension that is not known
// needs a name: one that nothing else ever has, or the memory planner would take two tensors for
// equally large.
ort::Status* infer(const ort::CustomOp* definition, ort::ShapeInferContext* context) {
  const ort::Api api = static_cast<const Operator*>(definition)->api;
  int64_t dtype = 0;
  int64_t dims[FM_MAX_RANK];
  size_t nbytes = 0;
  if (!read_attribute(api, context, "dtype", ort::kAttrInt, &dtype, sizeof dtype, &nbytes))
    return nullptr;
  if (!read_attribute(api, context, "shape", ort::kAttrInts, dims, sizeof dims, &nbytes))
    return nullptr;
  const size_t rank = nbytes / sizeof dims[0];
  static std::atomic<unsigned> unnamed{0};
  char names[FM_MAX_RANK][24];
  const char* symbols[FM_MAX_RANK];
  for (size_t i = 0; i < rank; ++i) {
    names[i][0] = '\0';
    if (dims[i] < 0)
      std::snprintf(names[i], sizeof names[i], "fm_unnamed_%u", unnamed.fetch_add(1));
    symbols[i] = names[i];
  }
  ort::TensorInfo* info = nullptr;
  if (ort::Status* status = api.call<slot::CreateTensorTypeAndShapeInfo>(&info)) return status;
  ort::Status* status = api.call<slot::SetTensorElementType>(info, static_cast<int>(dtype));
  if (status == nullptr)
    status = api.call<slot::SetDimensions>(info, static_cast<const int64_t*>(dims), rank);
  if (status == nullptr && rank > 0)
    status = api.call<slot::SetSymbolicDimensions>(info, static_cast<const char**>(symbols), rank);
  if (status == nullptr)
    status = api.call<slot::ShapeInferContext_SetOutputTypeShape>(
        context, size_t{0}, static_cast<const ort::TensorInfo*>(info));
  api.call<slot::ReleaseTensorTypeAndShapeInfo>(info);
  return status;
}

}  // namespace

Operator decompress_operator(ort::Api api) {
  Operator op = operator_skeleton<Decompress>(api);
  op.GetName = [](const ort::CustomOp*) { return "FmDecompress"; };
  op.GetInputTypeCount = [](const ort::CustomOp*) -> size_t { return 2; };
  op.GetInputType = [](const ort::CustomOp*, size_t i) {
    return i == 0 ? ort::kUint8 : ort::kUndefinedType;
  };
  // One variadic input for gate and residents: an optional gate in front of a variadic input would
  // make a gate compulsory, and onnxruntime 1.18 would give the output the gate's type.
  op.GetInputCharacteristic = [](const ort::CustomOp*, size_t i) {
    return i == 0 ? ort::kRequired : ort::kVariadic;
  };
  op.GetOutputTypeCount = [](const ort::CustomOp*) -> size_t { return 1; };
  op.GetOutputType = [](const ort::CustomOp*, size_t) { return ort::kUndefinedType; };
  // Required would demand exactly one input of open type to take the output's type from.
  op.GetOutputCharacteristic = [](const ort::CustomOp*, size_t) { return ort::kOptional; };
  op.InferOutputShapeFn = infer;
  return op;
}

}  // namespace fm::ops
