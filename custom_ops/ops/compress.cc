// FmCompress (X: T, resident: any…) → (payload: uint8[n] [, near: T])
#include <cstring>
#include <memory>
#include <vector>

#include "../container.hpp"
#include "../counters.hpp"
#include "context.hpp"
#include "operators.hpp"
#include "resident_slot.hpp"

namespace fm::ops {
namespace {

class Compress {
 public:
  Compress(ort::Api api, const ort::KernelInfo* info, std::string edge)
      : api_(api), edge_(std::move(edge)) {
    const Attributes attributes(api, info);
    chain_ = chain_of(attributes, input_type(api, info, 0), -1);
    resident_ = std::make_unique<ResidentSlot>(resident_input(api, info, 1, chain_));
    const int64_t block = attributes.integer("block").value_or(0);
    if (block < 0 || block > UINT32_MAX)
      refuse(kNodeCode, "attribute 'block' is " + std::to_string(block) +
                            ", it must be a number of words that fits 32 bits, or 0");
    block_words_ = static_cast<uint32_t>(block);
  }

  ort::Status* run(ort::KernelContext* raw) const {
    return guarded(api_, edge_, [&] {
      Context context(api_, raw);
      const Tensor x = context.input(0);
      const Runner runner = context.runner();
      const auto resident = resident_->of(context, chain_, x.dtype);
      Encoder encoder;
      Failure why;
      if (encoder.run(chain_, x.dtype, x.dims, x.rank, x.data, block_words_, false, resident.get(),
                      runner, &why) != FM_OK)
        refuse(why);
      const auto nbytes = static_cast<int64_t>(encoder.nbytes());
      Tensor payload;
      if (context.output(0, &nbytes, 1, &payload))
        encoder.write(static_cast<uint8_t*>(payload.data), runner);
      pass_near(context, x);
      if (const int mode = counters_mode(); mode != 0) count(mode, x, payload, resident.get(), runner);
    });
  }

 private:
  // `near` is X again. Where the runtime honours the alias map both are one buffer already.
  static void pass_near(const Context& context, const Tensor& x) {
    Tensor near;
    if (context.output_count() < 2 || !context.output(1, x.dims, x.rank, &near)) return;
    const size_t nbytes = tensor_nbytes(x);
    if (near.data != x.data && nbytes > 0) std::memcpy(near.data, x.data, nbytes);
  }

  static size_t tensor_nbytes(const Tensor& tensor) {
    const DType* type = find_dtype(tensor.dtype);
    return type == nullptr ? 0 : (tensor.elements * type->bits + 7) / 8;
  }

  void count(int mode, const Tensor& x, const Tensor& payload, const Resident* resident,
             const Runner& runner) const {
    bool mismatch = false;
    if (mode == 2) {
      std::vector<uint8_t> restored(tensor_nbytes(x));
      Failure why;
      const int error = decode(&chain_, static_cast<const uint8_t*>(payload.data), payload.elements,
                               restored.data(), restored.size(), resident, runner, &why);
      mismatch = error != FM_OK ||
                 (!restored.empty() && std::memcmp(restored.data(), x.data, restored.size()) != 0);
    }
    count_call(edge_, chain_.canonical(), x.elements, payload.elements, mismatch);
  }

  ort::Api api_;
  std::string edge_;
  Chain chain_;
  uint32_t block_words_ = 0;  // the chain's default
  std::unique_ptr<ResidentSlot> resident_;
};

}  // namespace

Operator compress_operator(ort::Api api) {
  Operator op = operator_skeleton<Compress>(api);
  op.GetName = [](const ort::CustomOp*) { return "FmCompress"; };
  op.GetInputTypeCount = [](const ort::CustomOp*) -> size_t { return 2; };
  op.GetInputType = [](const ort::CustomOp*, size_t) { return ort::kUndefinedType; };
  op.GetInputCharacteristic = [](const ort::CustomOp*, size_t i) {
    return i == 0 ? ort::kRequired : ort::kVariadic;
  };
  op.GetOutputTypeCount = [](const ort::CustomOp*) -> size_t { return 2; };
  op.GetOutputType = [](const ort::CustomOp*, size_t i) {
    return i == 0 ? ort::kUint8 : ort::kUndefinedType;
  };
  op.GetOutputCharacteristic = [](const ort::CustomOp*, size_t i) {
    return i == 0 ? ort::kRequired : ort::kOptional;
  };
  // No inference function: the runtime itself gives `payload` uint8 and `near` the type of X. A
  // shape for the payload would have to name a dimension, and a name that two payloads share
  // makes the memory planner give both one buffer.
  op.GetAliasMap = [](int** inputs, int** outputs) -> size_t {
    *inputs = new int[1]{0};
    *outputs = new int[1]{1};
    return 1;
  };
  op.ReleaseAliasMap = [](int* inputs, int* outputs) {
    delete[] inputs;
    delete[] outputs;
  };
  return op;
}

}  // namespace fm::ops
