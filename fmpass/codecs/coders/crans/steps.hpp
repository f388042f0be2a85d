// The steps of one plane of one group, forwards: decoding, and telling what is to be encoded.
#pragma once

#include "rans.hpp"

#if defined(FM_AVX512)
#include "rans_avx512.hpp"
#elif defined(FM_AVX2)
#include "rans_avx2.hpp"
#endif

namespace fm {
namespace {
namespace crans {

// Puts the bytes of a step where later ones look for them.
template <unsigned kRow>
FM_INLINE void keep_row(const Plane& c, size_t t, const uint8_t* values, const uint8_t* prediction) {
  const uint64_t active = c.active[t];
  uint8_t *v = c.values + t * kRow, *e = c.errors + t * kRow;
  for (unsigned l = 0; l < kRow; ++l) {
    const bool there = (active >> l & 1) != 0;
    v[l] = there ? values[l] : c.tables->zero;
    e[l] = there ? distance(values[l], prediction[l]) : 0;
  }
}

// False where the words end early.
template <unsigned kRow, unsigned kStates>
bool decode_steps(const Plane& c, size_t steps, Decoding& d) {
#if defined(FM_AVX512)
  return c.predictor == nullptr ? decode_steps_avx512<kRow, kStates, false>(c, steps, d)
                                : decode_steps_avx512<kRow, kStates, true>(c, steps, d);
#else
  alignas(64) uint8_t prediction[kRow], meaning[kRow], symbols[kRow];
  for (size_t t = 0; t < steps; ++t) {
    tell_plain<kRow>(c, t, prediction, meaning);
#if defined(FM_AVX2)
    decode_row_avx2<kRow, kStates>(d, *c.tables, meaning, c.active[t], symbols);
#else
    decode_row_plain<kRow, kStates>(d, *c.tables, meaning, c.active[t], symbols);
#endif
    if (FM_UNLIKELY(d.in > d.end)) return false;
    for (unsigned l = 0; l < kRow; ++l) {
      const uint8_t base = meaning[l] >= kSubtract ? prediction[l] : 0;
      symbols[l] = static_cast<uint8_t>(symbols[l] + base);
    }
    keep_row<kRow>(c, t, symbols, prediction);
  }
  return true;
#endif
}

// `values` are there; `symbols` gets table << 8 | symbol of each lane.
template <unsigned kRow>
void tell_steps(const Plane& c, size_t steps, uint16_t* symbols) {
#if defined(FM_AVX512)
  return c.predictor == nullptr ? tell_steps_avx512<kRow, false>(c, steps, symbols)
                                : tell_steps_avx512<kRow, true>(c, steps, symbols);
#else
  alignas(64) uint8_t prediction[kRow], meaning[kRow];
  for (size_t t = 0; t < steps; ++t, symbols += kRow) {
    tell_plain<kRow>(c, t, prediction, meaning);
    const uint8_t* v = c.values + t * kRow;
    for (unsigned l = 0; l < kRow; ++l) {
      const uint8_t base = meaning[l] >= kSubtract ? prediction[l] : 0;
      const unsigned symbol = static_cast<uint8_t>(v[l] - base);
      symbols[l] = static_cast<uint16_t>((meaning[l] & 63u) << 8 | symbol);
    }
    keep_row<kRow>(c, t, v, prediction);
  }
#endif
}

// Backwards. False where a symbol cannot be coded or `begin` comes near.
template <unsigned kRow, unsigned kStates>
bool encode_steps(const PlaneTables& tables, const uint64_t* active, size_t steps,
                  const uint16_t* symbols, Encoding& e) {
  for (size_t t = steps; t-- > 0;) {
    if (FM_UNLIKELY(e.out - e.begin < 4 * static_cast<ptrdiff_t>(kGroup))) return false;
#if defined(FM_AVX512)
    encode_row_avx512<kRow, kStates>(e, tables, symbols + t * kRow, active[t]);
#elif defined(FM_AVX2)
    encode_row_avx2<kRow, kStates>(e, tables, symbols + t * kRow, active[t]);
#else
    encode_row_plain<kRow, kStates>(e, tables, symbols + t * kRow, active[t]);
#endif
  }
  return !e.failed;
}

}  // namespace crans
}  // namespace
}  // namespace fm
