// The AVX-512 form of rans.hpp and of the loops over steps: 16 states a vector.
#pragma once

#include "context_avx512.hpp"
#include "rans.hpp"

namespace fm {
namespace {
namespace crans {

#define FM_UNROLL _Pragma("GCC unroll 4")

FM_INLINE __m512i tables_of_lanes(__m512i tables, unsigned vector) {
  const __m128i part = vector == 0   ? _mm512_castsi512_si128(tables)
                       : vector == 1 ? _mm512_extracti32x4_epi32(tables, 1)
                       : vector == 2 ? _mm512_extracti32x4_epi32(tables, 2)
                                     : _mm512_extracti32x4_epi32(tables, 3);
  return _mm512_slli_epi32(_mm512_cvtepu8_epi32(part), kPrecision);
}

// One step of a row of lanes. Gathers of all vectors that have states of their own come first, so
// that none of them waits for another.
template <unsigned kRow, unsigned kStates>
FM_INLINE __m512i decode_row_avx512(Decoding& d, __m512i* states, const uint32_t* slots,
                                    __m512i meaning, uint64_t active) {
  constexpr unsigned kSets = kStates / 16;
  const __m512i most = _mm512_set1_epi32(kTotal - 1), lowest = _mm512_set1_epi32(kLowest);
  const __m512i tables = _mm512_and_si512(meaning, _mm512_set1_epi8(63));
  __m128i symbols[4] = {};
  FM_UNROLL for (unsigned first = 0; first < kRow / 16; first += kSets) {
    __m512i entries[kSets];
    FM_UNROLL for (unsigned i = 0; i < kSets; ++i) {
      const __m512i at = _mm512_or_si512(tables_of_lanes(tables, first + i),
                                         _mm512_and_si512(states[i], most));
      entries[i] = _mm512_i32gather_epi32(at, slots, 4);
    }
    uint64_t escapes = 0;
    FM_UNROLL for (unsigned i = 0; i < kSets; ++i) {
      const __m512i entry = entries[i];
      const __m512i next = _mm512_add_epi32(
          _mm512_mullo_epi32(_mm512_and_si512(_mm512_srli_epi32(entry, 8), most),
                             _mm512_srli_epi32(states[i], kPrecision)),
          _mm512_and_si512(_mm512_srli_epi32(entry, 19), most));
      const __mmask16 there = static_cast<__mmask16>(active >> (16 * (first + i)));
      const __m512i state = _mm512_mask_mov_epi32(states[i], there, next);
      const __mmask16 low = _mm512_mask_cmplt_epu32_mask(there, state, lowest);
      const __m512i words = _mm512_maskz_expand_epi32(
          low, _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(d.in))));
      d.in += 2 * count_ones(low);
      states[i] = _mm512_mask_or_epi32(state, low, _mm512_slli_epi32(state, 16), words);
      symbols[first + i] = _mm512_cvtepi32_epi8(entry);
      escapes |= static_cast<uint64_t>(there & _mm512_movepi32_mask(entry)) << (16 * i);
    }
    if (FM_UNLIKELY(escapes != 0)) {
      alignas(64) uint32_t held[kStates];
      alignas(16) uint8_t bytes[kStates];
      FM_UNROLL for (unsigned i = 0; i < kSets; ++i) {
        _mm512_store_si512(held + 16 * i, states[i]);
        _mm_store_si128(reinterpret_cast<__m128i*>(bytes + 16 * i), symbols[first + i]);
      }
      take_escaped(d, held, escapes, bytes);
      FM_UNROLL for (unsigned i = 0; i < kSets; ++i) {
        states[i] = _mm512_load_si512(held + 16 * i);
        symbols[first + i] = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes + 16 * i));
      }
    }
  }
  const __m256i lower = _mm256_inserti128_si256(_mm256_castsi128_si256(symbols[0]), symbols[1], 1);
  const __m256i upper = _mm256_inserti128_si256(_mm256_castsi128_si256(symbols[2]), symbols[3], 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(lower), upper, 1);
}

