#include "grid.hpp"

#include <algorithm>
#include <cstring>

#include "header.hpp"

namespace fm {
namespace {

size_t dim_or_one(const int64_t* dims, int rank, int axis) {
  return rank + axis >= 0 ? static_cast<size_t>(dims[rank + axis]) : 1;
}

// Words between neighbours along an axis.
size_t stride_of(const int64_t* dims, int rank, int axis) {
  size_t stride = 1;
  for (int a = axis + 1; a < 0; ++a) stride *= dim_or_one(dims, rank, a);
  return stride;
}

struct Place {
  size_t map;
  size_t at[3];
  size_t size[3];
};

Place place_of(const Grid& grid, size_t index) {
  const size_t whole[3] = {grid.view.channels, grid.view.rows, grid.view.columns};
  Place place{};
  for (int i = 2; i >= 0; --i) {
    place.at[i] = index % grid.counts[i] * grid.extent[i];
    place.size[i] = std::min<size_t>(grid.extent[i], whole[i] - place.at[i]);
    index /= grid.counts[i];
  }
  place.map = index;
  return place;
}

template <class Copy>
void for_each_run(const Tile& tile, size_t word_nbytes, Copy copy) {
  const size_t run = tile.column_stride == 1 ? tile.columns : 1, step = tile.columns / run;
  for (size_t c = 0; c < tile.channels; ++c) {
    for (size_t y = 0; y < tile.rows; ++y) {
      for (size_t x = 0; x < step; ++x) {
        copy((c * tile.channel_stride + y * tile.row_stride + x * tile.column_stride) * word_nbytes,
             run * word_nbytes);
      }
    }
  }
}

}  // namespace

MapView view_of(const int64_t* dims, int rank, size_t elements, int axis) {
  const bool has_channels = rank + axis >= 0;
  const int columns = axis == -1 && has_channels ? -2 : -1;
  const int rows = has_channels && axis != -3 ? -3 : -2;
  MapView view{};
  view.channels = has_channels ? dim_or_one(dims, rank, axis) : 1;
  view.rows = dim_or_one(dims, rank, rows);
  view.columns = dim_or_one(dims, rank, columns);
  view.channel_stride = has_channels ? stride_of(dims, rank, axis) : 1;
  view.row_stride = stride_of(dims, rank, rows);
  view.column_stride = stride_of(dims, rank, columns);
  view.map_stride = view.channels * view.rows * view.columns;
  view.maps = elements == 0 ? 0 : elements / view.map_stride;
  return view;
}

Grid grid_of(const MapView& view, const uint32_t extent[3]) {
  Grid grid{view, {extent[0], extent[1], extent[2]}, {}, view.maps};
  const size_t whole[3] = {view.channels, view.rows, view.columns};
  for (int i = 0; i < 3; ++i) {
    grid.counts[i] = (whole[i] + extent[i] - 1) / extent[i];
    grid.tiles *= grid.counts[i];
  }
  return grid;
}

Tile Grid::tile(size_t index, size_t* begin) const {
  const Place p = place_of(*this, index);
  *begin = p.map * view.map_stride + p.at[0] * view.channel_stride + p.at[1] * view.row_stride +
           p.at[2] * view.column_stride;
  return {static_cast<uint32_t>(p.at[0]),
          static_cast<uint32_t>(p.size[0]),
          static_cast<uint32_t>(p.size[1]),
          static_cast<uint32_t>(p.size[2]),
          view.channel_stride,
          view.row_stride,
          view.column_stride};
}

size_t Grid::words_before(size_t index) const {
  if (index >= tiles) return view.maps * view.map_stride;
  const Place p = place_of(*this, index);
  return p.map * view.map_stride + p.at[0] * view.rows * view.columns +
         p.size[0] * (p.at[1] * view.columns + p.size[1] * p.at[2]);
}

void choose_extents(const MapView& view, const MapCoder& coder, uint32_t block_words,
                    uint32_t extent[3]) {
  const size_t lanes = coder.lanes;
  const auto most = [](size_t value, size_t limit) {
    return static_cast<uint32_t>(std::max<size_t>(1, std::min(value, limit)));
  };
  extent[0] = most(view.channels, lanes);
  extent[2] = most(view.columns, std::min<size_t>(block_words, kMaxBlockWords / lanes));
  const size_t counted = std::max(extent[0], coder.least_channels);
  extent[1] = most(view.rows, block_words / (counted * extent[2]));
  if (extent[1] == view.rows && extent[2] == view.columns) {
    const size_t more = block_words / (size_t{extent[1]} * extent[2]) / lanes * lanes;
    extent[0] = most(view.channels, std::max<size_t>(more, lanes));
  }
}

void gather_tile(const uint8_t* words, const Tile& tile, size_t word_nbytes, uint8_t* to) {
  for_each_run(tile, word_nbytes, [&](size_t at, size_t nbytes) {
    std::memcpy(to, words + at, nbytes);
    to += nbytes;
  });
}

void scatter_tile(const uint8_t* from, const Tile& tile, size_t word_nbytes, uint8_t* words) {
  for_each_run(tile, word_nbytes, [&](size_t at, size_t nbytes) {
    std::memcpy(words + at, from, nbytes);
    from += nbytes;
  });
}

}  // namespace fm
