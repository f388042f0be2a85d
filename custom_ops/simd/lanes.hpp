// The words of 8, 16, 32 or 64 bits that fit into one 64-bit register, as lanes of it.
#pragma once

#include "memory.hpp"

namespace fm {
namespace {

template <class T>
struct Lanes {
  static constexpr unsigned kBits = 8 * sizeof(T);
  static constexpr unsigned kCount = 8 / sizeof(T);
  static constexpr uint64_t kLane = static_cast<T>(~T{0});
  static constexpr uint64_t kOnes = ~uint64_t{0} / kLane;  // 1 in every lane
  static constexpr uint64_t kTops = kOnes << (kBits - 1);
};

// 1 in every lane that is not zero. No carry passes from one lane to the next.
template <class T>
FM_INLINE uint64_t nonzero_lanes(uint64_t x) {
  using L = Lanes<T>;
  return ((((x & ~L::kTops) + ~L::kTops) | x) & L::kTops) >> (L::kBits - 1);
}

// The disjunction of all lanes.
template <class T>
FM_INLINE uint64_t join_lanes(uint64_t x) {
  for (unsigned step = 32; step >= Lanes<T>::kBits; step /= 2) x |= x >> step;
  return x & Lanes<T>::kLane;
}

// Two's complement to zig-zag: 0, −1, 1, −2 … become 0, 1, 2, 3 …
template <class T>
FM_INLINE uint64_t zigzag_lanes(uint64_t x) {
  using L = Lanes<T>;
  const uint64_t negative = (x & L::kTops) >> (L::kBits - 1);
  return (x & ~L::kTops) << 1 ^ negative * L::kLane;
}

template <class T>
FM_INLINE uint64_t unzigzag_lanes(uint64_t z) {
  using L = Lanes<T>;
  return (z >> 1 & ~L::kTops) ^ (z & L::kOnes) * L::kLane;
}

// The low `width` bits of every lane moved together, lane 0 lowest; 1 ≤ width.
template <class T>
FM_INLINE uint64_t gather_low_bits(uint64_t x, unsigned width) {
  const uint64_t wanted = Lanes<T>::kOnes * low_bits(width);
#if defined(FM_AVX2)
  return _pext_u64(x, wanted);
#else
  x &= wanted;
  if constexpr (sizeof(T) == 1) {
    x = (x & 0x00FF00FF00FF00FFu) | (x & 0xFF00FF00FF00FF00u) >> (8 - width);
    width *= 2;
  }
  if constexpr (sizeof(T) <= 2) {
    x = (x & 0x0000FFFF0000FFFFu) | (x & 0xFFFF0000FFFF0000u) >> (16 - width);
    width *= 2;
  }
  if constexpr (sizeof(T) <= 4) {
    x = (x & 0x00000000FFFFFFFFu) | (x & 0xFFFFFFFF00000000u) >> (32 - width);
  }
  return x;
#endif
}

// The inverse; bits of `x` above the lanes' widths are left out.
template <class T>
FM_INLINE uint64_t spread_low_bits(uint64_t x, unsigned width) {
  const uint64_t wanted = Lanes<T>::kOnes * low_bits(width);
#if defined(FM_AVX2)
  return _pdep_u64(x, wanted);
#else
  // From the widest lanes down: the part above `low` bits of a lane belongs to its upper half.
  const auto split = [&x](unsigned low, unsigned half, uint64_t lower) {
    const uint64_t keep = low_bits(low) * (lower / low_bits(half));  // `low` bits in each lane
    x = (x & keep) | (x << (half - low) & ~lower);
  };
  if constexpr (sizeof(T) <= 4) split(width * Lanes<T>::kCount / 2, 32, 0x00000000FFFFFFFFu);
  if constexpr (sizeof(T) <= 2) split(width * Lanes<T>::kCount / 4, 16, 0x0000FFFF0000FFFFu);
  if constexpr (sizeof(T) == 1) split(width, 8, 0x00FF00FF00FF00FFu);
  return x & wanted;
#endif
}

}  // namespace
}  // namespace fm
