// The scan of an encoder over the words of a tile: all of them seen from their neighbours.
#pragma once

#include "tile_rows.hpp"

namespace fm {
namespace {

// A row as an encoder needs it; `size` 0: all neighbours are zero.
template <class T>
struct Seen {
  uint16_t* sizes;
  uint8_t* contexts;  // where predicted
  T* raw;             // folded at zero
  T* predicted;       // folded at the prediction
};

template <class T>
size_t scan_scratch_nbytes(size_t columns) {
  return rows_nbytes<T>(columns) + round_up(columns * 2) + round_up(columns) +
         2 * round_up(columns * sizeof(T));
}

template <class T>
struct Scan {
  const uint8_t* words;
  const Tile* tile;
  const DType* type;
  Range<T> range;
  bool averaging;
  Rows<T> rows;
  Seen<T> seen;
};

template <class T>
void load_row(const Scan<T>& scan, uint32_t channel, uint32_t row, T* x) {
  const Tile& tile = *scan.tile;
  const size_t at = channel * tile.channel_stride + row * tile.row_stride;
  load_ordinals<T>(scan.words + at * sizeof(T), tile.column_stride, tile.columns, *scan.type, x);
}

// By how many words the average is nearer than the median, less those where it is farther.
template <class T>
int64_t votes(const T* FM_RESTRICT above, const T* FM_RESTRICT x, size_t columns) {
  const ptrdiff_t count = static_cast<ptrdiff_t>(columns);
  int64_t nearer = 0;
  for (ptrdiff_t begin = 0; begin < count; begin += 64) {
    const ptrdiff_t end = count - begin < 64 ? count : begin + 64;
    int8_t sum = 0;
    for (ptrdiff_t i = begin; i < end; ++i) {
      const T p = median_of<T>(x[i - 1], above[i], above[i - 1]);
      const T q = average_of<T>(x[i - 1], above[i], above[i + 1]);
      const T e = static_cast<T>(x[i] > p ? x[i] - p : p - x[i]);
      const T f = static_cast<T>(x[i] > q ? x[i] - q : q - x[i]);
      sum = static_cast<int8_t>(sum + (f < e ? 1 : 0) - (e < f ? 1 : 0));
    }
    nearer += sum;
  }
  return nearer;
}

// Finds the range of a tile and its predictor.
template <class T>
Scan<T> begin_scan(const uint8_t* words, const Tile& tile, const DType& type, uint8_t*& scratch) {
  Scan<T> scan{words, &tile, &type, {}, false, make_rows<T>(tile.columns, scratch), {}};
  const auto take = [&scratch](size_t nbytes) {
    uint8_t* const piece = scratch;
    scratch += round_up(nbytes);
    return piece;
  };
  scan.seen = {reinterpret_cast<uint16_t*>(take(tile.columns * size_t{2})), take(tile.columns),
               reinterpret_cast<T*>(take(tile.columns * sizeof(T))),
               reinterpret_cast<T*>(take(tile.columns * sizeof(T)))};
  const T zero = zero_of<T>(type);
  T low = zero, high = zero;
  int64_t nearer = 0;
  Rows<T>& rows = scan.rows;
  for (uint32_t c = 0; c < tile.channels; ++c) {
    begin_channel<T>(rows, tile.columns, zero);
    for (uint32_t y = 0; y < tile.rows; ++y) {
      load_row<T>(scan, c, y, rows.x);
      for (size_t i = 0; i < tile.columns; ++i) {
        low = rows.x[i] < low ? rows.x[i] : low;
        high = rows.x[i] > high ? rows.x[i] : high;
      }
      nearer += votes<T>(rows.above, rows.x, tile.columns);
      T* const above = rows.above;
      rows.above = rows.x;
      rows.x = above;
    }
  }
  scan.range = range_of<T>(low, zero, high);
  scan.averaging = nearer > 0;
  return scan;
}

// Fills `seen` for the next row of a channel; next_row() has to follow.
template <class T, bool averaging>
void see_row(Scan<T>& scan, uint32_t channel, uint32_t row) {
  const ptrdiff_t columns = static_cast<ptrdiff_t>(scan.tile->columns);
  const Rows<T>& rows = scan.rows;
  const Range<T> r = scan.range;
  load_row<T>(scan, channel, row, rows.x);
  const T* FM_RESTRICT x = rows.x;
  const T* FM_RESTRICT above = rows.above;
  int16_t* FM_RESTRICT y = rows.scaled;
  T* FM_RESTRICT raw = scan.seen.raw;
  T* FM_RESTRICT predicted = scan.seen.predicted;
  for (ptrdiff_t i = 0; i < columns; ++i) y[i] = scaled<T>(x[i], r);
  for (ptrdiff_t i = 0; i < columns; ++i) raw[i] = fold<T>(x[i], r.zero, r);
  for (ptrdiff_t i = 0; i < columns; ++i) {
    const T p = averaging ? average_of<T>(x[i - 1], above[i], above[i + 1])
                          : median_of<T>(x[i - 1], above[i], above[i - 1]);
    predicted[i] = fold<T>(x[i], p, r);
  }
  const int16_t* FM_RESTRICT up = rows.scaled_above;
  uint16_t* FM_RESTRICT sizes = scan.seen.sizes;
  uint16_t* FM_RESTRICT activities = rows.activities;
  for (ptrdiff_t i = 0; i < columns; ++i) {
    const int w = y[i - 1], nw = up[i - 1];
    sizes[i] = static_cast<uint16_t>(rows.sizes[i] + 2 * magnitude_of(w));
    activities[i] = static_cast<uint16_t>((activities[i] | (w == 0 ? 1 : 0)) +
                                          2 * magnitude_of(w - nw));
  }
  for (ptrdiff_t i = 0; i < columns; ++i) {
    const unsigned touching = activities[i] & 1u;
    scan.seen.contexts[i] =
        static_cast<uint8_t>(kSmooth + kActivities * touching + kActivityOf.at[activities[i] / 2]);
  }
}

// Calls body(columns of `seen`) for every row of a channel.
template <class T, class Body>
FM_INLINE void scan_channel(Scan<T>& scan, uint32_t channel, Body body) {
  begin_channel<T>(scan.rows, scan.tile->columns, scan.range.zero);
  for (uint32_t y = 0; y < scan.tile->rows; ++y) {
    if (scan.averaging) {
      see_row<T, true>(scan, channel, y);
    } else {
      see_row<T, false>(scan, channel, y);
    }
    body();
    next_row<T>(scan.rows, scan.tile->columns);
  }
}

}  // namespace
}  // namespace fm
