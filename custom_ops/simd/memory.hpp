// Unaligned little- and big-endian access, and bit counting, for kernels.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(FM_AVX2)
#include <immintrin.h>
#endif
#if defined(FM_NEON)
#include <arm_neon.h>
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

// Payloads are little-endian and kernels copy words as they lie in memory.
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "fmpass needs a little-endian machine"
#endif

#if defined(__GNUC__)
#define FM_INLINE inline __attribute__((always_inline))
#define FM_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define FM_RESTRICT __restrict__
#else
#define FM_INLINE inline
#define FM_UNLIKELY(condition) (condition)
#define FM_RESTRICT __restrict
#endif

namespace fm {
namespace {

template <class T>
FM_INLINE T load(const uint8_t* from) {
  T value;
  memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
FM_INLINE void store(uint8_t* to, T value) {
  memcpy(to, &value, sizeof(T));
}

#if defined(_MSC_VER) && !defined(__clang__)
FM_INLINE uint64_t swap_bytes(uint64_t x) { return _byteswap_uint64(x); }
FM_INLINE unsigned count_ones(uint64_t x) {
  unsigned n = 0;
  for (; x != 0; x &= x - 1) ++n;
  return n;
}
FM_INLINE unsigned trailing_zeros(uint64_t x) {
  unsigned long i;
  return _BitScanForward64(&i, x) ? i : 64;
}
FM_INLINE unsigned leading_zeros(uint64_t x) {
  unsigned long i;
  return _BitScanReverse64(&i, x) ? 63 - i : 64;
}
#else
FM_INLINE uint64_t swap_bytes(uint64_t x) { return __builtin_bswap64(x); }
FM_INLINE unsigned count_ones(uint64_t x) { return static_cast<unsigned>(__builtin_popcountll(x)); }
FM_INLINE unsigned trailing_zeros(uint64_t x) {  // 64 for 0
  return x == 0 ? 64 : static_cast<unsigned>(__builtin_ctzll(x));
}
FM_INLINE unsigned leading_zeros(uint64_t x) {  // 64 for 0
  return x == 0 ? 64 : static_cast<unsigned>(__builtin_clzll(x));
}
#endif

FM_INLINE uint64_t low_bits(unsigned count) {  // count ≤ 64
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

#if defined(FM_AVX2)
FM_INLINE __m128i load128(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
#endif

constexpr unsigned log2_exact(unsigned power_of_two) {
  unsigned n = 0;
  while ((1u << n) < power_of_two) ++n;
  return n;
}

}  // namespace
}  // namespace fm
