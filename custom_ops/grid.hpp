// How a map coder sees a tensor: maps of channels × rows × columns, cut into tiles.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stage.hpp"

namespace fm {

// `maps` of them behind each other; strides in words.
struct MapView {
  size_t maps;
  size_t channels;
  size_t rows;
  size_t columns;
  size_t map_stride;
  size_t channel_stride;
  size_t row_stride;
  size_t column_stride;
};

// `axis` counts the axis of channels from the last, −3 … −1. Of the other axes the last are rows and
// columns, what lies before them are maps. A tensor without that axis has one channel.
MapView view_of(const int64_t* dims, int rank, size_t elements, int axis);

// Tiles of a view: `extent` of each but the last ones, which may be smaller. Tiles follow each other
// map by map, then by channels, rows and columns.
struct Grid {
  MapView view;
  uint32_t extent[3];  // channels, rows, columns
  size_t counts[3];
  size_t tiles;

  // The tile and where in the tensor, in words, it begins.
  Tile tile(size_t index, size_t* begin) const;
  // Words of all tiles before this one.
  size_t words_before(size_t index) const;
};

Grid grid_of(const MapView& view, const uint32_t extent[3]);

// Extents that hold about `block_words` words: all columns, so many channels as the coder takes at a
// time, all rows if they fit, and more channels if those fit too. Fewer channels than the coder's
// least count as those.
void choose_extents(const MapView& view, const MapCoder& coder, uint32_t block_words,
                    uint32_t extent[3]);

// Copies the words of a tile to or from C order of channels, rows and columns.
void gather_tile(const uint8_t* words, const Tile& tile, size_t word_nbytes, uint8_t* to);
void scatter_tile(const uint8_t* from, const Tile& tile, size_t word_nbytes, uint8_t* words);

}  // namespace fm
