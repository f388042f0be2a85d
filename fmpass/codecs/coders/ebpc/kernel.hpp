// ebpc: zero runs in one stream, then bit planes of the words that are not zero. See FORMAT.md.
#pragma once

#include "../bpc/planes.hpp"
#include "flags.hpp"
#include "simd/nonzero.hpp"
#include "simd/pack.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace ebpc {

constexpr int64_t kRuns[] = {2, 4, 8, 16, 32, 64, 128, 256};
constexpr Field kFields[] = {
    {"block", FieldType::kInt, int_value(8), no_value(), no_value(), planes::kBlocks, 4},
    {"max_zero_run", FieldType::kInt, int_value(16), no_value(), no_value(), kRuns, 8},
};

unsigned run_bits(const Params& params) {
  return log2_exact(static_cast<unsigned>(params.values[1].i));
}

Refusal rejects(const Params& params, WordType type) {
  return planes::rejects(params.values[0].i, type);
}

// All zeros: anything else adds a group of planes.
size_t least_nbytes(const Params& params, WordType type, size_t count) {
  const size_t longest = static_cast<size_t>(params.values[1].i);
  const size_t runs = (count + longest - 1) / longest;
  return planes::padded_nbytes(runs * (run_bits(params) + 1), type.bits);
}

constexpr size_t kStep = 64;  // words whose flags are one mask

template <class T>
uint64_t mask_of(const uint8_t* words, size_t count) {
  if (count >= kStep) return nonzero_mask64<T>(words);
  uint8_t step[kStep * sizeof(T)] = {};
  memcpy(step, words, count * sizeof(T));
  return nonzero_mask64<T>(step);
}

template <class T, unsigned kBlock>
struct Streams {
  static size_t encode(const uint8_t* words, size_t count, bool is_signed, unsigned run_bits,
                       uint8_t* code, size_t capacity) {
    BitWriter out = bit_writer(code, capacity);
    FlagWriter flags = {0, run_bits};
    for (size_t i = 0; i < count && !out.full; i += kStep) {
      const size_t left = count - i;
      const unsigned n = static_cast<unsigned>(left < kStep ? left : kStep);
      put_flags(flags, out, mask_of<T>(words + i * sizeof(T), left), n);
    }
    put_zeros(flags, out);
    pad(out, code, sizeof(T));

    // The non-zero words of each step are moved behind those that did not fill a group before.
    uint8_t kept[(kStep + 2 * kBlock) * sizeof(T)];
    size_t fill = 0;
    for (size_t i = 0; i < count && !out.full; i += kStep) {
      const size_t left = count - i;
      const uint64_t mask = mask_of<T>(words + i * sizeof(T), left);
      if (left >= kStep) {
        pack<T>(words + i * sizeof(T), mask, kept + fill * sizeof(T));
      } else {
        pack_exact<T>(words + i * sizeof(T), mask, kept + fill * sizeof(T));
      }
      fill += count_ones(mask);
      size_t done = 0;
      for (; done + kBlock <= fill; done += kBlock) {
        planes::encode_group<T, kBlock>(kept + done * sizeof(T), is_signed, out);
      }
      fill -= done;
      if (done > 0) memmove(kept, kept + done * sizeof(T), kBlock * sizeof(T));
    }
    if (fill > 0) {
      memset(kept + fill * sizeof(T), 0, (kBlock - fill) * sizeof(T));
      planes::encode_group<T, kBlock>(kept, is_signed, out);
    }
    pad(out, code, sizeof(T));
    return out.full ? kNoFit : static_cast<size_t>(out.at - code);
  }

  static Refusal decode(const uint8_t* code, size_t nbytes, unsigned run_bits, uint8_t* words,
                        size_t count) {
    BitReader in = {code, nbytes, 0};
    // Masks wait at the end of `words`, where each is read before the words that cover it are
    // written: 64·sizeof(T) bytes are written for every 8 that are read.
    const size_t full = count / kStep;
    uint8_t* const masks = words + count * sizeof(T) - 8 * full;
    FlagReader flags = {count, run_bits, 0, 0};
    for (size_t i = 0; i < full; ++i) {
      uint64_t mask;
      if (!take_flags(flags, in, kStep, mask)) return "a run of zeros passes the end of the block";
      store(masks + 8 * i, mask);
    }
    uint64_t last = 0;
    const unsigned rest = static_cast<unsigned>(count - full * kStep);
    if (rest > 0 && !take_flags(flags, in, rest, last)) {
      return "a run of zeros passes the end of the block";
    }
    if (overrun(in)) return "code ends inside the flags";
    if (!skip_padding(in, 8 * sizeof(T))) return "padding bits of the flags are not zero";

    uint8_t kept[(2 * kStep + kBlock) * sizeof(T)];
    size_t from = 0, to = 0;  // words of `kept` that wait
    for (size_t i = 0; i * kStep < count; ++i) {
      const uint64_t mask = i < full ? load<uint64_t>(masks + 8 * i) : last;
      const size_t wanted = count_ones(mask);
      if (to - from < wanted) {
        memmove(kept, kept + from * sizeof(T), (to - from) * sizeof(T));
        to -= from;
        from = 0;
        for (; to < wanted; to += kBlock) {
          if (!planes::decode_group<T, kBlock>(in, kept + to * sizeof(T))) {
            return "a plane symbol cannot be";
          }
        }
        if (overrun(in)) return "code ends inside a group";
      }
      if (i < full) {
        unpack<T>(kept + from * sizeof(T), mask, words + i * kStep * sizeof(T));
      } else {
        uint8_t step[kStep * sizeof(T)];
        unpack_exact<T>(kept + from * sizeof(T), mask, step);
        memcpy(words + i * kStep * sizeof(T), step, rest * sizeof(T));
      }
      from += wanted;
    }
    if (!skip_padding(in, 8 * sizeof(T))) return "padding bits are not zero";
    return in.position == 8 * nbytes ? nullptr : "bytes are left over";
  }
};

using Encode = size_t (*)(const uint8_t*, size_t, bool, unsigned, uint8_t*, size_t);
using Decode = Refusal (*)(const uint8_t*, size_t, unsigned, uint8_t*, size_t);
constexpr Encode kEncode[4][4] = FM_WIDTHS_AND_BLOCKS(Streams, encode);
constexpr Decode kDecode[4][4] = FM_WIDTHS_AND_BLOCKS(Streams, decode);

size_t encode(const Params& params, WordType type, const uint8_t* words, size_t count,
              uint8_t* code, size_t capacity) {
  const unsigned width = planes::width_index(type), block = planes::block_index(params.values[0].i);
  return kEncode[width][block](words, count, type.is_signed, run_bits(params), code, capacity);
}

Refusal decode(const Params& params, WordType type, const uint8_t* code, size_t nbytes,
               uint8_t* words, size_t count) {
  const unsigned width = planes::width_index(type), block = planes::block_index(params.values[0].i);
  return kDecode[width][block](code, nbytes, run_bits(params), words, count);
}

constexpr Coder kCoder = {rejects, nullptr, least_nbytes, encode, decode};
constexpr Stage kStage = {"ebpc", 5, kFields, 2, &kCoder, nullptr, nullptr};

}  // namespace ebpc
}  // namespace
}  // namespace fm
