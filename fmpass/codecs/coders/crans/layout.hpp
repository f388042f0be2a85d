// From the words of a tile to byte planes of lanes, from there to steps, and back. See FORMAT.md.
#pragma once

#include "model.hpp"

namespace fm {
namespace {
namespace crans {

constexpr size_t kMargin = 32;  // bytes before and behind the pixels of a lane
constexpr size_t kMostSteps = size_t{1} << 26;  // times the lanes of a row

// A tile in lanes: each has `height` rows of `pitch` steps, the last column always being zero.
struct Geometry {
  Tile tile;
  unsigned side;  // 2 where a channel is four lanes, of its even and odd rows and columns
  size_t lanes;
  size_t height;
  size_t width;
  size_t pitch;
};

Geometry geometry_of(const Tile& tile, unsigned phases) {
  Geometry g;
  g.tile = tile;
  g.side = phases == 4 ? 2 : 1;
  g.lanes = size_t{tile.channels} * phases;
  g.height = (tile.rows + g.side - 1) / g.side;
  g.width = (tile.columns + g.side - 1) / g.side;
  g.pitch = g.width + 1;
  return g;
}

FM_INLINE size_t rows_of(const Geometry& g, size_t lane) {
  return g.side == 1 ? g.tile.rows : (g.tile.rows - (lane / 2 & 1) + 1) / 2;
}

FM_INLINE size_t columns_of(const Geometry& g, size_t lane) {
  return g.side == 1 ? g.tile.columns : (g.tile.columns - (lane & 1) + 1) / 2;
}

// Lanes of a row of steps: 16, 32 or 64 for a group of so many.
FM_INLINE size_t row_lanes(size_t count) { return count <= 16 ? 16 : count <= 32 ? 32 : 64; }

FM_INLINE size_t least_of(size_t a, size_t b) { return a < b ? a : b; }

// Memory for one group of a tile at a time. All rows of steps are `row` bytes.
struct Workspace {
  size_t row;
  size_t steps;
  size_t border;      // rows of zeros before the first step
  size_t lane_nbytes;  // of a lane in `pixels`
  uint8_t* pixels;     // [plane][lane], kMargin bytes before the first pixel
  uint8_t* values;     // at step 0
  uint8_t* medians;
  uint8_t* errors;
  uint64_t* active;    // by step: lanes that have a pixel
  uint64_t* quiet;     // by step: lanes whose planes above are zero
  uint16_t* symbols;   // [plane][step][lane]: table << 8 | symbol
  uint8_t* code;
  size_t code_nbytes;
  size_t total;
};

// `scratch` null only sums up.
Workspace workspace_of(const Geometry& g, unsigned planes, size_t word_nbytes, uint8_t* scratch) {
  Workspace w;
  w.row = row_lanes(g.lanes);
  const size_t most_steps = g.height * g.pitch + 2 * kLevels;
  w.steps = most_steps;
  w.border = g.pitch + 8;
  w.lane_nbytes = aligned(most_steps + 2 * kMargin);
  const size_t rows_nbytes = aligned((w.border + most_steps + 16) * w.row + 64);
  size_t at = 0;
  const auto take = [&](size_t nbytes) {
    const size_t begin = at;
    at += aligned(nbytes);
    return scratch == nullptr ? nullptr : scratch + begin;
  };
  w.pixels = take(planes * w.row * w.lane_nbytes);
  w.values = take(rows_nbytes);
  w.medians = take(rows_nbytes);
  w.errors = take(rows_nbytes);
  w.active = reinterpret_cast<uint64_t*>(take(8 * (most_steps + 16)));
  w.quiet = reinterpret_cast<uint64_t*>(take(8 * (most_steps + 16)));
  w.symbols = reinterpret_cast<uint16_t*>(take(2 * planes * (most_steps + 1) * w.row + 128));
  w.code_nbytes =
      size_t{g.tile.channels} * g.tile.rows * g.tile.columns * word_nbytes + 4 * kGroup + 1024;
  w.code = take(w.code_nbytes);
  w.total = at;
  if (scratch != nullptr) {
    w.values += w.border * w.row;
    w.medians += w.border * w.row;
    w.errors += w.border * w.row;
  }
  return w;
}

FM_INLINE uint8_t* pixels_of(const Workspace& w, size_t plane, size_t lane) {
  return w.pixels + (plane * w.row + lane) * w.lane_nbytes + kMargin;
}

enum class Fold : uint8_t { kNone, kSign, kFloat };

FM_INLINE Fold fold_of(const DType& type) {
  return type.kind == Kind::kInt ? Fold::kSign : type.kind == Kind::kFloat ? Fold::kFloat : Fold::kNone;
}

template <class T>
FM_INLINE T folded(T word, Fold fold) {
  constexpr unsigned kBits = 8 * sizeof(T);
  if (fold == Fold::kSign) return static_cast<T>(word ^ (T{1} << (kBits - 1)));
  if (fold == Fold::kFloat) return static_cast<T>(word << 1 | word >> (kBits - 1));
  return word;
}

template <class T>
FM_INLINE T unfolded(T word, Fold fold) {
  constexpr unsigned kBits = 8 * sizeof(T);
  if (fold == Fold::kSign) return static_cast<T>(word ^ (T{1} << (kBits - 1)));
  if (fold == Fold::kFloat) return static_cast<T>(word >> 1 | word << (kBits - 1));
  return word;
}

// A row of bytes with their top bits turned, nothing else written.
FM_INLINE void flip_row(const uint8_t* from, size_t count, uint8_t* to) {
#if defined(FM_AVX512)
  const __m512i top = _mm512_set1_epi8(static_cast<char>(0x80));
  for (size_t x = 0; x < count; x += 64) {
    const __mmask64 rest = count - x < 64 ? low_bits(static_cast<unsigned>(count - x)) : ~uint64_t{0};
    const __m512i bytes = _mm512_maskz_loadu_epi8(rest, from + x);
    _mm512_mask_storeu_epi8(to + x, rest, _mm512_xor_si512(bytes, top));
  }
#else
  size_t x = 0;
  for (; x + 8 <= count; x += 8) store(to + x, load<uint64_t>(from + x) ^ 0x8080808080808080u);
  for (; x < count; ++x) to[x] = static_cast<uint8_t>(from[x] ^ 0x80);
#endif
}

// Where the pixels of a lane of the tile lie among its words.
struct LaneWords {
  size_t begin;  // in words, from the first of the tile
  size_t row_stride;
  size_t column_stride;
};

FM_INLINE LaneWords words_of_lane(const Geometry& g, size_t lane, const uint8_t* order) {
  const Tile& t = g.tile;
  const size_t phases = size_t{g.side} * g.side, place = lane / phases, phase = lane % phases;
  const size_t channel =
      order == nullptr ? place : place / kChunk * kChunk + order[t.first_channel + place];
  const size_t y = g.side == 1 ? 0 : phase / 2, x = g.side == 1 ? 0 : phase % 2;
  return {channel * t.channel_stride + y * t.row_stride + x * t.column_stride,
          g.side * t.row_stride, g.side * t.column_stride};
}

// Words of a lane to its pixels in all planes. Columns and rows that it has not stay as they are.
template <class T>
void split_lane(const Geometry& g, const Workspace& w, size_t lane, size_t place,
                const LaneWords& from, const uint8_t* words, Fold fold) {
  const size_t rows = rows_of(g, lane), columns = columns_of(g, lane);
  for (size_t y = 0; y < rows; ++y) {
    const uint8_t* row = words + (from.begin + y * from.row_stride) * sizeof(T);
    const size_t at = y * g.pitch;
    if (sizeof(T) == 1 && from.column_stride == 1) {
      uint8_t* to = pixels_of(w, 0, place) + at;
      if (fold == Fold::kNone) {
        memcpy(to, row, columns);
      } else if (fold == Fold::kSign) {
        flip_row(row, columns, to);
      } else {
        for (size_t x = 0; x < columns; ++x) to[x] = folded<uint8_t>(row[x], fold);
      }
      continue;
    }
    for (unsigned plane = 0; plane < sizeof(T); ++plane) {
      uint8_t* to = pixels_of(w, plane, place) + at;
      const unsigned shift = 8 * (static_cast<unsigned>(sizeof(T)) - 1 - plane);
      for (size_t x = 0; x < columns; ++x) {
        const T word = folded(load<T>(row + x * from.column_stride * sizeof(T)), fold);
        to[x] = static_cast<uint8_t>(word >> shift);
      }
    }
  }
}

template <class T>
void join_lane(const Geometry& g, const Workspace& w, size_t lane, size_t place,
               const LaneWords& to, uint8_t* words, Fold fold) {
  const size_t rows = rows_of(g, lane), columns = columns_of(g, lane);
  const uint8_t* planes[sizeof(T)];
  for (size_t y = 0; y < rows; ++y) {
    uint8_t* row = words + (to.begin + y * to.row_stride) * sizeof(T);
    for (unsigned i = 0; i < sizeof(T); ++i) planes[i] = pixels_of(w, i, place) + y * g.pitch;
    if (sizeof(T) == 1 && to.column_stride == 1) {
      if (fold == Fold::kNone) {
        memcpy(row, planes[0], columns);
      } else if (fold == Fold::kSign) {
        flip_row(planes[0], columns, row);
      } else {
        for (size_t x = 0; x < columns; ++x) row[x] = unfolded<uint8_t>(planes[0][x], fold);
      }
      continue;
    }
    for (size_t x = 0; x < columns; ++x) {
      uint64_t word = 0;
      for (unsigned i = 0; i < sizeof(T); ++i) word = word << 8 | planes[i][x];
      store(row + x * to.column_stride * sizeof(T), unfolded(static_cast<T>(word), fold));
    }
  }
}

#if defined(FM_AVX2)
// 16 rows of 16 bytes become 16 columns.
FM_INLINE void transpose16(__m128i* r) {
  __m128i a[16];
  for (unsigned step = 0; step < 4; ++step) {
    for (unsigned i = 0; i < 8; ++i) {
      a[2 * i] = _mm_unpacklo_epi8(r[i], r[i + 8]);
      a[2 * i + 1] = _mm_unpackhi_epi8(r[i], r[i + 8]);
    }
    for (unsigned i = 0; i < 16; ++i) r[i] = a[i];
  }
}
#endif

// Pixels of one plane to `values`, each lane at its delay. Reads at most kMargin bytes around them.
void lay_steps(const Workspace& w, const Group& group, size_t plane, size_t steps) {
  for (size_t t = 0; t < steps; t += 16) {
    for (size_t first = 0; first < w.row; first += 16) {
#if defined(FM_AVX2)
      __m128i r[16];
      for (size_t i = 0; i < 16; ++i) {
        r[i] = load128(pixels_of(w, plane, first + i) + t - group.delays[first + i]);
      }
      transpose16(r);
      for (size_t i = 0; i < 16; ++i) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(w.values + (t + i) * w.row + first), r[i]);
      }
#else
      for (size_t i = 0; i < 16; ++i) {
        const uint8_t* from = pixels_of(w, plane, first + i) + t - group.delays[first + i];
        for (size_t s = 0; s < 16; ++s) w.values[(t + s) * w.row + first + i] = from[s];
      }
#endif
    }
  }
}

// The inverse. Bytes that are no pixel of a lane land in its margins and its last column.
void take_steps(const Workspace& w, const Group& group, size_t plane, size_t steps) {
  for (size_t t = 0; t < steps; t += 16) {
    for (size_t first = 0; first < w.row; first += 16) {
#if defined(FM_AVX2)
      __m128i r[16];
      for (size_t i = 0; i < 16; ++i) r[i] = load128(w.values + (t + i) * w.row + first);
      transpose16(r);
      for (size_t i = 0; i < 16; ++i) {
        uint8_t* to = pixels_of(w, plane, first + i) + t - group.delays[first + i];
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), r[i]);
      }
#else
      for (size_t i = 0; i < 16; ++i) {
        uint8_t* to = pixels_of(w, plane, first + i) + t - group.delays[first + i];
        for (size_t s = 0; s < 16; ++s) to[s] = w.values[(t + s) * w.row + first + i];
      }
#endif
    }
  }
}

// Which lanes of a group of `count` have a pixel at each step.
void mark_active(const Geometry& g, const Group& group, size_t count, size_t steps,
                 uint64_t* active) {
  memset(active, 0, 8 * steps);
  const uint64_t there = low_bits(static_cast<unsigned>(count));
  const unsigned phases = g.side * g.side;
  for (unsigned level = 0; level < kLevels; ++level) {
    for (unsigned phase = 0; phase < phases; ++phase) {
      const uint64_t of_phase = phases == 1 ? ~uint64_t{0} : uint64_t{0x1111111111111111u} << phase;
      const uint64_t lanes = group.level_lanes[level] & there & of_phase;
      if (lanes == 0) continue;
      const size_t rows = rows_of(g, phase), columns = columns_of(g, phase);
      for (size_t y = 0; y < rows; ++y) {
        uint64_t* row = active + y * g.pitch + 2 * level;
        for (size_t x = 0; x < columns; ++x) row[x] |= lanes;
      }
    }
  }
}

}  // namespace crans
}  // namespace
}  // namespace fm
