// planeres: channel planes as differences to earlier ones, where that is shorter. See FORMAT.md.
#pragma once

#include "search.hpp"
#include "side.hpp"
#include "simd/words.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace planeres {

constexpr int kOnnxInt8 = 3, kOnnxInt16 = 5, kOnnxInt32 = 6, kOnnxInt64 = 7;

Refusal rejects(const Params&, const DType& type, int) {
  const bool whole = (type.kind == Kind::kInt || type.kind == Kind::kUint) && type.bits >= 8;
  return whole ? nullptr : "it takes integers of 8, 16, 32 and 64 bits; quantise first";
}

int output_dtype(const Params&, const DType& type) {
  switch (type.bits) {
    case 8:
      return kOnnxInt8;
    case 16:
      return kOnnxInt16;
    case 32:
      return kOnnxInt32;
    default:
      return kOnnxInt64;
  }
}

void gather(const Params& p, const DType& type, const Shape& shape, const uint8_t* data,
            uint8_t* side) {
  const Planes planes = planes_of(p, shape);
  if (planes.reach > 0) FM_BY_WIDTH(type, choose, planes, fits_of(p), data, side);
}

// What is taken off, or put back: `from` may be `to`.
template <class T, bool kForward>
FM_INLINE T changed(T word, T reference) {
  return static_cast<T>(kForward ? word - reference : word + reference);
}

// A plane, row by row. `source` is the tensor itself: the input of forward, the output of inverse.
template <class T, bool kForward>
void change_plane(const MapView& view, size_t rows, size_t columns, size_t back,
                  const uint8_t* FM_RESTRICT from, const uint8_t* source, uint8_t* to) {
  for (size_t y = 0; y < rows; ++y) {
    const size_t at = y * view.row_stride * sizeof(T), nbytes = columns * sizeof(T);
    if (back == 0) {
      memcpy(to + at, from + at, nbytes);
      continue;
    }
    const uint8_t* FM_RESTRICT reference = source + at - back * view.channel_stride * sizeof(T);
    uint8_t* FM_RESTRICT out = to + at;  // a plane away from its reference
    for (size_t x = 0; x < nbytes; x += sizeof(T)) {
      store(out + x, changed<T, kForward>(load<T>(from + at + x), load<T>(reference + x)));
    }
  }
}

// Planes whose words lie between each other's: as many channels as there is room for, word by word.
template <class T, bool kForward>
void change_mixed(const Planes& planes, const uint8_t* side, size_t plane, const uint8_t* from,
                  const uint8_t* source, uint8_t* to) {
  constexpr size_t kTile = 1024;
  uint8_t back[kTile];
  const MapView& view = planes.view;
  for (size_t first = 0; first < view.channels; first += kTile) {
    const size_t left = view.channels - first, tile = left < kTile ? left : kTile;
    for (size_t c = 0; c < tile; ++c) {
      back[c] = static_cast<uint8_t>(get_reference(side, planes.bits, plane + first + c));
    }
    for (size_t word = 0; word < planes.words; ++word) {  // rows and columns in one go
      size_t at = (word * view.channels + first) * sizeof(T);
      for (size_t c = 0; c < tile; ++c, at += sizeof(T)) {
        const T reference = back[c] == 0 ? T{0} : load<T>(source + at - back[c] * sizeof(T));
        store(to + at, changed<T, kForward>(load<T>(from + at), reference));
      }
    }
  }
}

template <class T, bool kForward>
void change(const Planes& planes, const uint8_t* side, const uint8_t* from, const uint8_t* source,
            uint8_t* to) {
  const MapView& view = planes.view;
  const size_t rows = planes.whole ? 1 : view.rows;
  const size_t columns = planes.whole ? planes.words : view.columns;
  for (size_t m = 0; m < view.maps; ++m) {
    const size_t map = m * view.map_stride * sizeof(T), plane = m * view.channels;
    if (!planes.whole && view.channel_stride == 1) {
      change_mixed<T, kForward>(planes, side, plane, from + map, source + map, to + map);
      continue;
    }
    for (size_t c = 0; c < view.channels; ++c) {  // in their order: a reference is restored
      const size_t at = map + c * view.channel_stride * sizeof(T);
      const unsigned back = get_reference(side, planes.bits, plane + c);
      change_plane<T, kForward>(view, rows, columns, back, from + at, source + at, to + at);
    }
  }
}

#define FM_FORWARD(T) change<T, true>(planes, side, data, data, integers)
#define FM_INVERSE(T) change<T, false>(planes, side, integers, data, data)
#define FM_CHANGE(type, function)         \
  switch ((type).bits) {                  \
    case 8:                               \
      return function(uint8_t);           \
    case 16:                              \
      return function(uint16_t);          \
    case 32:                              \
      return function(uint32_t);          \
    default:                              \
      return function(uint64_t);          \
  }

void forward(const Params& p, const DType& type, const Shape& shape, const uint8_t* side,
             const uint8_t* data, size_t, size_t count, uint8_t* integers) {
  const Planes planes = planes_of(p, shape);
  if (planes.reach == 0) {
    memcpy(integers, data, count * (type.bits / 8u));
    return;
  }
  FM_CHANGE(type, FM_FORWARD)
}

void inverse(const Params& p, const DType& type, const Shape& shape, const uint8_t* side,
             const uint8_t* integers, size_t, size_t count, uint8_t* data) {
  const Planes planes = planes_of(p, shape);
  if (planes.reach == 0) {
    memcpy(data, integers, count * (type.bits / 8u));
    return;
  }
  FM_CHANGE(type, FM_INVERSE)
}

#undef FM_FORWARD
#undef FM_INVERSE
#undef FM_CHANGE

constexpr Transform kTransform = {rejects,    output_dtype, side_nbytes, gather,
                                  check_side, false,        forward,     inverse};
constexpr Stage kStage = {"planeres", 65, kFields, 3, nullptr, &kTransform, nullptr};

}  // namespace planeres
}  // namespace
}  // namespace fm
