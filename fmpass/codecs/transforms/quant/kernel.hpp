// quant: uniform quantisation with a dead zone, zero kept exactly. See FORMAT.md.
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

Refusal rejects(const Params& p, const DType& type, int rank) {
  const int64_t zero_point = zero_point_of(p), one = 1;
  switch (type.onnx) {
    case kOnnxInt8:
    case kOnnxUint8:
    case kOnnxInt16:
    case kOnnxUint16: {
      const int64_t lowest = type.kind == Kind::kInt ? -(one << (type.bits - 1)) : 0;
      if (zero_point < lowest || zero_point >= lowest + (one << type.bits)) {
        return "zero_point is not a value of the element type";
      }
      break;
    }
    case kOnnxFloat16:
    case kOnnxBFloat16:
    case kOnnxFloat32:
    case kOnnxFloat64:
      if (zero_point != 0 && (is_signed(p) || step_of(p) == 0.0)) {
        return "zero_point of floats needs signed=false and a given step";
      }
      if (zero_point < 0 || zero_point >= one << bits_of(p)) {
        return "zero_point is not a level";
      }
      break;
    default:
      return "it takes float16, bfloat16, float32, float64 and 8- and 16-bit integers";
  }
  const Value& axis = axis_of(p);
  if (!axis.none && rank >= 0 && (axis.i < -rank || axis.i >= rank)) {
    return "axis is out of range for the rank";
  }
  return nullptr;
}

int output_dtype(const Params& p, const DType&) {
  if (wide(p)) return is_signed(p) ? kOnnxInt16 : kOnnxUint16;
  return is_signed(p) ? kOnnxInt8 : kOnnxUint8;
}

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

template <class E>
void gather_channels(const Params& p, const Layout& layout, const uint8_t* data, uint8_t* side) {
  using Key = typename E::Key;
  constexpr size_t kTile = 64;  // channels at once, so that memory is read in order
  const size_t nbytes = sizeof(typename E::Raw);
  const Key start = E::kFloat ? Key{0} : static_cast<Key>(zero_point_of(p));
  const double origin = E::kFloat ? 0.0 : static_cast<double>(zero_point_of(p));
  for (size_t first = 0; first < layout.channels; first += kTile) {
    const size_t left = layout.channels - first, tile = left < kTile ? left : kTile;
    Key low[kTile], high[kTile];
    for (size_t c = 0; c < tile; ++c) low[c] = high[c] = start;
    for (size_t o = 0; o < layout.outer; ++o) {
      const uint8_t* from = data + (o * layout.channels + first) * layout.inner * nbytes;
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

// The function `call`<element type> for `type`, which rejects() has let pass.
#define FM_BY_ELEMENT(type, call) \
  switch ((type).onnx) {          \
    case kOnnxFloat16:            \
      call(Float16);              \
      break;                      \
    case kOnnxBFloat16:           \
      call(BFloat16);             \
      break;                      \
    case kOnnxFloat32:            \
      call(Float32);              \
      break;                      \
    case kOnnxFloat64:            \
      call(Float64);              \
      break;                      \
    case kOnnxInt8:               \
      call(Int8);                 \
      break;                      \
    case kOnnxUint8:              \
      call(UInt8);                \
      break;                      \
    case kOnnxInt16:              \
      call(Int16);                \
      break;                      \
    default:                      \
      call(UInt16);               \
      break;                      \
  }

void gather(const Params& p, const DType& type, const Shape& shape, const uint8_t* data,
            uint8_t* side) {
  if (step_of(p) != 0.0) return;
  const Layout layout = layout_of(p, shape);
#define FM_CALL(E) gather_channels<E>(p, layout, data, side)
  FM_BY_ELEMENT(type, FM_CALL)
#undef FM_CALL
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

Scale scale_of(const Params& p, const DType& type, const uint8_t* entry) {
  Scale scale{};
  scale.rounding = 0.5 - dead_zone_of(p);
  const bool is_float = type.kind == Kind::kFloat;
  if (step_of(p) != 0.0) {
    scale.step = step_of(p);
    scale.zero_point = is_float && !is_signed(p) ? static_cast<int32_t>(zero_point_of(p)) : 0;
  } else {
    scale.step = load<double>(entry);
    scale.zero_point = load<int32_t>(entry + sizeof scale.step);
  }
  scale.origin = is_float ? 0 : static_cast<int32_t>(zero_point_of(p));
  if (is_signed(p)) {
    scale.high = static_cast<int32_t>((1 << (bits_of(p) - 1)) - 1);
    scale.low = -scale.high;
  } else {
    scale.low = -scale.zero_point;
    scale.high = static_cast<int32_t>((1 << bits_of(p)) - 1) - scale.zero_point;
  }
  return scale;
}

using Run = void (*)(const Scale&, const uint8_t*, size_t, uint8_t*);

template <class E>
Run choose(const Params& p, bool forward) {
  if (forward) {
    return wide(p) ? &to_levels<E, uint16_t> : &to_levels<E, uint8_t>;  // sign is in the bits alone
  }
  if (is_signed(p)) return wide(p) ? &from_levels<E, int16_t> : &from_levels<E, int8_t>;
  return wide(p) ? &from_levels<E, uint16_t> : &from_levels<E, uint8_t>;
}

// Calls the loop for each run of elements of one channel.
void over_runs(const Params& p, const DType& type, const Shape& shape, const uint8_t* side,
               const uint8_t* from, size_t begin, size_t count, uint8_t* to, bool forward) {
  const size_t integer_nbytes = wide(p) ? 2 : 1, element_nbytes = type.bits / 8u;
  const size_t from_nbytes = forward ? element_nbytes : integer_nbytes;
  const size_t to_nbytes = forward ? integer_nbytes : element_nbytes;
  if (exact(p, type)) {
    const int64_t by = forward ? -zero_point_of(p) : zero_point_of(p);
    const bool bytes = type.bits == 8;
    (bytes ? &shift_words<uint8_t> : &shift_words<uint16_t>)(by, from, count, to);
    return;
  }
  Run run;
#define FM_CALL(E) run = choose<E>(p, forward)
  FM_BY_ELEMENT(type, FM_CALL)
#undef FM_CALL
  const Layout layout = layout_of(p, shape);
  while (count > 0) {
    const size_t channel = begin / layout.inner % layout.channels;
    const size_t left = layout.inner - begin % layout.inner, n = left < count ? left : count;
    run(scale_of(p, type, side + channel * kEntryNbytes), from, n, to);
    begin += n;
    count -= n;
    from += n * from_nbytes;
    to += n * to_nbytes;
  }
}

void forward(const Params& p, const DType& type, const Shape& shape, const uint8_t* side,
             const uint8_t* data, size_t begin, size_t count, uint8_t* integers) {
  over_runs(p, type, shape, side, data, begin, count, integers, true);
}

void inverse(const Params& p, const DType& type, const Shape& shape, const uint8_t* side,
             const uint8_t* integers, size_t begin, size_t count, uint8_t* data) {
  over_runs(p, type, shape, side, integers, begin, count, data, false);
}

constexpr Transform kTransform = {rejects,    output_dtype, side_nbytes, gather,
                                  check_side, true,         forward,     inverse};
constexpr Stage kStage = {"quant", 64, kFields, 6, nullptr, &kTransform};

}  // namespace quant
}  // namespace
}  // namespace fm
