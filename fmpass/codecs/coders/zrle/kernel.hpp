// zrle: bytes as they are, runs of zero bytes as 00 and a length. See FORMAT.md.
#pragma once

#include "simd/nonzero.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace zrle {

constexpr Field kFields[] = {
    {"max_run", FieldType::kInt, int_value(256), int_value(1), int_value(256), nullptr, 0}};

size_t max_run(const Params& params) { return static_cast<size_t>(params.values[0].i); }

Refusal rejects(const Params&, WordType) { return nullptr; }

// All zeros, or none where runs of one would cost more.
size_t least_nbytes(const Params& params, WordType type, size_t count) {
  const size_t n = count * (type.bits / 8u), run = max_run(params);
  const size_t zeros = 2 * (n / run) + (n % run < 2 ? n % run : 2);
  return zeros < n ? zeros : n;
}

// The first position from `i` on whose byte is zero (or is not, with `nonzero`); n if there is
// none.
template <bool nonzero>
FM_INLINE size_t find(const uint8_t* bytes, size_t i, size_t n) {
  // The first few by hand: most stretches in feature maps are short.
  for (const size_t stop = i + 8 < n ? i + 8 : n; i < stop; ++i) {
    if ((bytes[i] != 0) == nonzero) return i;
  }
  for (; i + 64 <= n; i += 64) {
    const uint64_t mask = nonzero_mask64<uint8_t>(bytes + i);
    const uint64_t hits = nonzero ? mask : ~mask;
    if (hits != 0) return i + trailing_zeros(hits);
  }
  while (i < n && (bytes[i] != 0) != nonzero) ++i;
  return i;
}

// Copies that are short most of the time: eight bytes at once where both spans allow it.
FM_INLINE void copy(uint8_t* to, const uint8_t* from, size_t n, bool eight_more) {
  if (n <= 8 && eight_more) {
    store(to, load<uint64_t>(from));
  } else {
    memcpy(to, from, n);
  }
}

size_t encode(const Params& params, WordType type, const uint8_t* words, size_t count,
              uint8_t* code, size_t capacity) {
  const size_t n = count * (type.bits / 8u), longest = max_run(params);
  size_t i = 0, out = 0;
  while (i < n) {
    const size_t zero = find<false>(words, i, n);
    if (const size_t stretch = zero - i; stretch > 0) {
      if (stretch > capacity - out) return kNoFit;
      copy(code + out, words + i, stretch, capacity - out >= 8 && n - i >= 8);
      out += stretch;
      i = zero;
      if (i == n) break;
    }
    for (size_t run = find<true>(words, i, n) - i; run > 0;) {
      if (capacity - out < 2) return kNoFit;
      const size_t step = run < longest ? run : longest;
      code[out] = 0;
      code[out + 1] = static_cast<uint8_t>(step - 1);
      out += 2;
      i += step;
      run -= step;
    }
  }
  return out;
}

Refusal decode(const Params& params, WordType type, const uint8_t* code, size_t nbytes,
               uint8_t* words, size_t count) {
  const size_t n = count * (type.bits / 8u), longest = max_run(params);
  size_t i = 0, in = 0;
  while (in < nbytes) {
    const size_t zero = find<false>(code, in, nbytes);
    if (const size_t stretch = zero - in; stretch > 0) {
      if (stretch > n - i) return "more bytes than the block has";
      copy(words + i, code + in, stretch, n - i >= 8 && nbytes - in >= 8);
      i += stretch;
      in = zero;
      if (in == nbytes) break;
    }
    if (nbytes - in < 2) return "code ends inside a run";
    const size_t run = size_t{code[in + 1]} + 1;
    if (run > longest) return "a run is longer than max_run";
    if (run > n - i) return "a run passes the end of the block";
    memset(words + i, 0, run);
    i += run;
    in += 2;
  }
  return i == n ? nullptr : "code ends before the block is complete";
}

constexpr Coder kCoder = {rejects, nullptr, least_nbytes, encode, decode};
constexpr Stage kStage = {"zrle", 3, kFields, 1, &kCoder, nullptr, nullptr};

}  // namespace zrle
}  // namespace
}  // namespace fm
