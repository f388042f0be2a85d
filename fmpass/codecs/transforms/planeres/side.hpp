// planeres: fields, planes of a tensor, and the references in its side data. See FORMAT.md.
#pragma once

#include "grid.hpp"
#include "simd/memory.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace planeres {

constexpr int64_t kAxes[] = {-3, -2, -1};
constexpr Field kFields[] = {
    {"window", FieldType::kInt, int_value(8), int_value(1), int_value(63), nullptr, 0},
    {"fits", FieldType::kInt, int_value(2), int_value(0), int_value(4), nullptr, 0},
    {"axis", FieldType::kInt, int_value(-3), no_value(), no_value(), kAxes, 3}};

constexpr unsigned kMostReach = 63;
constexpr size_t kLeastPlane = 8;

FM_INLINE unsigned fits_of(const Params& p) { return static_cast<unsigned>(p.values[1].i); }

// Planes of `words` words; `reach`: how far back a reference can lie, 0 where there are none.
struct Planes {
  MapView view;
  size_t words;
  unsigned reach;
  unsigned bits;  // of a reference
  bool whole;     // the words of a plane follow each other
};

Planes planes_of(const Params& p, const Shape& shape) {
  const int axis = static_cast<int>(p.values[2].i);
  Planes planes = {view_of(shape.dims, shape.rank, shape.elements, axis), 0, 0, 0, false};
  const MapView& view = planes.view;
  planes.words = view.rows * view.columns;
  planes.whole = view.column_stride == 1 && (view.rows == 1 || view.row_stride == view.columns);
  if (view.maps == 0 || view.channels < 2 || planes.words < kLeastPlane) return planes;
  const size_t window = static_cast<size_t>(p.values[0].i), others = view.channels - 1;
  planes.reach = static_cast<unsigned>(window < others ? window : others);
  planes.bits = 64 - leading_zeros(planes.reach);
  return planes;
}

FM_INLINE size_t reference_count(const Planes& planes) {
  return planes.reach > 0 ? planes.view.maps * planes.view.channels : 0;
}

size_t side_nbytes(const Params& p, const DType&, const Shape& shape) {
  const Planes planes = planes_of(p, shape);
  return (reference_count(planes) * planes.bits + 7) / 8;
}

// A reference has at most 6 bits, so it lies in two bytes; the second is there where it reaches it.
FM_INLINE unsigned get_reference(const uint8_t* side, unsigned bits, size_t plane) {
  const size_t at = plane * bits, shift = at % 8;
  unsigned two = side[at / 8];
  if (shift + bits > 8) two |= static_cast<unsigned>(side[at / 8 + 1]) << 8;
  return two >> shift & ((1u << bits) - 1);
}

FM_INLINE void set_reference(uint8_t* side, unsigned bits, size_t plane, unsigned reference) {
  const size_t at = plane * bits, shift = at % 8;
  const unsigned hole = ((1u << bits) - 1) << shift, put = reference << shift;
  side[at / 8] = static_cast<uint8_t>((side[at / 8] & ~hole) | put);
  if (shift + bits > 8) {
    side[at / 8 + 1] = static_cast<uint8_t>((side[at / 8 + 1] & ~(hole >> 8)) | put >> 8);
  }
}

Refusal check_side(const Params& p, const DType&, const Shape& shape, const uint8_t* side) {
  const Planes planes = planes_of(p, shape);
  const size_t count = reference_count(planes), rest = count * planes.bits % 8;
  if (rest != 0 && side[count * planes.bits / 8] >> rest != 0) return "padding bits are not zero";
  for (size_t plane = 0; plane < count; ++plane) {
    const size_t channel = plane % planes.view.channels;
    const size_t most = channel < planes.reach ? channel : planes.reach;
    if (get_reference(side, planes.bits, plane) > most) {
      return "a plane refers to one that it cannot";
    }
  }
  return nullptr;
}

}  // namespace planeres
}  // namespace
}  // namespace fm
