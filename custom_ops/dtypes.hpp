// Element types: ONNX number, bits, and the words that coders see (as fmpass/dtypes.py).
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace fm {

enum class Kind : uint8_t { kFloat, kInt, kUint, kBool };

struct DType {
  int onnx;  // TensorProto.DataType
  const char* name;
  uint8_t bits;  // of an element
  Kind kind;
};

// What a coder is told about its words.
struct WordType {
  uint8_t bits;  // 8, 16, 32 or 64
  bool is_signed;
};

// The type of this number, or null where tensors of it are not carried.
const DType* find_dtype(int onnx);

// Elements narrower than a byte travel packed, and are unsigned words then.
// (static: this header is compiled once for each SIMD level, see stage.hpp)
static constexpr WordType word_type(const DType& type) {
  return {type.bits < 8 ? uint8_t{8} : type.bits, type.kind == Kind::kInt && type.bits >= 8};
}

// Bytes of a tensor, narrow elements packed. In 64 bits for all `elements` that a payload may have
// (their bits would not be).
static constexpr uint64_t tensor_nbytes(const DType& type, uint64_t elements) {
  const uint64_t per_byte = type.bits < 8 ? 8u / type.bits : 1u;
  return type.bits < 8 ? (elements + per_byte - 1) / per_byte : elements * (type.bits / 8u);
}

}  // namespace fm
