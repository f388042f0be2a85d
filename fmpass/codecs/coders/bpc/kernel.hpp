// bpc: bit-plane compression of all words in groups. See FORMAT.md.
#pragma once

#include "planes.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace bpc {

constexpr Field kFields[] = {
    {"block", FieldType::kInt, int_value(8), no_value(), no_value(), planes::kBlocks, 4}};

Refusal rejects(const Params& params, WordType type) {
  return planes::rejects(params.values[0].i, type);
}

size_t least_nbytes(const Params& params, WordType type, size_t count) {
  const size_t block = static_cast<size_t>(params.values[0].i);
  return planes::least_nbytes((count + block - 1) / block, type.bits);
}

template <class T, unsigned kBlock>
struct Groups {
  static size_t encode(const uint8_t* words, size_t count, bool is_signed, uint8_t* code,
                       size_t capacity) {
    BitWriter out = bit_writer(code, capacity);
    const size_t full = count / kBlock * kBlock;
    for (size_t i = 0; i < full && !out.full; i += kBlock) {
      planes::encode_group<T, kBlock>(words + i * sizeof(T), is_signed, out);
    }
    if (full < count) {
      uint8_t group[kBlock * sizeof(T)] = {};
      memcpy(group, words + full * sizeof(T), (count - full) * sizeof(T));
      planes::encode_group<T, kBlock>(group, is_signed, out);
    }
    pad(out, code, sizeof(T));
    return out.full ? kNoFit : static_cast<size_t>(out.at - code);
  }

  static Refusal decode(const uint8_t* code, size_t nbytes, uint8_t* words, size_t count) {
    BitReader in = {code, nbytes, 0};
    for (size_t i = 0; i < count; i += kBlock) {
      uint8_t group[kBlock * sizeof(T)];
      if (!planes::decode_group<T, kBlock>(in, group)) return "a plane symbol cannot be";
      if (overrun(in)) return "code ends inside a group";
      const size_t left = count - i;
      memcpy(words + i * sizeof(T), group, (left < kBlock ? left : kBlock) * sizeof(T));
    }
    if (!skip_padding(in, 8 * sizeof(T))) return "padding bits are not zero";
    return in.position == 8 * nbytes ? nullptr : "bytes are left over";
  }
};

using Encode = size_t (*)(const uint8_t*, size_t, bool, uint8_t*, size_t);
using Decode = Refusal (*)(const uint8_t*, size_t, uint8_t*, size_t);
constexpr Encode kEncode[4][4] = FM_WIDTHS_AND_BLOCKS(Groups, encode);
constexpr Decode kDecode[4][4] = FM_WIDTHS_AND_BLOCKS(Groups, decode);

size_t encode(const Params& params, WordType type, const uint8_t* words, size_t count,
              uint8_t* code, size_t capacity) {
  const unsigned width = planes::width_index(type), block = planes::block_index(params.values[0].i);
  return kEncode[width][block](words, count, type.is_signed, code, capacity);
}

Refusal decode(const Params& params, WordType type, const uint8_t* code, size_t nbytes,
               uint8_t* words, size_t count) {
  const unsigned width = planes::width_index(type), block = planes::block_index(params.values[0].i);
  return kDecode[width][block](code, nbytes, words, count);
}

constexpr Coder kCoder = {rejects, nullptr, least_nbytes, encode, decode};
constexpr Stage kStage = {"bpc", 4, kFields, 1, &kCoder, nullptr, nullptr};

}  // namespace bpc
}  // namespace
}  // namespace fm
