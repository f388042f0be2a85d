// The AVX2 form of a decoding step: eight states a vector.
#pragma once

#include "rans.hpp"

namespace fm {
namespace {
namespace crans {

// For each set of eight lanes, which of the next words goes to each of them.
struct Spreads {
  uint8_t of[256][8];
};

constexpr Spreads make_spreads() {
  Spreads found{};
  for (unsigned lanes = 0; lanes < 256; ++lanes) {
    uint8_t next = 0;
    for (unsigned i = 0; i < 8; ++i) {
      found.of[lanes][i] = next;
      next = static_cast<uint8_t>(next + (lanes >> i & 1));
    }
  }
  return found;
}

constexpr Spreads kSpreads = make_spreads();

FM_INLINE __m256i lanes_of_bits(unsigned bits) {
  const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), each), each);
}

template <unsigned kRow, unsigned kStates>
FM_INLINE void decode_row_avx2(Decoding& d, const PlaneTables& tables, const uint8_t* meaning,
                               uint64_t active, uint8_t* symbols) {
  const __m256i most = _mm256_set1_epi32(kTotal - 1), low6 = _mm256_set1_epi32(63);
  const int* slots = reinterpret_cast<const int*>(tables.slots[0]);
  for (unsigned first = 0; first < kRow; first += 16) {
    uint32_t* states = d.states + first % kStates;
    unsigned escapes = 0;
    for (unsigned half = 0; half < 16; half += 8) {
      const unsigned lanes = static_cast<unsigned>(active >> (first + half)) & 255;
      __m256i* place = reinterpret_cast<__m256i*>(states + half);
      const __m256i state = _mm256_loadu_si256(place);
      const __m256i table = _mm256_and_si256(
          _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(meaning + first + half))),
          low6);
      const __m256i at =
          _mm256_or_si256(_mm256_slli_epi32(table, kPrecision), _mm256_and_si256(state, most));
      const __m256i entry = _mm256_i32gather_epi32(slots, at, 4);
      const __m256i next = _mm256_add_epi32(
          _mm256_mullo_epi32(_mm256_and_si256(_mm256_srli_epi32(entry, 8), most),
                             _mm256_srli_epi32(state, kPrecision)),
          _mm256_and_si256(_mm256_srli_epi32(entry, 19), most));
      const __m256i there = lanes_of_bits(lanes);
      const __m256i now = _mm256_blendv_epi8(state, next, there);
      const __m256i low = _mm256_and_si256(
          there, _mm256_cmpeq_epi32(_mm256_srli_epi32(now, 16), _mm256_setzero_si256()));
      const unsigned need = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(low)));
      const __m256i words = _mm256_permutevar8x32_epi32(
          _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(d.in))),
          _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kSpreads.of[need]))));
      d.in += 2 * count_ones(need);
      const __m256i filled = _mm256_or_si256(_mm256_slli_epi32(now, 16), words);
      _mm256_storeu_si256(place, _mm256_blendv_epi8(now, filled, low));
      escapes |= (static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(entry))) & lanes) << half;
      const __m256i bytes = _mm256_and_si256(entry, _mm256_set1_epi32(255));
      const __m256i narrow = _mm256_packus_epi16(_mm256_packus_epi32(bytes, bytes), bytes);
      const uint64_t part = static_cast<uint32_t>(_mm256_extract_epi32(narrow, 0)) |
                            static_cast<uint64_t>(static_cast<uint32_t>(_mm256_extract_epi32(narrow, 4))) << 32;
      store(symbols + first + half, part);
    }
    if (FM_UNLIKELY(escapes != 0)) take_escaped(d, states, escapes, symbols + first);
  }
}

}  // namespace crans
}  // namespace
}  // namespace fm
