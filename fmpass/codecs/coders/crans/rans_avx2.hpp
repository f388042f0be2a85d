// The AVX2 form of rans.hpp: eight states a vector.
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
  for (unsigned first = 0; first < kRow; first += kStates) {
    uint64_t escapes = 0;
    for (unsigned half = 0; half < kStates; half += 8) {
      const unsigned lanes = static_cast<unsigned>(active >> (first + half)) & 255;
      __m256i* place = reinterpret_cast<__m256i*>(d.states + half);
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
      escapes |= uint64_t{static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(entry))) & lanes}
                 << half;
      const __m256i bytes = _mm256_and_si256(entry, _mm256_set1_epi32(255));
      const __m256i narrow = _mm256_packus_epi16(_mm256_packus_epi32(bytes, bytes), bytes);
      const uint64_t part = static_cast<uint32_t>(_mm256_extract_epi32(narrow, 0)) |
                            static_cast<uint64_t>(static_cast<uint32_t>(_mm256_extract_epi32(narrow, 4))) << 32;
      store(symbols + first + half, part);
    }
    if (FM_UNLIKELY(escapes != 0)) take_escaped(d, d.states, escapes, symbols + first);
  }
}

// For each set of eight lanes, the lanes of the set behind each other, the last one at the end.
constexpr Spreads make_gathers() {
  Spreads found{};
  for (unsigned lanes = 0; lanes < 256; ++lanes) {
    unsigned at = 8;
    for (unsigned i = 8; i-- > 0;) {
      if ((lanes >> i & 1) != 0) found.of[lanes][--at] = static_cast<uint8_t>(i);
    }
  }
  return found;
}

constexpr Spreads kGathers = make_gathers();

// Quotients of four numbers below 2^32 by four below 2^16 that are below 2^31: exact, since half a
// unit is added.
FM_INLINE __m128i divide4(__m128i dividend, __m128i divisor) {
  const __m128i top = _mm_set1_epi32(INT32_MIN);
  const __m256d moved = _mm256_cvtepi32_pd(_mm_xor_si128(dividend, top));
  const __m256d whole = _mm256_add_pd(moved, _mm256_set1_pd(2147483648.5));
  return _mm256_cvttpd_epi32(_mm256_div_pd(whole, _mm256_cvtepi32_pd(divisor)));
}

// What stands for escapes, and their bytes into the states, from the last lane to the first.
FM_INLINE void put_escaped(Encoding& e, const PlaneTables& tables, uint32_t* entries,
                           const uint16_t* symbols, uint64_t escapes) {
  while (escapes != 0) {
    const unsigned lane = 63 - leading_zeros(escapes);
    escapes ^= uint64_t{1} << lane;
    entries[lane] = tables.symbols[symbols[lane] >> 8][kEscape];
    if ((entries[lane] & 0xFFFF) == 0) e.failed = true;
    uint32_t& state = e.states[lane];
    if (state >= 1u << 24) put_word(e, state);
    state = state << 8 | (symbols[lane] & 255u);
  }
}

template <unsigned kRow, unsigned kStates>
FM_INLINE void encode_row_avx2(Encoding& e, const PlaneTables& tables, const uint16_t* symbols,
                               uint64_t active) {
  const __m256i low16 = _mm256_set1_epi32(0xFFFF), top = _mm256_set1_epi32(INT32_MIN);
  const int* all = reinterpret_cast<const int*>(tables.symbols[0]);
  for (unsigned first = kRow; first > 0;) {
    first -= kStates;
    alignas(32) uint32_t entries[kStates];
    uint64_t escapes = 0;
    for (unsigned i = 0; i < kStates; i += 8) {
      const __m256i place = _mm256_cvtepu16_epi32(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(symbols + first + i)));
      // Rows of the table have 257 entries, tables of a symbol 256.
      const __m256i at = _mm256_add_epi32(place, _mm256_srli_epi32(place, 8));
      const __m256i there = lanes_of_bits(static_cast<unsigned>(active >> (first + i)) & 255);
      const __m256i entry = _mm256_mask_i32gather_epi32(_mm256_set1_epi32(1), all, at, there, 4);
      _mm256_store_si256(reinterpret_cast<__m256i*>(entries + i), entry);
      const __m256i none =
          _mm256_cmpeq_epi32(_mm256_and_si256(entry, low16), _mm256_setzero_si256());
      escapes |= uint64_t{static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(none)))} << i;
    }
    if (FM_UNLIKELY(escapes != 0)) {
      put_escaped(e, tables, entries, symbols + first, escapes);
      if (e.failed) return;
    }
    for (unsigned i = kStates; i > 0;) {
      i -= 8;
      __m256i* held = reinterpret_cast<__m256i*>(e.states + i);
      const __m256i state = _mm256_loadu_si256(held);
      const __m256i entry = _mm256_load_si256(reinterpret_cast<const __m256i*>(entries + i));
      const __m256i frequency = _mm256_and_si256(entry, low16);
      const __m256i there = lanes_of_bits(static_cast<unsigned>(active >> (first + i)) & 255);
      // state ≥ frequency · 2^21, without signs
      const __m256i limit = _mm256_xor_si256(_mm256_slli_epi32(frequency, 21), top);
      const __m256i full = _mm256_andnot_si256(
          _mm256_cmpgt_epi32(limit, _mm256_xor_si256(state, top)), there);
      const unsigned set = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(full)));
      const __m256i order = _mm256_cvtepu8_epi32(
          _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kGathers.of[set])));
      const __m256i words = _mm256_and_si256(_mm256_permutevar8x32_epi32(state, order), low16);
      const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(words),
                                              _mm256_extracti128_si256(words, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(e.out - 16), packed);
      e.out -= 2 * count_ones(set);
      const __m256i now = _mm256_blendv_epi8(state, _mm256_srli_epi32(state, 16), full);
      const __m128i low = divide4(_mm256_castsi256_si128(now), _mm256_castsi256_si128(frequency));
      const __m128i high = divide4(_mm256_extracti128_si256(now, 1),
                                   _mm256_extracti128_si256(frequency, 1));
      const __m256i quotient = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
      // quotient · 2048 + remainder + start
      const __m256i scale = _mm256_sub_epi32(_mm256_set1_epi32(kTotal), frequency);
      const __m256i next =
          _mm256_add_epi32(_mm256_add_epi32(now, _mm256_mullo_epi32(quotient, scale)),
                           _mm256_srli_epi32(entry, 16));
      _mm256_storeu_si256(held, _mm256_blendv_epi8(now, next, there));
    }
  }
}

}  // namespace crans
}  // namespace
}  // namespace fm
