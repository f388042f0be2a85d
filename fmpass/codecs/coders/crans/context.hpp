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
  const Predictor* predictor;
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
          &predictor_of(opened, own, plane),
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
FM_INLINE uint8_t bin_of(const uint8_t (&steps)[kSteps], uint8_t value) {
  uint8_t bin = 0;
  for (const uint8_t step : steps) bin = static_cast<uint8_t>(bin + (value >= step ? 1 : 0));
  return bin;
}

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

// Fills `prediction` and `meaning` of a row of lanes, and remembers the medians of those that are
// active. Plain loops over lanes, for compilers to vectorise.
template <unsigned kRow>
void tell_plain(const Plane& c, size_t t, uint8_t* prediction, uint8_t* meaning) {
  const uint8_t* v = c.values + t * kRow;
  const uint8_t* e = c.errors + t * kRow;
  const size_t up = c.pitch * kRow;
  const uint8_t *vw = v - kRow, *vn = v - up, *vnw = vn - kRow, *vne = vn + kRow;
  const uint8_t *ew = e - kRow, *en = e - up, *enw = en - kRow, *ene = en + kRow;
  const Predictor& p = *c.predictor;
  const uint8_t zero = c.tables->zero;
  const uint64_t active = c.active[t];
  alignas(64) uint8_t median[kRow], tap[kRow];
  alignas(64) int32_t total[kRow], energy[kRow];
  for (unsigned l = 0; l < kRow; ++l) {
    const uint8_t low = vw[l] < vn[l] ? vw[l] : vn[l], high = vw[l] < vn[l] ? vn[l] : vw[l];
    const uint8_t middle = vnw[l] < low ? low : vnw[l] > high ? high : vnw[l];
    median[l] = static_cast<uint8_t>(low + high - middle);
  }
  for (unsigned l = 0; l < kRow; ++l) {
    total[l] = p.bias[l] + p.weights[0][l] * vw[l] + p.weights[1][l] * vn[l] +
               p.weights[2][l] * vnw[l] + p.weights[3][l] * vne[l] + p.weights[4][l] * median[l];
    energy[l] = p.energy[0][l] * (ew[l] + en[l]) + (p.energy[0][l] >> 1) * (enw[l] + ene[l]);
    const int across = distance(vn[l], vnw[l]) + distance(vn[l], vne[l]);
    energy[l] += p.energy[3][l] * (distance(vw[l], vnw[l]) + (across > 255 ? 255 : across));
  }
  uint8_t* stored = c.medians + t * kRow;
  for (unsigned l = 0; l < kRow; ++l) stored[l] = (active >> l & 1) != 0 ? median[l] : zero;
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
    if (k < 3) add(stored, p.weights[5 + k]);
    if (k < 2) {
      gather_lanes<kRow>(e - 2 * kRow, e - 4 * kRow, sources, tap);
      for (unsigned l = 0; l < kRow; ++l) energy[l] += p.energy[1 + k][l] * tap[l];
    }
  }
  alignas(64) uint8_t row[kRow], bin[kRow];
  for (unsigned l = 0; l < kRow; ++l) {
    const int rounded = total[l] >> 12, level = energy[l] >> 6;
    prediction[l] = static_cast<uint8_t>(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
    bin[l] = static_cast<uint8_t>(level > 127 ? 127 : level);
  }
  for (unsigned l = 0; l < kRow; ++l) bin[l] = bin_of(kEnergySteps, bin[l]);
  for (unsigned l = 0; l < kRow; ++l) {
    const uint8_t away = distance(prediction[l], zero);
    const unsigned zeros = (vw[l] == zero ? 1u : 0u) + (vn[l] == zero ? 1u : 0u) +
                           (vnw[l] == zero ? 1u : 0u) + (vne[l] == zero ? 1u : 0u);
    const uint8_t far = bin_of(kFarSteps, away);
    const uint8_t mixed = static_cast<uint8_t>(kMixedRow + bin_of(kMixedSteps, away));
    const uint8_t still = static_cast<uint8_t>(kQuietRow + bin_of(kQuietSteps, away));
    row[l] = zeros == 0 ? far : zeros < 4 ? mixed : still;
  }
  const uint64_t quiet = c.quiet != nullptr ? c.quiet[t] : 0;
  for (unsigned l = 0; l < kRow; ++l) {
    const size_t context = 16u * row[l] + bin[l] + kContexts * (quiet >> l & 1);
    meaning[l] = c.tables->contexts[context];
  }
}

}  // namespace crans
}  // namespace
}  // namespace fm
