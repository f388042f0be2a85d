// Moving those of 64 words that a mask names together, and apart again.
#pragma once

#include "memory.hpp"

namespace fm {
namespace {

// Byte-exact at both ends; for the words near the end of a span.
template <class T>
FM_INLINE void pack_exact(const uint8_t* words, uint64_t mask, uint8_t* out) {
  for (; mask != 0; mask &= mask - 1, out += sizeof(T)) {
    store(out, load<T>(words + sizeof(T) * trailing_zeros(mask)));
  }
}

template <class T>
FM_INLINE void unpack_exact(const uint8_t* in, uint64_t mask, uint8_t* words) {
  memset(words, 0, 64 * sizeof(T));
  for (; mask != 0; mask &= mask - 1, in += sizeof(T)) {
    store(words + sizeof(T) * trailing_zeros(mask), load<T>(in));
  }
}

#if defined(FM_AVX2) && !defined(FM_AVX512)
// For each mask of eight: which words to gather, and where each word comes from (top bit: nowhere).
struct MoveTables {
  alignas(64) uint8_t gather[256][8];
  alignas(64) uint8_t spread[256][8];
};

constexpr MoveTables make_move_tables() {
  MoveTables t{};
  for (unsigned m = 0; m < 256; ++m) {
    uint8_t k = 0;
    for (unsigned j = 0; j < 8; ++j) {
      t.spread[m][j] = 0x80;
      if ((m >> j & 1) != 0) {
        t.gather[m][k] = static_cast<uint8_t>(j);
        t.spread[m][j] = k++;
      }
    }
  }
  return t;
}

constexpr MoveTables kMove = make_move_tables();

FM_INLINE __m128i load_row(const uint8_t* row) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row));
}

// Byte indices of 16-bit words; saturation keeps the top bit of "nowhere".
FM_INLINE __m128i pairs(__m128i index) {
  const __m128i twice = _mm_adds_epi8(index, index);
  return _mm_unpacklo_epi8(twice, _mm_adds_epi8(twice, _mm_set1_epi8(1)));
}

// Indices of the 32-bit halves of four 64-bit words.
FM_INLINE __m256i halves(__m128i index) {
  const __m256i twice = _mm256_slli_epi64(_mm256_cvtepi8_epi64(index), 1);
  const __m256i both = _mm256_or_si256(twice, _mm256_slli_epi64(twice, 32));
  return _mm256_add_epi32(both, _mm256_set1_epi64x(0x0000000100000000));
}

FM_INLINE __m256i load256(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
FM_INLINE void store256(uint8_t* p, __m256i x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
}
FM_INLINE void store128(uint8_t* p, __m128i x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x);
}
#endif

// Writes the words of `mask` to `out`. May write anything to the rest of 64·sizeof(T) bytes.
template <class T>
FM_INLINE void pack(const uint8_t* words, uint64_t mask, uint8_t* out) {
#if defined(FM_AVX512)
  constexpr unsigned kLanes = 64 / sizeof(T);
  for (unsigned v = 0; v < sizeof(T); ++v) {
    const __m512i x = _mm512_loadu_si512(words + 64 * v);
    const uint64_t m = mask >> (v * kLanes % 64) & low_bits(kLanes);
    __m512i packed;
    if constexpr (sizeof(T) == 1) {
      packed = _mm512_maskz_compress_epi8(static_cast<__mmask64>(m), x);
    } else if constexpr (sizeof(T) == 2) {
      packed = _mm512_maskz_compress_epi16(static_cast<__mmask32>(m), x);
    } else if constexpr (sizeof(T) == 4) {
      packed = _mm512_maskz_compress_epi32(static_cast<__mmask16>(m), x);
    } else {
      packed = _mm512_maskz_compress_epi64(static_cast<__mmask8>(m), x);
    }
    _mm512_storeu_si512(out, packed);
    out += sizeof(T) * count_ones(m);
  }
#elif defined(FM_AVX2)
  constexpr unsigned kStep = sizeof(T) == 8 ? 4 : 8;
  for (unsigned i = 0; i < 64; i += kStep, mask >>= kStep, words += kStep * sizeof(T)) {
    const unsigned m = static_cast<unsigned>(mask & ((1u << kStep) - 1));
    const __m128i index = load_row(kMove.gather[m]);
    if constexpr (sizeof(T) == 1) {
      const __m128i x = load_row(words);
      _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(x, index));
    } else if constexpr (sizeof(T) == 2) {
      store128(out, _mm_shuffle_epi8(load128(words), pairs(index)));
    } else if constexpr (sizeof(T) == 4) {
      store256(out, _mm256_permutevar8x32_epi32(load256(words), _mm256_cvtepu8_epi32(index)));
    } else {
      store256(out, _mm256_permutevar8x32_epi32(load256(words), halves(index)));
    }
    out += sizeof(T) * count_ones(m);
  }
