// The AVX-512 form of context.hpp: 64 lanes at once, whatever the row; those behind it are idle.
#pragma once

#include "context.hpp"

namespace fm {
namespace {
namespace crans {

// Lookup tables of one plane, in registers or close to them.
struct Lookups {
  __m512i energy[2];  // of 128 energies
  __m512i far[2];     // rows, times 16
  __m512i mixed[2];
  __m512i still[2];
  __m512i contexts[8];
};

FM_INLINE Lookups lookups_of(const PlaneTables& tables) {
  Lookups found;
  for (unsigned i = 0; i < 2; ++i) {
    found.energy[i] = _mm512_loadu_si512(kBins.energy + 64 * i);
    found.far[i] = _mm512_loadu_si512(kBins.rows[0] + 64 * i);
    found.mixed[i] = _mm512_loadu_si512(kBins.rows[1] + 64 * i);
    found.still[i] = _mm512_loadu_si512(kBins.rows[2] + 64 * i);
  }
  for (unsigned i = 0; i < 8; ++i) {
    found.contexts[i] = _mm512_loadu_si512(tables.contexts + 64 * i);
  }
  return found;
}

FM_INLINE __m512i load512(const uint8_t* p) { return _mm512_loadu_si512(p); }

FM_INLINE __m512i distance512(__m512i a, __m512i b) {
  return _mm512_or_si512(_mm512_subs_epu8(a, b), _mm512_subs_epu8(b, a));
}

// Four bytes of each lane side by side, as lane_at() says.
FM_INLINE void mix4(__m512i a, __m512i b, __m512i c, __m512i d, __m512i* out) {
  const __m512i ab0 = _mm512_unpacklo_epi8(a, b), ab1 = _mm512_unpackhi_epi8(a, b);
  const __m512i cd0 = _mm512_unpacklo_epi8(c, d), cd1 = _mm512_unpackhi_epi8(c, d);
  out[0] = _mm512_unpacklo_epi16(ab0, cd0);
  out[1] = _mm512_unpackhi_epi16(ab0, cd0);
  out[2] = _mm512_unpacklo_epi16(ab1, cd1);
  out[3] = _mm512_unpackhi_epi16(ab1, cd1);
}

// Sums of the taps of all lanes, in halves of the weights.
struct Sums {
  __m512i high[4];
  __m512i low[4];
};

FM_INLINE void add_taps(Sums& s, const Predictor& p, unsigned taps, __m512i a, __m512i b, __m512i c,
                        __m512i d) {
  __m512i mixed[4];
  mix4(a, b, c, d, mixed);
  for (unsigned j = 0; j < 4; ++j) {
    s.high[j] = _mm512_dpbusd_epi32(s.high[j], mixed[j], _mm512_loadu_si512(p.high[taps][j]));
    s.low[j] = _mm512_dpbusd_epi32(s.low[j], mixed[j], _mm512_loadu_si512(p.low[taps][j]));
  }
}

// 32-bit numbers as mix4() orders lanes → bytes in their order, saturated to 0 … 255.
FM_INLINE __m512i pack4(__m512i a, __m512i b, __m512i c, __m512i d) {
  return _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
}

struct Told {
  __m512i prediction;
  __m512i meaning;
};

template <unsigned kRow>
FM_INLINE __mmask64 row_mask() {
  return kRow == 64 ? ~uint64_t{0} : (uint64_t{1} << (kRow % 64)) - 1;
}

// The bytes around those of a step, of values or of errors.
struct Around512 {
  __m512i w, n, nw, ne;
};

template <unsigned kRow>
FM_INLINE Around512 around512(const uint8_t* row, size_t up, __m512i w) {
  return {w, load512(row - up), load512(row - up - kRow), load512(row - up + kRow)};
}

struct Guess {
  __m512i prediction;
  __m512i energy;  // not above 127
};

FM_INLINE Guess guess_plain(const PlaneTables& tables, const Around512& v, const Around512& e,
                            __m512i median, __m512i slope) {
  const __m512i beside = _mm512_avg_epu8(v.w, v.n);
  const __m512i average = _mm512_avg_epu8(
      beside, _mm512_avg_epu8(beside, _mm512_avg_epu8(v.nw, v.ne)));
  const __m512i prediction = tables.predictor == kMedian ? median
                             : tables.predictor == kMean ? average
                                                         : _mm512_avg_epu8(median, average);
  const __m512i own = _mm512_avg_epu8(e.w, e.n), across = _mm512_avg_epu8(e.nw, e.ne);
  const __m512i slow = _mm512_and_si512(_mm512_srli_epi16(slope, 2), _mm512_set1_epi8(63));
  const __m512i energy =
      _mm512_adds_epu8(_mm512_adds_epu8(own, own), _mm512_adds_epu8(across, slow));
  return {prediction, _mm512_min_epu8(energy, _mm512_set1_epi8(127))};
}

template <unsigned kRow>
FM_INLINE Guess guess_by_lane(const Plane& c, size_t t, const Around512& near, const Around512& far,
                              __m512i median, __m512i slope) {
  const uint8_t* v = c.values + t * kRow;
  const uint8_t* e = c.errors + t * kRow;
  const size_t up = c.pitch * kRow;
  const Predictor& p = *c.predictor;
  const __m512i zero = _mm512_set1_epi8(static_cast<char>(c.tables->zero));
  const __m512i none = _mm512_setzero_si512();
  Sums sums;
  for (unsigned j = 0; j < 4; ++j) {
    sums.low[j] = _mm512_loadu_si512(p.mixed_bias[j]);
    sums.high[j] = none;
  }
  uint8_t* medians = c.medians + t * kRow;
  __m512i reference_medians[3] = {none, none, none}, reference_errors[2] = {none, none};
  const auto two = [&](const uint8_t* row, __m512i sources) {
    return _mm512_permutex2var_epi8(load512(row - 2 * kRow), sources, load512(row - 4 * kRow));
  };
  for (unsigned k = 0; k < c.references; ++k) {
    const __m512i sources = load512(c.group->sources[k]);
    add_taps(sums, p, kOwnTaps / 4 + k, two(v, sources), two(v - kRow, sources),
             two(v + kRow, sources), two(v - up, sources));
    if (k < 3) reference_medians[k] = two(medians, sources);
    if (k < 2) reference_errors[k] = two(e, sources);
  }
  // From here on the byte before counts, which was decoded last.
  add_taps(sums, p, 0, near.w, near.n, near.nw, near.ne);
  add_taps(sums, p, 1, median, reference_medians[0], reference_medians[1], reference_medians[2]);
  _mm512_mask_storeu_epi8(medians, row_mask<kRow>(),
                          _mm512_mask_blend_epi8(c.active[t], zero, median));
  __m512i total[4], energy[4], mixed[4];
  const __m512i own = _mm512_avg_epu8(far.w, far.n);
  const __m512i average =
      _mm512_avg_epu8(own, _mm512_avg_epu8(own, _mm512_avg_epu8(far.nw, far.ne)));
  mix4(average, reference_errors[0], reference_errors[1], slope, mixed);
  for (unsigned j = 0; j < 4; ++j) {
    total[j] = _mm512_srai_epi32(
        _mm512_add_epi32(_mm512_slli_epi32(sums.high[j], 7), sums.low[j]), 12);
    energy[j] = _mm512_srli_epi32(
        _mm512_dpbusd_epi32(none, mixed[j], _mm512_loadu_si512(p.mixed_energy[j])), 5);
  }
  return {pack4(total[0], total[1], total[2], total[3]),
          _mm512_min_epu8(pack4(energy[0], energy[1], energy[2], energy[3]),
                          _mm512_set1_epi8(127))};
}

// The form for AVX-512 of tell_plain(). `vw` and `ew`: values and errors of the step before.
template <unsigned kRow, bool kByLane>
FM_INLINE Told tell_avx512(const Plane& c, const Lookups& look, size_t t, __m512i vw, __m512i ew) {
  const size_t up = c.pitch * kRow;
  const __m512i zero = _mm512_set1_epi8(static_cast<char>(c.tables->zero));
  const Around512 v = around512<kRow>(c.values + t * kRow, up, vw);
  const Around512 e = around512<kRow>(c.errors + t * kRow, up, ew);
  const __m512i across = _mm512_adds_epu8(distance512(v.n, v.nw), distance512(v.n, v.ne));
  const __m512i low = _mm512_min_epu8(v.w, v.n), high = _mm512_max_epu8(v.w, v.n);
  const __m512i median = _mm512_sub_epi8(
      _mm512_add_epi8(low, high), _mm512_min_epu8(_mm512_max_epu8(v.nw, low), high));
  const __m512i slope = _mm512_adds_epu8(across, distance512(v.w, v.nw));
  const Guess guess = kByLane ? guess_by_lane<kRow>(c, t, v, e, median, slope)
                              : guess_plain(*c.tables, v, e, median, slope);
  const __m512i prediction = guess.prediction, level = guess.energy;
  const __m512i most = _mm512_set1_epi8(127);
  const __m512i bin = _mm512_permutex2var_epi8(look.energy[0], level, look.energy[1]);
  const __m512i away = distance512(prediction, zero), near = _mm512_min_epu8(away, most);
  const __mmask64 w0 = _mm512_cmpeq_epi8_mask(v.w, zero), n0 = _mm512_cmpeq_epi8_mask(v.n, zero);
  const __mmask64 nw0 = _mm512_cmpeq_epi8_mask(v.nw, zero), ne0 = _mm512_cmpeq_epi8_mask(v.ne, zero);
  __m512i row = _mm512_permutex2var_epi8(look.far[0], near, look.far[1]);
  row = _mm512_mask_add_epi8(row, _mm512_cmpge_epu8_mask(away, _mm512_set1_epi8(static_cast<char>(200))),
                             row, _mm512_set1_epi8(16));
  row = _mm512_mask_blend_epi8(w0 | n0 | nw0 | ne0, row,
                               _mm512_permutex2var_epi8(look.mixed[0], near, look.mixed[1]));
  row = _mm512_mask_blend_epi8(w0 & n0 & nw0 & ne0, row,
                               _mm512_permutex2var_epi8(look.still[0], near, look.still[1]));
  const __m512i context = _mm512_add_epi8(row, bin);
  const __mmask64 upper = _mm512_movepi8_mask(context);
  const auto mean = [&](const __m512i* contexts) {
    return _mm512_mask_blend_epi8(upper,
                                  _mm512_permutex2var_epi8(contexts[0], context, contexts[1]),
                                  _mm512_permutex2var_epi8(contexts[2], context, contexts[3]));
  };
  __m512i meaning = mean(look.contexts);
  if (c.quiet != nullptr) {
    meaning = _mm512_mask_blend_epi8(c.quiet[t], meaning, mean(look.contexts + 4));
  }
  return {prediction, meaning};
}

}  // namespace crans
}  // namespace
}  // namespace fm