template <unsigned kRow, unsigned kStates, bool kByLane>
bool decode_steps_avx512(const Plane& c, size_t steps, Decoding& d) {
  const Lookups look = lookups_of(*c.tables);
  const __m512i zero = _mm512_set1_epi8(static_cast<char>(c.tables->zero));
  const uint32_t* slots = c.tables->slots[0];
  __m512i states[kStates / 16];
  for (unsigned i = 0; i < kStates / 16; ++i) states[i] = _mm512_loadu_si512(d.states + 16 * i);
  __m512i vw = zero, ew = _mm512_setzero_si512();
  Decoding local = d;
  bool whole = true;
  for (size_t t = 0; t < steps; ++t) {
    const Told told = tell_avx512<kRow, kByLane>(c, look, t, vw, ew);
    const uint64_t active = c.active[t];
    const __m512i symbols =
        decode_row_avx512<kRow, kStates>(local, states, slots, told.meaning, active);
    const __mmask64 subtracted = _mm512_movepi8_mask(told.meaning);
    const __m512i value = _mm512_mask_add_epi8(symbols, subtracted, symbols, told.prediction);
    vw = _mm512_mask_blend_epi8(active, zero, value);
    ew = _mm512_maskz_mov_epi8(active, distance512(value, told.prediction));
    _mm512_mask_storeu_epi8(c.values + t * kRow, row_mask<kRow>(), vw);
    _mm512_mask_storeu_epi8(c.errors + t * kRow, row_mask<kRow>(), ew);
    if (FM_UNLIKELY(local.in > local.end)) {
      whole = false;
      break;
    }
  }
  d.in = local.in;
  for (unsigned i = 0; i < kStates / 16; ++i) _mm512_storeu_si512(d.states + 16 * i, states[i]);
  return whole;
}

template <unsigned kRow, bool kByLane>
void tell_steps_avx512(const Plane& c, size_t steps, uint16_t* symbols) {
  const Lookups look = lookups_of(*c.tables);
  const __m512i zero = _mm512_set1_epi8(static_cast<char>(c.tables->zero));
  const __m512i low6 = _mm512_set1_epi16(63);
  __m512i vw = zero, ew = _mm512_setzero_si512();
  for (size_t t = 0; t < steps; ++t, symbols += kRow) {
    const Told told = tell_avx512<kRow, kByLane>(c, look, t, vw, ew);
    const uint64_t active = c.active[t];
    vw = load512(c.values + t * kRow);
    ew = _mm512_maskz_mov_epi8(active, distance512(vw, told.prediction));
    vw = _mm512_mask_blend_epi8(active, zero, vw);
    _mm512_mask_storeu_epi8(c.errors + t * kRow, row_mask<kRow>(), ew);
    const __m512i symbol = _mm512_mask_sub_epi8(vw, _mm512_movepi8_mask(told.meaning), vw,
                                                told.prediction);
    const auto put = [&](unsigned half, __m256i bytes, __m256i tables) {
      const __m512i table = _mm512_and_si512(_mm512_cvtepu8_epi16(tables), low6);
      _mm512_storeu_si512(symbols + 32 * half,
                          _mm512_or_si512(_mm512_slli_epi16(table, 8), _mm512_cvtepu8_epi16(bytes)));
    };
    put(0, _mm512_castsi512_si256(symbol), _mm512_castsi512_si256(told.meaning));
    if (kRow > 32) {
      put(1, _mm512_extracti64x4_epi64(symbol, 1), _mm512_extracti64x4_epi64(told.meaning, 1));
    }
  }
}

