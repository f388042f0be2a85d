// Which of 64 words are not zero: what every zero-aware coder starts from.
#pragma once

#include "memory.hpp"

namespace fm {
namespace {

// Bit i tells whether word i of the 64 at `p` is not zero. Reads 64·sizeof(T) bytes.
template <class T>
FM_INLINE uint64_t nonzero_mask64(const uint8_t* p) {
#if defined(FM_AVX512)
  uint64_t mask = 0;
  for (unsigned v = 0; v < sizeof(T); ++v) {
    const __m512i x = _mm512_loadu_si512(p + 64 * v);
    uint64_t part;
    if constexpr (sizeof(T) == 1) {
      part = _mm512_test_epi8_mask(x, x);
    } else if constexpr (sizeof(T) == 2) {
      part = _mm512_test_epi16_mask(x, x);
    } else if constexpr (sizeof(T) == 4) {
      part = _mm512_test_epi32_mask(x, x);
    } else {
      part = _mm512_test_epi64_mask(x, x);
    }
    mask |= part << (v * 64 / sizeof(T));
  }
  return mask;
#elif defined(FM_AVX2)
  const __m256i zero = _mm256_setzero_si256();
  const auto at = [p](unsigned v) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * v));
  };
  uint64_t zeros = 0;
  if constexpr (sizeof(T) == 1) {
    for (unsigned v = 0; v < 2; ++v) {
      const int m = _mm256_movemask_epi8(_mm256_cmpeq_epi8(at(v), zero));
      zeros |= static_cast<uint64_t>(static_cast<uint32_t>(m)) << (32 * v);
    }
  } else if constexpr (sizeof(T) == 2) {
    for (unsigned v = 0; v < 4;
         v += 2) {  // packing interleaves 128-bit lanes; the permute undoes it
      __m256i z =
          _mm256_packs_epi16(_mm256_cmpeq_epi16(at(v), zero), _mm256_cmpeq_epi16(at(v + 1), zero));
      z = _mm256_permute4x64_epi64(z, 0xD8);
      const int m = _mm256_movemask_epi8(z);
      zeros |= static_cast<uint64_t>(static_cast<uint32_t>(m)) << (16 * v);
    }
  } else if constexpr (sizeof(T) == 4) {
    for (unsigned v = 0; v < 8; ++v) {
      const int m = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(at(v), zero)));
      zeros |= static_cast<uint64_t>(static_cast<uint32_t>(m)) << (8 * v);
    }
  } else {
    for (unsigned v = 0; v < 16; ++v) {
      const int m = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(at(v), zero)));
      zeros |= static_cast<uint64_t>(static_cast<uint32_t>(m)) << (4 * v);
    }
  }
  return ~zeros;
#elif defined(FM_NEON)
  // Narrow the comparison to bytes of 0 or 0xFF, keep one weighted bit of each, add eight together.
  uint64_t mask = 0;
  const uint8x8_t weights = vcreate_u8(0x8040201008040201u);
  for (unsigned v = 0; v < 8; ++v) {
    const uint8_t* q = p + 8 * sizeof(T) * v;
    uint8x8_t set;
    if constexpr (sizeof(T) == 1) {
      const uint8x8_t x = vld1_u8(q);
      set = vtst_u8(x, x);
    } else if constexpr (sizeof(T) == 2) {
      const uint16x8_t x = vreinterpretq_u16_u8(vld1q_u8(q));
      set = vmovn_u16(vtstq_u16(x, x));
    } else if constexpr (sizeof(T) == 4) {
      const uint32x4_t x = vreinterpretq_u32_u8(vld1q_u8(q));
      const uint32x4_t y = vreinterpretq_u32_u8(vld1q_u8(q + 16));
      set = vmovn_u16(vcombine_u16(vmovn_u32(vtstq_u32(x, x)), vmovn_u32(vtstq_u32(y, y))));
    } else {
      uint16x4_t half[2];
      for (unsigned h = 0; h < 2; ++h) {
        const uint64x2_t x = vreinterpretq_u64_u8(vld1q_u8(q + 32 * h));
        const uint64x2_t y = vreinterpretq_u64_u8(vld1q_u8(q + 32 * h + 16));
        half[h] = vmovn_u32(vcombine_u32(vmovn_u64(vtstq_u64(x, x)), vmovn_u64(vtstq_u64(y, y))));
      }
      set = vmovn_u16(vcombine_u16(half[0], half[1]));
    }
    mask |= static_cast<uint64_t>(vaddv_u8(vand_u8(set, weights))) << (8 * v);
  }
  return mask;
#else
  uint64_t mask = 0;
  if constexpr (sizeof(T) == 1) {
    // Exact per byte (no borrow passes from one to the next): the top bit of a byte is set if any
    // is; the multiplication gathers the eight top bits.
    for (unsigned v = 0; v < 8; ++v) {
      const uint64_t x = load<uint64_t>(p + 8 * v);
      const uint64_t low7 = 0x7F7F7F7F7F7F7F7Fu;
      const uint64_t set = ((((x & low7) + low7) | x) >> 7) & 0x0101010101010101u;
      mask |= ((set * 0x0102040810204080u) >> 56) << (8 * v);
    }
  } else {
    for (unsigned i = 0; i < 64; ++i) {
      mask |= static_cast<uint64_t>(load<T>(p + i * sizeof(T)) != 0) << i;
    }
  }
  return mask;
#endif
}

}  // namespace
}  // namespace fm