#else
  for (unsigned i = 0; i < 64; ++i, words += sizeof(T)) {
    store(out, load<T>(words));
    out += sizeof(T) * static_cast<size_t>(mask >> i & 1);
  }
#endif
}

// Writes 64 words from the packed ones at `in`. May read 64·sizeof(T) bytes.
template <class T>
FM_INLINE void unpack(const uint8_t* in, uint64_t mask, uint8_t* words) {
#if defined(FM_AVX512)
  constexpr unsigned kLanes = 64 / sizeof(T);
  for (unsigned v = 0; v < sizeof(T); ++v) {
    const __m512i x = _mm512_loadu_si512(in);
    const uint64_t m = mask >> (v * kLanes % 64) & low_bits(kLanes);
    __m512i spread;
    if constexpr (sizeof(T) == 1) {
      spread = _mm512_maskz_expand_epi8(static_cast<__mmask64>(m), x);
    } else if constexpr (sizeof(T) == 2) {
      spread = _mm512_maskz_expand_epi16(static_cast<__mmask32>(m), x);
    } else if constexpr (sizeof(T) == 4) {
      spread = _mm512_maskz_expand_epi32(static_cast<__mmask16>(m), x);
    } else {
      spread = _mm512_maskz_expand_epi64(static_cast<__mmask8>(m), x);
    }
    _mm512_storeu_si512(words + 64 * v, spread);
    in += sizeof(T) * count_ones(m);
  }
#elif defined(FM_AVX2)
  constexpr unsigned kStep = sizeof(T) == 8 ? 4 : 8;
  for (unsigned i = 0; i < 64; i += kStep, mask >>= kStep, words += kStep * sizeof(T)) {
    const unsigned m = static_cast<unsigned>(mask & ((1u << kStep) - 1));
    const __m128i index = load_row(kMove.spread[m]);
    if constexpr (sizeof(T) == 1) {
      const __m128i x = _mm_shuffle_epi8(load_row(in), index);
      _mm_storel_epi64(reinterpret_cast<__m128i*>(words), x);
    } else if constexpr (sizeof(T) == 2) {
      store128(words, _mm_shuffle_epi8(load128(in), pairs(index)));
    } else if constexpr (sizeof(T) == 4) {
      const __m256i lanes = _mm256_cvtepi8_epi32(index);
      const __m256i x = _mm256_permutevar8x32_epi32(load256(in), lanes);
      store256(words, _mm256_andnot_si256(_mm256_srai_epi32(lanes, 31), x));
    } else {
      const __m256i absent = _mm256_cvtepi8_epi64(index);
      const __m256i x = _mm256_permutevar8x32_epi32(load256(in), halves(index));
      store256(words, _mm256_andnot_si256(_mm256_cmpgt_epi64(_mm256_setzero_si256(), absent), x));
    }
    in += sizeof(T) * count_ones(m);
  }
#else
  for (unsigned i = 0; i < 64; ++i, words += sizeof(T)) {
    const uint64_t set = mask >> i & 1;
    store(words, static_cast<T>(load<T>(in) & static_cast<T>(uint64_t{0} - set)));
    in += sizeof(T) * static_cast<size_t>(set);
  }
#endif
}

}  // namespace
}  // namespace fm
