// What is known before a byte of each lane: its prediction and what its context means.
#pragma once

#include "layout.hpp"

namespace fm {
namespace {
namespace crans {

constexpr uint8_t kEnergySteps[] = {1, 2, 3, 4, 5, 7, 9, 12, 16, 22, 30, 40, 54, 72, 100};
constexpr uint8_t kFarSteps[] = {2, 6, 11, 20, 36, 85, 200};
constexpr uint8_t kMixedSteps[] = {1, 3, 8, 24};
constexpr uint8_t kQuietSteps[] = {1, 3};
constexpr unsigned kMixedRow = 8;
constexpr unsigned kQuietRow = 13;

// One plane of one group while it is coded step by step.
struct Plane {
  uint8_t* values;  // at step 0; rows of `row` bytes, a border of zeros before
  uint8_t* medians;
  uint8_t* errors;
  const uint64_t* active;
  const uint64_t* quiet;  // null in the first plane
  const PlaneTables* tables;
  const Predictor* predictor;  // null in a plain model
  const Group* group;
  size_t pitch;
  unsigned references;
};

Plane plane_of(const Workspace& w, const Geometry& g, const uint8_t* opened, size_t group,
               unsigned plane) {
  const size_t own = head_of(opened).channels == 0 ? 0 : group;
  return {w.values,
          w.medians,
          w.errors,
          w.active,
          plane == 0 ? nullptr : w.quiet,
          &tables_of(opened, plane),
          head_of(opened).channels == 0 ? nullptr : &predictor_of(opened, own, plane),
          &group_of(opened, own),
          g.pitch,
          head_of(opened).references};
}

// The border before the first step.
void clear_border(const Workspace& w, uint8_t zero) {
  const size_t nbytes = w.border * w.row;
  memset(w.values - nbytes, zero, nbytes);
  memset(w.medians - nbytes, zero, nbytes);
  memset(w.errors - nbytes, 0, nbytes);
}

template <size_t kSteps>
constexpr uint8_t bin_of(const uint8_t (&steps)[kSteps], uint8_t value) {
  uint8_t bin = 0;
  for (const uint8_t step : steps) bin = static_cast<uint8_t>(bin + (value >= step ? 1 : 0));
  return bin;
}

// The same as tables: rows, times 16, where none, some or all neighbours are zero.
struct Bins {
  uint8_t energy[128];
  uint8_t rows[3][256];
};

constexpr Bins make_bins() {
  Bins found{};
  for (unsigned i = 0; i < 256; ++i) {
    const uint8_t value = static_cast<uint8_t>(i);
    if (i < 128) found.energy[i] = bin_of(kEnergySteps, value);
    found.rows[0][i] = static_cast<uint8_t>(16 * bin_of(kFarSteps, value));
    found.rows[1][i] = static_cast<uint8_t>(16 * (kMixedRow + bin_of(kMixedSteps, value)));
    found.rows[2][i] = static_cast<uint8_t>(16 * (kQuietRow + bin_of(kQuietSteps, value)));
  }
  return found;
}

constexpr Bins kBins = make_bins();

// Bytes of one row of a reference: one or two levels above, by lane.
template <unsigned kRow>
FM_INLINE void gather_lanes(const uint8_t* one, const uint8_t* two, const uint8_t* sources,
                            uint8_t* to) {
  for (unsigned lane = 0; lane < kRow; ++lane) {
    const uint8_t source = sources[lane];
    to[lane] = (source < kGroup ? one : two)[source % kGroup];
  }
}

FM_INLINE uint8_t distance(uint8_t a, uint8_t b) { return static_cast<uint8_t>(a > b ? a - b : b - a); }

FM_INLINE uint8_t mean(uint8_t a, uint8_t b) { return static_cast<uint8_t>((a + b + 1) >> 1); }

FM_INLINE uint8_t sum_most(uint8_t a, uint8_t b) {
  const unsigned sum = unsigned{a} + b;
  return static_cast<uint8_t>(sum > 255 ? 255 : sum);
}

// The bytes around those of one step.
struct Around {
  const uint8_t *w, *n, *nw, *ne;
};

template <unsigned kRow>
FM_INLINE Around around(const uint8_t* row, size_t up) {
  return {row - kRow, row - up, row - up - kRow, row - up + kRow};
}

// Predictions and energies by weights of each lane. `energy` holds their own part, `slope` that of
// gradients.
template <unsigned kRow>
void weigh_lanes(const Plane& c, size_t t, const uint8_t* median, const uint8_t* slope,
                 uint8_t* prediction, uint8_t* energy) {
  const uint8_t* v = c.values + t * kRow;
  const uint8_t* e = c.errors + t * kRow;
  const size_t up = c.pitch * kRow;
  const Around near = around<kRow>(v, up);
  const Predictor& p = *c.predictor;
  alignas(64) uint8_t tap[kRow];
  alignas(64) int32_t total[kRow], weighed[kRow];
  for (unsigned l = 0; l < kRow; ++l) {
    total[l] = p.bias[l] + p.weights[0][l] * near.w[l] + p.weights[1][l] * near.n[l] +
               p.weights[2][l] * near.nw[l] + p.weights[3][l] * near.ne[l] +
               p.weights[4][l] * median[l];
    weighed[l] = p.energy[0][l] * energy[l] + p.energy[3][l] * slope[l];
  }
  const uint8_t* medians = c.medians + t * kRow;
  for (unsigned k = 0; k < c.references; ++k) {
    const uint8_t* sources = c.group->sources[k];
    const auto add = [&](const uint8_t* row, const int16_t* weights) {
      gather_lanes<kRow>(row - 2 * kRow, row - 4 * kRow, sources, tap);
      for (unsigned l = 0; l < kRow; ++l) total[l] += weights[l] * tap[l];
    };
    const int16_t(*weights)[kGroup] = p.weights + kOwnTaps + 4 * k;
    add(v, weights[0]);
    add(v - kRow, weights[1]);
    add(v + kRow, weights[2]);
    add(v - up, weights[3]);
    if (k < 3) add(medians, p.weights[5 + k]);
    if (k < 2) {
      gather_lanes<kRow>(e - 2 * kRow, e - 4 * kRow, sources, tap);
      for (unsigned l = 0; l < kRow; ++l) weighed[l] += p.energy[1 + k][l] * tap[l];
    }
  }
  for (unsigned l = 0; l < kRow; ++l) {
    const int rounded = total[l] >> 12, level = weighed[l] >> 5;
    prediction[l] = static_cast<uint8_t>(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
    energy[l] = static_cast<uint8_t>(level > 127 ? 127 : level);
  }
}

// Fills `prediction` and `meaning` of a row of lanes, and remembers the medians of those that are
// active. Plain loops over lanes, for compilers to vectorise.
template <unsigned kRow>
void tell_plain(const Plane& c, size_t t, uint8_t* FM_RESTRICT prediction,
                uint8_t* FM_RESTRICT meaning) {
  const size_t up = c.pitch * kRow;
  const Around v = around<kRow>(c.values + t * kRow, up);
  const Around e = around<kRow>(c.errors + t * kRow, up);
  const uint8_t zero = c.tables->zero;
  alignas(64) uint8_t median[kRow], energy[kRow], slope[kRow];
  for (unsigned l = 0; l < kRow; ++l) {
    const uint8_t low = v.w[l] < v.n[l] ? v.w[l] : v.n[l], high = v.w[l] < v.n[l] ? v.n[l] : v.w[l];
    const uint8_t above = v.nw[l] < low ? low : v.nw[l];
    median[l] = static_cast<uint8_t>(low + high - (above > high ? high : above));
    const uint8_t across = sum_most(distance(v.n[l], v.nw[l]), distance(v.n[l], v.ne[l]));
    slope[l] = sum_most(across, distance(v.w[l], v.nw[l]));
  }
  if (c.predictor == nullptr) {
    const bool by_median = c.tables->predictor != kMean, by_mean = c.tables->predictor != kMedian;
    for (unsigned l = 0; l < kRow; ++l) {
      const uint8_t beside = mean(v.w[l], v.n[l]);
      const uint8_t average = mean(beside, mean(beside, mean(v.nw[l], v.ne[l])));
      const uint8_t both = mean(median[l], average);
      prediction[l] = by_median && by_mean ? both : by_mean ? average : median[l];
    }
    for (unsigned l = 0; l < kRow; ++l) {
      const uint8_t beside = mean(e.w[l], e.n[l]), across = mean(e.nw[l], e.ne[l]);
      const uint8_t slow = static_cast<uint8_t>(slope[l] >> 2);
      energy[l] = sum_most(sum_most(beside, beside), sum_most(across, slow));
    }
  } else {
    const uint64_t active = c.active[t];
    uint8_t* stored = c.medians + t * kRow;
    for (unsigned l = 0; l < kRow; ++l) {
      stored[l] = (active >> l & 1) != 0 ? median[l] : zero;
      const uint8_t beside = mean(e.w[l], e.n[l]);
      energy[l] = mean(beside, mean(beside, mean(e.nw[l], e.ne[l])));
    }
    weigh_lanes<kRow>(c, t, median, slope, prediction, energy);
  }
  alignas(64) uint8_t away[kRow], kind[kRow];
  for (unsigned l = 0; l < kRow; ++l) {
    away[l] = distance(prediction[l], zero);
    energy[l] = energy[l] > 127 ? uint8_t{127} : energy[l];
  }
  for (unsigned l = 0; l < kRow; ++l) {
    const bool w = v.w[l] == zero, n = v.n[l] == zero, nw = v.nw[l] == zero, ne = v.ne[l] == zero;
    kind[l] = static_cast<uint8_t>((w | n | nw | ne ? 1 : 0) + (w & n & nw & ne ? 1 : 0));
  }
  const uint8_t* contexts = c.tables->contexts;
  const uint64_t quiet = c.quiet != nullptr ? c.quiet[t] : 0;
  for (unsigned l = 0; l < kRow; ++l) {
    const size_t row = kBins.rows[kind[l]][away[l]], above = quiet >> l & 1;
    meaning[l] = contexts[row + kBins.energy[energy[l]] + kContexts * above];
  }
}

}  // namespace crans
}  // namespace
}  // namespace fm
