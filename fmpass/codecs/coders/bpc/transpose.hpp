// Words of a group ↔ bit planes of its deltas, by 8×8 bit transposition.
#pragma once

#include "simd/memory.hpp"

namespace fm {
namespace {
namespace planes {

// Row r, column c is bit 8r + c. Source: H. S. Warren, "Hacker's Delight", section 7-3.
FM_INLINE uint64_t transpose8x8(uint64_t x) {
  uint64_t t = (x ^ (x >> 7)) & 0x00AA00AA00AA00AAu;
  x ^= t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000CCCC0000CCCCu;
  x ^= t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000F0F0F0F0u;
  return x ^ t ^ (t << 28);
}

constexpr uint64_t kTops = 0x8080808080808080u;

// Byte by byte, without carries between bytes.
FM_INLINE uint64_t add_bytes(uint64_t a, uint64_t b) {
  return ((a & ~kTops) + (b & ~kTops)) ^ ((a ^ b) & kTops);
}
FM_INLINE uint64_t subtract_bytes(uint64_t a, uint64_t b) {
  return ((a | kTops) - (b & ~kTops)) ^ ((a ^ ~b) & kTops);
}

// The top bits of the eight bytes, that of byte j at bit j.
FM_INLINE uint32_t gather_tops(uint64_t x) {
  return static_cast<uint32_t>(((x & kTops) >> 7) * 0x0102040810204080u >> 56);
}

// Planes 0 … W of the deltas of kBlock words; plane W is the sign of the deltas in W + 1 bits.
template <class T, unsigned kBlock>
FM_INLINE void delta_planes(const uint8_t* words, bool is_signed, uint32_t* plane) {
  constexpr unsigned kBits = 8 * sizeof(T);
  constexpr uint32_t kAll = (uint32_t{1} << (kBlock - 1)) - 1;
  if constexpr (sizeof(T) == 1 && kBlock == 8) {
    const uint64_t later = swap_bytes(load<uint64_t>(words)), earlier = later >> 8;
    const uint64_t delta = subtract_bytes(later, earlier);
    const uint64_t flip = is_signed ? kTops : 0;
    const uint64_t a = later ^ flip, b = earlier ^ flip;
    plane[8] = gather_tops((~a & b) | ((~a | b) & delta)) & kAll;
    const uint64_t t = transpose8x8(delta);
    for (unsigned k = 0; k < 8; ++k) plane[k] = static_cast<uint32_t>(t >> (8 * k)) & kAll;
  } else {
    constexpr unsigned kRows = kBlock < 8 ? 8 : kBlock;
    constexpr T kFlip = static_cast<T>(T{1} << (kBits - 1));
    T delta[kRows] = {};
    uint32_t borrows = 0;
    for (unsigned j = 0; j + 1 < kBlock; ++j) {
      const T later = load<T>(words + (kBlock - 1 - j) * sizeof(T));
      const T earlier = load<T>(words + (kBlock - 2 - j) * sizeof(T));
      const T flip = is_signed ? kFlip : T{0};
      delta[j] = static_cast<T>(later - earlier);
      borrows |= uint32_t{static_cast<T>(later ^ flip) < static_cast<T>(earlier ^ flip)} << j;
    }
    for (unsigned b = 0; b < kBits; b += 8) {
      for (unsigned k = 0; k < 8; ++k) plane[b + k] = 0;
      for (unsigned rows = 0; rows < kRows; rows += 8) {
        uint64_t x = 0;
        for (unsigned j = 0; j < 8; ++j) {
          x |= static_cast<uint64_t>(static_cast<uint8_t>(delta[rows + j] >> b)) << (8 * j);
        }
        x = transpose8x8(x);
        for (unsigned k = 0; k < 8; ++k) {
          plane[b + k] |= static_cast<uint32_t>((x >> (8 * k)) & 0xFF) << rows;
        }
      }
    }
    plane[kBits] = borrows;
  }
}

// The words again, from the base and planes 0 … W−1 (the one above only repeats the sign).
template <class T, unsigned kBlock>
FM_INLINE void words_of_planes(T base, const uint32_t* plane, uint8_t* words) {
  constexpr unsigned kBits = 8 * sizeof(T);
  if constexpr (sizeof(T) == 1 && kBlock == 8) {
    uint64_t x = 0;
    for (unsigned k = 0; k < 8; ++k) x |= static_cast<uint64_t>(plane[k] & 0x7F) << (8 * k);
    // Delta i stands in byte 6 − i; the base becomes the first term of running sums.
    x = swap_bytes(transpose8x8(x)) | base;
    x = add_bytes(x, x << 8);
    x = add_bytes(x, x << 16);
    store(words, add_bytes(x, x << 32));
  } else {
    constexpr unsigned kRows = kBlock < 8 ? 8 : kBlock;
    T delta[kRows] = {};
    for (unsigned b = 0; b < kBits; b += 8) {
      for (unsigned rows = 0; rows < kRows; rows += 8) {
        uint64_t x = 0;
        for (unsigned k = 0; k < 8; ++k) {
          x |= static_cast<uint64_t>((plane[b + k] >> rows) & 0xFF) << (8 * k);
        }
        x = transpose8x8(x);
        for (unsigned j = 0; j < 8; ++j) {
          delta[rows + j] |= static_cast<T>(static_cast<T>((x >> (8 * j)) & 0xFF) << b);
        }
      }
    }
    T word = base;
    store(words, word);
    for (unsigned i = 1; i < kBlock; ++i) {
      word = static_cast<T>(word + delta[kBlock - 1 - i]);
      store(words + i * sizeof(T), word);
    }
  }
}

}  // namespace planes
}  // namespace
}  // namespace fm
