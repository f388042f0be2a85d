// planeres: which plane is taken off which. See FORMAT.md.
#pragma once

#include "measure.hpp"
#include "side.hpp"

namespace fm {
namespace {
namespace planeres {

constexpr size_t kChannels = 32;      // whose references are looked for together
// Bytes of each plane at a time: those of a window stay in the first cache. Fewer where they are copied.
constexpr size_t kChunkNbytes = 2048;
constexpr size_t kCopiedNbytes = 512;
constexpr size_t kRowNbytes = kCopiedNbytes + 64;
constexpr uint8_t kZeros[kChunkNbytes] = {};

template <class T>
FM_INLINE size_t chunk_of(const Planes& planes) {
  return (planes.whole ? kChunkNbytes : kCopiedNbytes) / sizeof(T);
}

// `n` words of a plane from word `at` on: where they are, or copied to `row` where they are apart.
template <class T>
const uint8_t* words_of(const Planes& planes, const uint8_t* map, size_t channel, size_t at,
                        size_t n, uint8_t* row) {
  const MapView& view = planes.view;
  const uint8_t* plane = map + channel * view.channel_stride * sizeof(T);
  if (planes.whole) return plane + at * sizeof(T);
  size_t y = at / view.columns, x = at % view.columns;
  for (size_t i = 0; i < n; ++y, x = 0) {
    const size_t rest = view.columns - x, piece = rest < n - i ? rest : n - i;
    const uint8_t* from = plane + (y * view.row_stride + x * view.column_stride) * sizeof(T);
    if (view.column_stride == 1) {
      memcpy(row + i * sizeof(T), from, piece * sizeof(T));
    } else {
      for (size_t w = 0; w < piece; ++w) {
        store(row + (i + w) * sizeof(T), load<T>(from + w * view.column_stride * sizeof(T)));
      }
    }
    i += piece;
  }
  return row;
}

// The references of channels `first` … `end`, by the nearest of the shortest differences.
template <class T>
void search_channels(const Planes& planes, const Ruler& ruler, const uint8_t* map, size_t first,
                     size_t end, uint8_t* side, size_t plane) {
  alignas(64) uint8_t rows[(kChannels + kMostReach) * kRowNbytes];
  const uint8_t* at_row[kChannels + kMostReach];
  uint64_t length[kChannels][kMostReach + 1] = {};
  const size_t begin = first < planes.reach ? 0 : first - planes.reach;
  const size_t step = chunk_of<T>(planes);
  for (size_t at = 0; at < planes.words; at += step) {
    const size_t left = planes.words - at, n = left < step ? left : step;
    for (size_t c = begin; c < end; ++c) {
      at_row[c - begin] = words_of<T>(planes, map, c, at, n, rows + (c - begin) * kRowNbytes);
    }
    for (size_t c = first; c < end; ++c) {
      const uint8_t* const* words = at_row + (c - begin);
      uint64_t* sums = length[c - first];
      sums[0] += length_of<T>(ruler, words[0], kZeros, n);
      const size_t most = c < planes.reach ? c : planes.reach;
      for (size_t k = 1; k <= most; ++k) sums[k] += length_of<T>(ruler, words[0], *(words - k), n);
    }
  }
  for (size_t c = first; c < end; ++c) {
    const uint64_t* sums = length[c - first];
    const size_t most = c < planes.reach ? c : planes.reach;
    size_t best = 0;
    for (size_t k = 1; k <= most; ++k) best = sums[k] < sums[best] ? k : best;
    set_reference(side, planes.bits, plane + c, static_cast<unsigned>(best));
  }
}

template <class T>
void count_classes(const Planes& planes, const uint8_t* map, const uint8_t* side, size_t plane,
                   Counts& counts) {
  uint8_t rows[2][kCopiedNbytes];
  Tally tally = {};
  const size_t step = chunk_of<T>(planes);
  for (size_t c = 0; c < planes.view.channels; ++c) {
    const unsigned k = get_reference(side, planes.bits, plane + c);
    for (size_t at = 0; at < planes.words; at += step) {
      const size_t left = planes.words - at, n = left < step ? left : step;
      const uint8_t* words = words_of<T>(planes, map, c, at, n, rows[0]);
      const uint8_t* less = k == 0 ? kZeros : words_of<T>(planes, map, c - k, at, n, rows[1]);
      count_words<T>(words, less, n, tally);
    }
  }
  sum_up<T>(tally, counts);
}

// Fills in the references of all planes.
template <class T>
void choose(const Planes& planes, unsigned fits, const uint8_t* data, uint8_t* side) {
  constexpr unsigned kBits = 8 * sizeof(T);
  for (size_t m = 0; m < planes.view.maps; ++m) {
    const uint8_t* map = data + m * planes.view.map_stride * sizeof(T);
    const size_t plane = m * planes.view.channels;
    Ruler ruler;
    for (unsigned pass = 0; pass <= fits; ++pass) {
      if (pass == 0) {
        fix_lengths(kBits, ruler.lengths);
      } else {
        Counts counts;
        count_classes<T>(planes, map, side, plane, counts);
        fit_lengths(kBits, counts, ruler.lengths);
      }
      prepare<T>(ruler);
      for (size_t c = 0; c < planes.view.channels; c += kChannels) {
        const size_t left = planes.view.channels - c;
        const size_t end = c + (left < kChannels ? left : kChannels);
        search_channels<T>(planes, ruler, map, c, end, side, plane);
      }
    }
  }
}

}  // namespace planeres
}  // namespace
}  // namespace fm
