// The walk of a decoder over the words of a tile. Streams are independent, so that their words are
// taken in turn: while one waits for its context, the others go on.
#pragma once

#include "bit_stream.hpp"
#include "tile_rows.hpp"

namespace fm {
namespace {

// Fixed for a tile.
template <class T>
struct Walk {
  Range<T> range;
  int threshold;
  unsigned run;  // zeros of a bit of a run, as a power of two
  const DType* type;
  const Tile* tile;
  uint8_t* words;
  uint32_t streams;
};

template <class T>
struct Lane {
  BitReader in;
  Rows<T> rows;
  uint32_t channel;
  uint32_t row;
  uint32_t column;
  uint32_t stretch;  // where the stretch of zero neighbours ends that was looked for last
  bool done;
  bool bad;
};

template <class T>
void begin_lane(const Walk<T>& walk, Lane<T>& lane, uint32_t stream) {
  lane.channel = stream;
  lane.row = lane.column = lane.stretch = 0;
  lane.done = lane.bad = false;
  begin_channel<T>(lane.rows, walk.tile->columns, walk.range.zero);
}

template <class T>
void end_row(const Walk<T>& walk, Lane<T>& lane) {
  const Tile& tile = *walk.tile;
  uint8_t* const to =
      walk.words + (lane.channel * tile.channel_stride + lane.row * tile.row_stride) * sizeof(T);
  store_ordinals<T>(lane.rows.x, tile.columns, *walk.type, to, tile.column_stride);
  lane.column = lane.stretch = 0;
  if (++lane.row < tile.rows) {
    next_row<T>(lane.rows, tile.columns);
    fill_zero<T>(lane.rows.x, lane.rows.scaled, tile.columns, walk.range.zero);
    return;
  }
  lane.row = 0;
  lane.channel += walk.streams;
  lane.done = lane.channel >= tile.channels;
  if (!lane.done) begin_channel<T>(lane.rows, tile.columns, walk.range.zero);
}

// The column behind the run that begins at `column`; `ended` tells that its word is not zero.
template <class T>
FM_INLINE uint32_t take_run(const Walk<T>& walk, Lane<T>& lane, uint32_t column, bool& ended) {
  if (column >= lane.stretch) {  // else the stretch is known: looking again might take long
    uint32_t end = column + 1;
    while (end < walk.tile->columns && lane.rows.sizes[end] == 0) ++end;
    lane.stretch = end;
  }
  const uint32_t end = lane.stretch;
  const unsigned k = walk.run;
  for (;;) {
    const uint64_t bits = peek_bits(lane.in);
    const uint32_t needed = (end - column + (1u << k) - 1) >> k;
    uint32_t ones = leading_zeros(~bits);
    if (ones > 48) ones = 48;  // so that k bits more are in sight
    if (ones >= needed) {
      lane.in.position += needed;
      ended = false;
      return end;
    }
    column += ones << k;
    if (ones == 48) {
      lane.in.position += 48;
      continue;
    }
    column += static_cast<uint32_t>(bits << ones << 1 >> 1 >> (63 - k));
    lane.in.position += ones + 1 + k;
    lane.bad |= column >= end;
    ended = true;
    return column < end ? column : end - 1;
  }
}

// One run or one word. take_ending() and take_word() are the coder's; they give numbers within the
// range and note in `bad` where the code says otherwise.
template <class T, bool averaging, class Source>
FM_INLINE void step(const Walk<T>& walk, const Source& source, Lane<T>& lane) {
  const Rows<T>& rows = lane.rows;
  uint32_t i = lane.column;
  const int w = rows.scaled[static_cast<ptrdiff_t>(i) - 1];
  const int size = rows.sizes[i] + 2 * magnitude_of(w);
  if (size == 0) {
    bool ended = false;
    i = take_run<T>(walk, lane, i, ended);
    if (ended) {
      const T x = take_ending(source, walk.range, lane.in, lane.bad);
      rows.x[i] = x;
      rows.scaled[i] = scaled<T>(x, walk.range);
      ++i;
    }
  } else {
    const T* const above = rows.above + i;
    const T left = rows.x[static_cast<ptrdiff_t>(i) - 1];
    const T guess = averaging ? average_of<T>(left, above[0], above[1])
                              : median_of<T>(left, above[0], above[-1]);
    const int nw = rows.scaled_above[static_cast<ptrdiff_t>(i) - 1];
    const unsigned others = rows.activities[i];
    const unsigned activity = others / 2 + static_cast<unsigned>(magnitude_of(w - nw));
    const unsigned touching = (others & 1) | (w == 0 ? 1 : 0);
    const unsigned predicted = kSmooth + kActivities * touching + kActivityOf.at[activity];
    const bool raw = size < walk.threshold;
    const unsigned context = raw ? kRawContextOf.at[size] : predicted;
    const T p = raw ? walk.range.zero : guess;
    const T x = take_word(source, walk.range, context, p, lane.in, lane.bad);
    rows.x[i] = x;
    rows.scaled[i] = scaled<T>(x, walk.range);
    ++i;
  }
  lane.column = i;
  if (i == walk.tile->columns) end_row<T>(walk, lane);
}

template <class T, bool averaging, class Source>
void walk_lanes(const Walk<T>& walk, const Source& source, Lane<T>* lanes) {
  if (walk.streams == kStreams) {
    Lane<T>&a = lanes[0], &b = lanes[1], &c = lanes[2], &d = lanes[3];
    while (!(a.done | b.done | c.done | d.done)) {
      step<T, averaging>(walk, source, a);
      step<T, averaging>(walk, source, b);
      step<T, averaging>(walk, source, c);
      step<T, averaging>(walk, source, d);
    }
  }
  for (uint32_t s = 0; s < walk.streams; ++s) {
    while (!lanes[s].done) step<T, averaging>(walk, source, lanes[s]);
  }
}

template <class T>
size_t walk_scratch_nbytes(const Tile& tile) {
  return streams_of(tile.channels) * rows_nbytes<T>(tile.columns);
}

// Decodes all streams, of `sizes` bytes each behind each other from `data` on.
template <class T, class Source>
Refusal walk_tile(const Walk<T>& walk, bool averaging, const Source& source, const uint8_t* data,
                  const size_t* sizes, uint8_t* scratch) {
  Lane<T> lanes[kStreams];
  for (uint32_t s = 0; s < walk.streams; ++s) {
    lanes[s].in = {data, sizes[s], 0};
    data += sizes[s];
    lanes[s].rows = make_rows<T>(walk.tile->columns, scratch);
    begin_lane<T>(walk, lanes[s], s);
  }
  if (averaging) {
    walk_lanes<T, true>(walk, source, lanes);
  } else {
    walk_lanes<T, false>(walk, source, lanes);
  }
  for (uint32_t s = 0; s < walk.streams; ++s) {
    if (lanes[s].bad) return "a word or run passes its range";
    if (overrun(lanes[s].in)) return "a stream ends early";
    if (!skip_padding(lanes[s].in, 8)) return "padding bits of a stream are not zero";
    if (lanes[s].in.position != 8 * lanes[s].in.nbytes) return "a stream is longer than its codes";
  }
  return nullptr;
}

}  // namespace
}  // namespace fm
