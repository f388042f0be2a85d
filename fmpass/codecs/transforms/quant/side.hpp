// quant: its parameters, how elements fall into channels, and the side data of each channel.
#pragma once

#include "levels.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace quant {

constexpr Field kFields[] = {
    {"bits", FieldType::kInt, int_value(8), int_value(2), int_value(16), nullptr, 0},
    {"step", FieldType::kFloat, float_value(0.0), float_value(0.0), no_value(), nullptr, 0},
    {"zero_point", FieldType::kInt, int_value(0), int_value(-32768), int_value(65535), nullptr, 0},
    {"signed", FieldType::kBool, int_value(1), no_value(), no_value(), nullptr, 0},
    {"dead_zone", FieldType::kFloat, float_value(0.0), float_value(0.0), float_value(0.5), nullptr,
     0},
    {"axis", FieldType::kIntOrNone, no_value(), int_value(-32), int_value(31), nullptr, 0},
};

constexpr int kOnnxUint8 = 2, kOnnxInt8 = 3, kOnnxUint16 = 4, kOnnxInt16 = 5, kOnnxFloat32 = 1,
              kOnnxFloat16 = 10, kOnnxFloat64 = 11, kOnnxBFloat16 = 16;

constexpr size_t kEntryNbytes = 12;  // f64 step, i32 zero point
constexpr double kLargest = 0x1.FFFFFFFFFFFFFp1023;
constexpr double kLeastStep = 0x1p-1000;  // below it quotients would leave the normal doubles

int64_t bits_of(const Params& p) { return p.values[0].i; }
double step_of(const Params& p) { return p.values[1].f; }
int64_t zero_point_of(const Params& p) { return p.values[2].i; }
bool is_signed(const Params& p) { return p.values[3].i != 0; }
double dead_zone_of(const Params& p) { return p.values[4].f; }
const Value& axis_of(const Params& p) { return p.values[5]; }
bool wide(const Params& p) { return bits_of(p) > 8; }

bool exact(const Params& p, const DType& type) {
  return type.kind != Kind::kFloat && bits_of(p) == type.bits && step_of(p) == 1.0 &&
         dead_zone_of(p) == 0.0 && axis_of(p).none;
}

// How elements fall into channels: `outer` × `channels` × `inner`.
struct Layout {
  size_t outer, channels, inner;
};

Layout layout_of(const Params& p, const Shape& shape) {
  const Value& axis = axis_of(p);
  if (axis.none || step_of(p) != 0.0) return {1, 1, shape.elements};
  const int at = static_cast<int>(axis.i < 0 ? axis.i + shape.rank : axis.i);
  Layout layout = {1, static_cast<size_t>(shape.dims[at]), 1};
  for (int i = 0; i < at; ++i) layout.outer *= static_cast<size_t>(shape.dims[i]);
  for (int i = at + 1; i < shape.rank; ++i) layout.inner *= static_cast<size_t>(shape.dims[i]);
  return layout;
}

size_t side_nbytes(const Params& p, const DType&, const Shape& shape) {
  return step_of(p) != 0.0 ? 0 : kEntryNbytes * layout_of(p, shape).channels;
}

// Step and zero point that just cover low … high, where low ≤ 0 ≤ high.
void write_entry(const Params& p, double low, double high, uint8_t* entry) {
  const double top = static_cast<double>((int64_t{1} << bits_of(p)) - 1);
  const double levels =
      is_signed(p) ? static_cast<double>((int64_t{1} << (bits_of(p) - 1)) - 1) : top - 1.0;
  double step;
  if (is_signed(p)) {
    step = (-low > high ? -low : high) / levels;
  } else {
    step = (high - low) / levels;
    if (step > kLargest) step = high / levels - low / levels;
  }
  int32_t zero_point = 0;
  if (step < kLeastStep) {
    step = 1.0;
  } else if (!is_signed(p)) {
    const double level = -low / step + 0.5;  // ≥ 0
    zero_point = static_cast<int32_t>(level < top ? level : top);
  }
  store(entry, step);
  store(entry + sizeof step, zero_point);
}

Refusal check_side(const Params& p, const DType& type, const Shape& shape, const uint8_t* side) {
  const size_t nbytes = side_nbytes(p, type, shape);
  const int32_t most = is_signed(p) ? 0 : static_cast<int32_t>((1 << bits_of(p)) - 1);
  for (size_t at = 0; at < nbytes; at += kEntryNbytes) {
    const double step = load<double>(side + at);
    const int32_t zero_point = load<int32_t>(side + at + sizeof step);
    if (!(step > 0.0 && step <= kLargest)) return "a step is not a positive number";
    if (zero_point < 0 || zero_point > most) return "a zero point is out of range";
  }
  return nullptr;
}

void fill_constants(const Params& p, const DType& type, Scales& scales) {
  scales.rounding = 0.5 - dead_zone_of(p);
  scales.origin = type.kind == Kind::kFloat ? 0 : static_cast<int32_t>(zero_point_of(p));
}

// The scale of one channel into place `at`.
void fill_scale(const Params& p, const DType& type, const uint8_t* entry, Scales& scales,
                size_t at) {
  const bool is_float = type.kind == Kind::kFloat;
  if (step_of(p) != 0.0) {
    scales.step[at] = step_of(p);
    scales.zero_point[at] = is_float && !is_signed(p) ? static_cast<int32_t>(zero_point_of(p)) : 0;
  } else {
    scales.step[at] = load<double>(entry);
    scales.zero_point[at] = load<int32_t>(entry + sizeof(double));
  }
  const int32_t half = static_cast<int32_t>((1 << (bits_of(p) - 1)) - 1);
  scales.low[at] = is_signed(p) ? -half : -scales.zero_point[at];
  scales.high[at] = is_signed(p) ? half : 2 * half + 1 - scales.zero_point[at];
}

template <class E>
void gather_channels(const Params& p, const Layout& layout, const uint8_t* data, uint8_t* side) {
  using Key = typename E::Key;
  const size_t nbytes = sizeof(typename E::Raw);
  const Key start = E::kFloat ? Key{0} : static_cast<Key>(zero_point_of(p));
  const double origin = E::kFloat ? 0.0 : static_cast<double>(zero_point_of(p));
  for (size_t first = 0; first < layout.channels; first += kTile) {
    const size_t left = layout.channels - first, tile = left < kTile ? left : kTile;
    Key low[kTile], high[kTile];
    for (size_t c = 0; c < tile; ++c) low[c] = high[c] = start;
    for (size_t o = 0; o < layout.outer; ++o) {
      const uint8_t* from = data + (o * layout.channels + first) * layout.inner * nbytes;
      if (layout.inner == 1) {
        widen_each<E>(from, tile, low, high);
        continue;
      }
      for (size_t c = 0; c < tile; ++c, from += layout.inner * nbytes) {
        widen<E>(from, layout.inner, low[c], high[c]);
      }
    }
    for (size_t c = 0; c < tile; ++c) {
      write_entry(p, E::of_key(low[c]) - origin, E::of_key(high[c]) - origin,
                  side + (first + c) * kEntryNbytes);
    }
  }
}

}  // namespace quant
}  // namespace
}  // namespace fm
