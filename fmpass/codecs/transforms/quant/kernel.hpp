// quant: uniform quantisation with a dead zone, zero kept exactly. See FORMAT.md.
#pragma once

#include "side.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace quant {

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

using Run = void (*)(const Scales&, size_t, const uint8_t*, size_t, uint8_t*);

// `kEach`: neighbours are of different channels.
template <class E, bool kEach>
Run choose(const Params& p, bool forward) {
  if (forward) {  // the sign is in the bits alone
    return wide(p) ? &to_levels<E, uint16_t, kEach> : &to_levels<E, uint8_t, kEach>;
  }
  if (is_signed(p)) {
    return wide(p) ? &from_levels<E, int16_t, kEach> : &from_levels<E, int8_t, kEach>;
  }
  return wide(p) ? &from_levels<E, uint16_t, kEach> : &from_levels<E, uint8_t, kEach>;
}

// A run of elements: `from` and `to` point at the first one, which is element `begin`.
struct Span {
  const uint8_t* from;
  size_t from_nbytes;
  uint8_t* to;
  size_t to_nbytes;
  size_t begin, count;
};

// Stretches of one channel, one after the other.
void over_stretches(const Params& p, const DType& type, const Layout& layout, const uint8_t* side,
                    Run run, const Span& span) {
  Scales scales;
  fill_constants(p, type, scales);
  for (size_t done = 0; done < span.count;) {
    const size_t at = span.begin + done, left = layout.inner - at % layout.inner;
    const size_t n = left < span.count - done ? left : span.count - done;
    const size_t channel = at / layout.inner % layout.channels;
    fill_scale(p, type, side + channel * kEntryNbytes, scales, 0);
    run(scales, 0, span.from + done * span.from_nbytes, n, span.to + done * span.to_nbytes);
    done += n;
  }
}

// Channels are the last axis: a tile of them at a time, row by row.
void over_rows(const Params& p, const DType& type, const Layout& layout, const uint8_t* side,
               Run run, const Span& span) {
  Scales scales;
  fill_constants(p, type, scales);
  const size_t end = span.begin + span.count, rows_from = span.begin / layout.channels;
  for (size_t first = 0; first < layout.channels; first += kTile) {
    const size_t rest = layout.channels - first, tile = rest < kTile ? rest : kTile;
    for (size_t c = 0; c < tile; ++c) {
      fill_scale(p, type, side + (first + c) * kEntryNbytes, scales, c);
    }
    for (size_t row = rows_from; row * layout.channels < end; ++row) {
      const size_t place = row * layout.channels + first;
      const size_t from = place > span.begin ? place : span.begin;
      const size_t to = place + tile < end ? place + tile : end;
      if (from >= to) continue;
      const size_t done = from - span.begin;
      run(scales, from - place, span.from + done * span.from_nbytes, to - from,
          span.to + done * span.to_nbytes);
    }
  }
}

void over_runs(const Params& p, const DType& type, const Shape& shape, const uint8_t* side,
               const uint8_t* from, size_t begin, size_t count, uint8_t* to, bool forward) {
  if (exact(p, type)) {
    const int64_t by = forward ? -zero_point_of(p) : zero_point_of(p);
    (type.bits == 8 ? &shift_words<uint8_t> : &shift_words<uint16_t>)(by, from, count, to);
    return;
  }
  const Layout layout = layout_of(p, shape);
  const bool each = layout.inner == 1 && layout.channels > 1;
  Run run;
#define FM_CALL(E) run = each ? choose<E, true>(p, forward) : choose<E, false>(p, forward)
  FM_BY_ELEMENT(type, FM_CALL)
#undef FM_CALL
  const size_t integer = wide(p) ? 2 : 1, element = type.bits / 8u;
  const Span span = {from, forward ? element : integer, to, forward ? integer : element, begin,
                     count};
  (each ? over_rows : over_stretches)(p, type, layout, side, run, span);
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
constexpr Stage kStage = {"quant", 64, kFields, 6, nullptr, &kTransform, nullptr};

}  // namespace quant
}  // namespace
}  // namespace fm
