// The rows of a tile that a coder looks at, and which stream has which channels.
#pragma once

#include "neighbours.hpp"

namespace fm {
namespace {

constexpr uint32_t kStreams = 4;

FM_INLINE uint32_t streams_of(uint32_t channels) {
  return channels < kStreams ? channels : kStreams;
}

// Bytes up to the next multiple of 64, so that all rows begin at one.
FM_INLINE size_t round_up(size_t nbytes) { return (nbytes + 63) / 64 * 64; }

// Two rows of ordinals and scaled numbers, with a word zero at either end, and the survey of the
// upper one.
template <class T>
struct Rows {
  T* above;
  T* x;
  int16_t* scaled_above;
  int16_t* scaled;
  uint16_t* sizes;
  uint16_t* activities;
};

template <class T>
size_t rows_nbytes(size_t columns) {
  return 2 * round_up((columns + 2) * sizeof(T)) + 2 * round_up((columns + 2) * 2) +
         2 * round_up(columns * 2);
}

// Takes rows_nbytes() from `scratch`.
template <class T>
Rows<T> make_rows(size_t columns, uint8_t*& scratch) {
  const auto take = [&scratch](size_t nbytes) {
    uint8_t* const piece = scratch;
    scratch += round_up(nbytes);
    return piece;
  };
  Rows<T> rows;
  rows.above = reinterpret_cast<T*>(take((columns + 2) * sizeof(T))) + 1;
  rows.x = reinterpret_cast<T*>(take((columns + 2) * sizeof(T))) + 1;
  rows.scaled_above = reinterpret_cast<int16_t*>(take((columns + 2) * 2)) + 1;
  rows.scaled = reinterpret_cast<int16_t*>(take((columns + 2) * 2)) + 1;
  rows.sizes = reinterpret_cast<uint16_t*>(take(columns * 2));
  rows.activities = reinterpret_cast<uint16_t*>(take(columns * 2));
  return rows;
}

template <class T>
void fill_zero(T* x, int16_t* y, size_t columns, T zero) {
  for (ptrdiff_t i = -1; i <= static_cast<ptrdiff_t>(columns); ++i) x[i] = zero;
  for (ptrdiff_t i = -1; i <= static_cast<ptrdiff_t>(columns); ++i) y[i] = 0;
}

// In front of the first row of a channel.
template <class T>
void begin_channel(Rows<T>& rows, size_t columns, T zero) {
  fill_zero<T>(rows.above, rows.scaled_above, columns, zero);
  fill_zero<T>(rows.x, rows.scaled, columns, zero);
  for (size_t i = 0; i < columns; ++i) rows.sizes[i] = 0;
  for (size_t i = 0; i < columns; ++i) rows.activities[i] = 1;
}

// Behind a row: it becomes the one above.
template <class T>
void next_row(Rows<T>& rows, size_t columns) {
  T* const x = rows.above;
  rows.above = rows.x;
  rows.x = x;
  int16_t* const y = rows.scaled_above;
  rows.scaled_above = rows.scaled;
  rows.scaled = y;
  survey(rows.scaled_above, columns, rows.sizes, rows.activities);
}

}  // namespace
}  // namespace fm