// Symbols of escapes into the states, from the last lane to the first, and what stands for them.
template <unsigned kSets>
FM_INLINE void put_escaped(Encoding& e, const PlaneTables& tables, __m512i* entries,
                           const uint16_t* symbols, uint64_t escapes) {
  alignas(64) uint32_t held[16 * kSets];
  for (unsigned i = 0; i < kSets; ++i) _mm512_store_si512(held + 16 * i, entries[i]);
  while (escapes != 0) {
    const unsigned lane = 63 - leading_zeros(escapes);
    escapes ^= uint64_t{1} << lane;
    held[lane] = tables.symbols[symbols[lane] >> 8][kEscape];
    if ((held[lane] & 0xFFFF) == 0) e.failed = true;
    uint32_t& state = e.states[lane];
    if (state >= 1u << 24) put_word(e, state);
    state = state << 8 | (symbols[lane] & 255u);
  }
  for (unsigned i = 0; i < kSets; ++i) entries[i] = _mm512_load_si512(held + 16 * i);
}

// Quotients of eight numbers below 2^32 by eight below 2^16: exact, since half a unit is added.
FM_INLINE __m256i divide8(__m256i dividend, __m256i divisor) {
  const __m512d half = _mm512_set1_pd(0.5);
  return _mm512_cvttpd_epu32(_mm512_div_pd(_mm512_add_pd(_mm512_cvtepu32_pd(dividend), half),
                                           _mm512_cvtepu32_pd(divisor)));
}

template <unsigned kRow, unsigned kStates>
FM_INLINE void encode_row_avx512(Encoding& e, const PlaneTables& tables, const uint16_t* symbols,
                                 uint64_t active) {
  constexpr unsigned kSets = kStates / 16;
  const __m512i low16 = _mm512_set1_epi32(0xFFFF);
  for (unsigned first = kRow; first > 0;) {
    first -= kStates;
    __m512i entries[kSets];
    uint64_t escapes = 0;
    FM_UNROLL for (unsigned i = 0; i < kSets; ++i) {
      const __mmask16 there = static_cast<__mmask16>(active >> (first + 16 * i));
      const __m512i place = _mm512_cvtepu16_epi32(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(symbols + first + 16 * i)));
      // Rows of the table have 257 entries, tables of a symbol 256.
      const __m512i at = _mm512_add_epi32(place, _mm512_srli_epi32(place, 8));
      entries[i] =
          _mm512_mask_i32gather_epi32(_mm512_set1_epi32(1), there, at, tables.symbols[0], 4);
      escapes |= static_cast<uint64_t>(_mm512_mask_testn_epi32_mask(there, entries[i], low16))
                 << (16 * i);
    }
    if (FM_UNLIKELY(escapes != 0)) {
      put_escaped<kSets>(e, tables, entries, symbols + first, escapes);
      if (e.failed) return;
    }
    FM_UNROLL for (unsigned step = 0; step < kSets; ++step) {
      const unsigned i = kSets - 1 - step;
      const __mmask16 there = static_cast<__mmask16>(active >> (first + 16 * i));
      __m512i state = _mm512_loadu_si512(e.states + 16 * i);
      const __m512i frequency = _mm512_and_si512(entries[i], low16);
      const __mmask16 full =
          _mm512_mask_cmpge_epu32_mask(there, state, _mm512_slli_epi32(frequency, 21));
      const __m256i words = _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, state));
      const unsigned count = count_ones(full);
      e.out -= 2 * count;
      _mm256_mask_storeu_epi16(e.out, static_cast<__mmask16>((1u << count) - 1), words);
      state = _mm512_mask_srli_epi32(state, full, state, 16);
      const __m256i low = divide8(_mm512_castsi512_si256(state), _mm512_castsi512_si256(frequency));
      const __m256i high = divide8(_mm512_extracti64x4_epi64(state, 1),
                                   _mm512_extracti64x4_epi64(frequency, 1));
      const __m512i quotient = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
      // quotient · 2048 + remainder + start
      const __m512i scale = _mm512_sub_epi32(_mm512_set1_epi32(kTotal), frequency);
      const __m512i next =
          _mm512_add_epi32(_mm512_add_epi32(state, _mm512_mullo_epi32(quotient, scale)),
                           _mm512_srli_epi32(entries[i], 16));
      _mm512_storeu_si512(e.states + 16 * i, _mm512_mask_mov_epi32(state, there, next));
    }
  }
}

}  // namespace crans
}  // namespace
}  // namespace fm
