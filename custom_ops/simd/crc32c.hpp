// CRC32C at each level. Source of the folding method: V. Gopal et al., "Fast CRC Computation for
// Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009. Its constants are computed here;
// the last 16 bytes go through the CRC instruction instead of a Barrett reduction.
#pragma once

#include "memory.hpp"
#if defined(FM_NEON) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define FM_CRC_ARM 1
#endif

namespace fm {
namespace {

#if defined(FM_AVX2)

// x^exponent modulo the polynomial, bits reversed and shifted as carry-less multiplication of
// reversed operands wants it.
constexpr uint64_t fold_constant(unsigned exponent) {
  constexpr uint32_t kPolynomial = 0x1EDC6F41u;
  uint32_t r = 1;
  for (unsigned i = 0; i < exponent; ++i) r = (r << 1) ^ ((r >> 31) != 0 ? kPolynomial : 0u);
  uint64_t reversed = 0;
  for (unsigned i = 0; i < 32; ++i) reversed |= static_cast<uint64_t>((r >> i) & 1) << (31 - i);
  return reversed << 1;
}

// Carries 128 bits over a distance of `bits`.
template <unsigned bits>
FM_INLINE __m128i fold_constants() {
  constexpr uint64_t near = fold_constant(bits + 32), far = fold_constant(bits - 32);
  return _mm_set_epi64x(static_cast<long long>(far), static_cast<long long>(near));
}

FM_INLINE __m128i fold(__m128i x, __m128i k) {
  return _mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11));
}

FM_INLINE uint64_t crc_word(uint64_t crc, const uint8_t* p) {
  return _mm_crc32_u64(crc, load<uint64_t>(p));
}

#if defined(FM_AVX512)
FM_INLINE __m512i fold512(__m512i x, __m512i k, __m512i next) {
  const __m512i low = _mm512_clmulepi64_epi128(x, k, 0x00);
  return _mm512_ternarylogic_epi64(low, _mm512_clmulepi64_epi128(x, k, 0x11), next, 0x96);
}

// Folds a multiple of 64 bytes, at least 256, to 128 bits that leave the same remainder.
FM_INLINE __m128i fold_all(const uint8_t*& p, size_t& n, uint32_t start) {
  const __m512i k4 = _mm512_broadcast_i32x4(fold_constants<2048>());
  const __m512i k1 = _mm512_broadcast_i32x4(fold_constants<512>());
  __m512i a = _mm512_loadu_si512(p), b = _mm512_loadu_si512(p + 64);
  __m512i c = _mm512_loadu_si512(p + 128), d = _mm512_loadu_si512(p + 192);
  const __m128i first = _mm_cvtsi32_si128(static_cast<int>(start));
  a = _mm512_xor_si512(a, _mm512_zextsi128_si512(first));
  for (p += 256, n -= 256; n >= 256; p += 256, n -= 256) {
    a = fold512(a, k4, _mm512_loadu_si512(p));
    b = fold512(b, k4, _mm512_loadu_si512(p + 64));
    c = fold512(c, k4, _mm512_loadu_si512(p + 128));
    d = fold512(d, k4, _mm512_loadu_si512(p + 192));
  }
  a = fold512(fold512(fold512(a, k1, b), k1, c), k1, d);
  for (; n >= 64; p += 64, n -= 64) a = fold512(a, k1, _mm512_loadu_si512(p));
  const __m128i k = fold_constants<128>();
  __m128i x = _mm512_castsi512_si128(a);
  x = _mm_xor_si128(fold(x, k), _mm512_extracti32x4_epi32(a, 1));
  x = _mm_xor_si128(fold(x, k), _mm512_extracti32x4_epi32(a, 2));
  return _mm_xor_si128(fold(x, k), _mm512_extracti32x4_epi32(a, 3));
}
constexpr size_t kFoldFrom = 256;
#else
FM_INLINE __m128i fold_all(const uint8_t*& p, size_t& n, uint32_t start) {
  constexpr unsigned kLanes = 8;
  const __m128i far = fold_constants<128 * kLanes>(), near = fold_constants<128>();
  __m128i lane[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) lane[i] = load128(p + 16 * i);
  lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128(static_cast<int>(start)));
  for (p += 128, n -= 128; n >= 128; p += 128, n -= 128) {
    for (unsigned i = 0; i < kLanes; ++i) {
      lane[i] = _mm_xor_si128(fold(lane[i], far), load128(p + 16 * i));
    }
  }
  __m128i x = lane[0];
  for (unsigned i = 1; i < kLanes; ++i) x = _mm_xor_si128(fold(x, near), lane[i]);
  for (; n >= 16; p += 16, n -= 16) x = _mm_xor_si128(fold(x, near), load128(p));
  return x;
}
constexpr size_t kFoldFrom = 128;
#endif

uint32_t crc32c(const uint8_t* data, size_t nbytes) {
  uint64_t crc = 0xFFFFFFFFu;
  if (nbytes >= kFoldFrom) {
    const __m128i x = fold_all(data, nbytes, 0xFFFFFFFFu);
    crc = _mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(x)));
    crc = _mm_crc32_u64(crc, static_cast<uint64_t>(_mm_extract_epi64(x, 1)));
  }
  for (; nbytes >= 8; data += 8, nbytes -= 8) crc = crc_word(crc, data);
  uint32_t rest = static_cast<uint32_t>(crc);
  for (; nbytes > 0; ++data, --nbytes) rest = _mm_crc32_u8(rest, *data);
  return ~rest;
}

#elif defined(FM_CRC_ARM)

uint32_t crc32c(const uint8_t* data, size_t nbytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (; nbytes >= 8; data += 8, nbytes -= 8) crc = __crc32cd(crc, load<uint64_t>(data));
  for (; nbytes > 0; ++data, --nbytes) crc = __crc32cb(crc, *data);
  return ~crc;
}

#else

struct CrcTables {
  uint32_t t[8][256];
};

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t r = i;
    for (int k = 0; k < 8; ++k) r = (r >> 1) ^ ((r & 1) != 0 ? 0x82F63B78u : 0u);
    tables.t[0][i] = r;
  }
  for (uint32_t i = 0; i < 256; ++i) {
    for (int k = 1; k < 8; ++k) {
      const uint32_t before = tables.t[k - 1][i];
      tables.t[k][i] = (before >> 8) ^ tables.t[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr CrcTables kCrc = make_crc_tables();

// Eight table look-ups for eight bytes ("slicing by 8", Kounavis and Berry, 2005).
uint32_t crc32c(const uint8_t* data, size_t nbytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (; nbytes >= 8; data += 8, nbytes -= 8) {
    const uint64_t x = load<uint64_t>(data) ^ crc;
    crc = 0;
    for (unsigned k = 0; k < 8; ++k) crc ^= kCrc.t[7 - k][(x >> (8 * k)) & 0xFF];
  }
  for (; nbytes > 0; ++data, --nbytes) crc = (crc >> 8) ^ kCrc.t[0][(crc ^ *data) & 0xFF];
  return ~crc;
}

#endif

}  // namespace
}  // namespace fm
