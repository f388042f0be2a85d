// One tile: groups of lanes behind each other, in each group the byte planes, the first one first.
#pragma once

#include "steps.hpp"

namespace fm {
namespace {
namespace crans {

constexpr size_t kFewWords = size_t{1} << 14;
constexpr size_t kManyWords = size_t{1} << 16;

// How many times 16 states a tile of so many words has at most.
FM_INLINE unsigned state_vectors(size_t words) {
  return words < kFewWords ? 1 : words < kManyWords ? 2 : 4;
}

FM_INLINE size_t state_count(unsigned vectors, size_t lanes) {
  return least_of(16 * size_t{vectors}, least_of(lanes, kGroup));
}

FM_INLINE size_t tile_words(const Tile& tile) {
  return size_t{tile.channels} * tile.rows * tile.columns;
}

size_t scratch_nbytes(const Params&, const DType& type, const Tile& tile) {
  const unsigned planes = type.bits / 8u;
  const size_t one = workspace_of(geometry_of(tile, 1), planes, planes, nullptr).total;
  const size_t four = workspace_of(geometry_of(tile, 4), planes, planes, nullptr).total;
  return one > four ? one : four;
}

// A tile has the groups that the model has from its first channel on, and all of their lanes.
FM_INLINE bool fits_model(const uint8_t* opened, const Geometry& g) {
  const size_t channels = head_of(opened).channels, first = g.tile.first_channel;
  if (row_lanes(g.lanes) * (g.height * g.pitch + 2 * kLevels) > kMostSteps) return false;
  if (channels == 0) return true;
  return first % kChunk == 0 &&
         (g.tile.channels % kChunk == 0 || first + g.tile.channels == channels);
}

// kRow and the number of states are constants inside: calls body<kRow, kStates>().
template <class Body>
FM_INLINE bool with_sizes(size_t row, unsigned vectors, Body body) {
  const size_t states = least_of(16 * size_t{vectors}, row);
  if (row == 16) return body.template operator()<16, 16>();
  if (row == 32) return states == 16 ? body.template operator()<32, 16>() : body.template operator()<32, 32>();
  return states == 16   ? body.template operator()<64, 16>()
         : states == 32 ? body.template operator()<64, 32>()
                        : body.template operator()<64, 64>();
}

// The pixels of lanes outside of their words: zeros of each plane.
void clear_pixels(const Workspace& w, const Geometry& g, const uint8_t* opened, size_t first,
                  size_t count) {
  for (unsigned plane = 0; plane < head_of(opened).planes; ++plane) {
    const uint8_t zero = tables_of(opened, plane).zero;
    for (size_t i = 0; i < w.row; ++i) {
      uint8_t* pixels = pixels_of(w, plane, i);
      if (i >= count || columns_of(g, first + i) < g.width || rows_of(g, first + i) < g.height) {
        memset(pixels - kMargin, zero, w.lane_nbytes);
        continue;
      }
      memset(pixels - kMargin, zero, kMargin);
      for (size_t y = 0; y < g.height; ++y) pixels[y * g.pitch + g.width] = zero;
      const size_t end = g.height * g.pitch;
      memset(pixels + end, zero, w.lane_nbytes - kMargin - end);
    }
  }
}

// Lanes whose value is zero at a step, among those of the planes above.
template <unsigned kRow>
void mark_quiet(const Workspace& w, uint8_t zero, size_t steps, bool first) {
  for (size_t t = 0; t < steps; ++t) {
    const uint8_t* v = w.values + t * kRow;
    uint64_t lanes = 0;
    for (unsigned l = 0; l < kRow; ++l) lanes |= uint64_t{v[l] == zero ? 1u : 0u} << l;
    w.quiet[t] = first ? lanes : w.quiet[t] & lanes;
  }
}

struct GroupPlace {
  size_t index;  // in the tile
  size_t first;  // lane of the tile
  size_t count;
  size_t of_model;
  size_t steps;
};

FM_INLINE GroupPlace place_of_group(const uint8_t* opened, const Geometry& g, size_t index) {
  const Head& head = head_of(opened);
  const size_t first = index * kGroup;
  const size_t of_model =
      head.channels == 0 ? 0 : size_t{g.tile.first_channel} * head.phases / kGroup + index;
  return {index, first, least_of(kGroup, g.lanes - first), of_model,
          g.height * g.pitch + group_of(opened, of_model).most_delay};
}

template <class T, unsigned kRow, unsigned kStates>
bool encode_group(const uint8_t* opened, const Geometry& g, const Workspace& w,
                  const GroupPlace& place, const uint8_t* words, Fold fold, Encoding& e) {
  const uint8_t* order = order_of(opened);
  clear_pixels(w, g, opened, place.first, place.count);
  for (size_t i = 0; i < place.count; ++i) {
    const LaneWords from = words_of_lane(g, place.first + i, order);
    split_lane<T>(g, w, place.first + i, i, from, words, fold);
  }
  const Group& group = group_of(opened, place.of_model);
  mark_active(g, group, place.count, place.steps, w.active);
  for (unsigned plane = 0; plane < sizeof(T); ++plane) {
    const PlaneTables& tables = tables_of(opened, plane);
    clear_border(w, tables.zero);
    lay_steps(w, group, plane, place.steps);
    tell_steps<kRow>(plane_of(w, g, opened, place.of_model, plane), place.steps,
                     w.symbols + plane * w.steps * kRow);
    if (plane + 1 < sizeof(T)) mark_quiet<kRow>(w, tables.zero, place.steps, plane == 0);
  }
  for (unsigned plane = sizeof(T); plane-- > 0;) {
    if (!encode_steps<kRow, kStates>(tables_of(opened, plane), w.active, place.steps,
                                     w.symbols + plane * w.steps * kRow, e)) {
      return false;
    }
  }
  return true;
}

template <class T>
size_t encode_tile(const DType& type, const uint8_t* opened, const uint8_t* words, const Tile& tile,
                   uint8_t* scratch, uint8_t* code, size_t capacity) {
  const Geometry g = geometry_of(tile, head_of(opened).phases);
  if (!fits_model(opened, g)) return kNoFit;
  const Workspace w = workspace_of(g, sizeof(T), sizeof(T), scratch);
  const unsigned vectors = state_vectors(tile_words(tile));
  const size_t states = state_count(vectors, g.lanes);
  Encoding e;
  for (uint32_t& state : e.states) state = kLowest;
  e.failed = false;
  e.begin = w.code;
  e.out = w.code + w.code_nbytes;
  const uint8_t* end = e.out;
  for (size_t index = (g.lanes + kGroup - 1) / kGroup; index-- > 0;) {
    const GroupPlace place = place_of_group(opened, g, index);
    const auto body = [&]<unsigned kRow, unsigned kStates>() {
      return encode_group<T, kRow, kStates>(opened, g, w, place, words, fold_of(type), e);
    };
    if (!with_sizes(w.row, vectors, body)) return kNoFit;
  }
  const size_t nbytes = 1 + 4 * states + static_cast<size_t>(end - e.out);
  if (nbytes > capacity) return kNoFit;
  code[0] = static_cast<uint8_t>(vectors);
  memcpy(code + 1, e.states, 4 * states);
  memcpy(code + 1 + 4 * states, e.out, static_cast<size_t>(end - e.out));
  return nbytes;
}

template <class T, unsigned kRow, unsigned kStates>
bool decode_group(const uint8_t* opened, const Geometry& g, const Workspace& w,
                  const GroupPlace& place, uint8_t* words, Fold fold, Decoding& d) {
  const Group& group = group_of(opened, place.of_model);
  mark_active(g, group, place.count, place.steps, w.active);
  for (unsigned plane = 0; plane < sizeof(T); ++plane) {
    const PlaneTables& tables = tables_of(opened, plane);
    clear_border(w, tables.zero);
    if (!decode_steps<kRow, kStates>(plane_of(w, g, opened, place.of_model, plane), place.steps,
                                     d)) {
      return false;
    }
    if (plane + 1 < sizeof(T)) mark_quiet<kRow>(w, tables.zero, place.steps, plane == 0);
    take_steps(w, group, plane, place.steps);
  }
  for (size_t i = 0; i < place.count; ++i) {
    const LaneWords to = words_of_lane(g, place.first + i, order_of(opened));
    join_lane<T>(g, w, place.first + i, i, to, words, fold);
  }
  return true;
}

template <class T>
Refusal decode_tile(const DType& type, const uint8_t* opened, const uint8_t* code, size_t nbytes,
                    uint8_t* scratch, uint8_t* words, const Tile& tile) {
  const Geometry g = geometry_of(tile, head_of(opened).phases);
  if (!fits_model(opened, g)) return "a tile does not fit to the groups of the model";
  const Workspace w = workspace_of(g, sizeof(T), sizeof(T), scratch);
  const unsigned vectors = nbytes > 0 ? code[0] : 0;
  if (vectors != 1 && vectors != 2 && vectors != 4) return "a tile has no number of states";
  const size_t states = state_count(vectors, g.lanes), head = 1 + 4 * states;
  if (nbytes < head || (nbytes - head) % 2 != 0) return "the code is cut short in the states";
  if (nbytes - head + 4 * kGroup > w.code_nbytes) return "words are left over";
  Decoding d;
  for (uint32_t& state : d.states) state = kLowest;
  memcpy(d.states, code + 1, 4 * states);
  for (size_t i = 0; i < states; ++i) {
    if (d.states[i] < kLowest) return "a state is out of range";
  }
  memcpy(w.code, code + head, nbytes - head);
  memset(w.code + nbytes - head, 0, 4 * kGroup);
  d.in = w.code;
  d.end = w.code + nbytes - head;
  for (size_t index = 0; index < (g.lanes + kGroup - 1) / kGroup; ++index) {
    const GroupPlace place = place_of_group(opened, g, index);
    const auto body = [&]<unsigned kRow, unsigned kStates>() {
      return decode_group<T, kRow, kStates>(opened, g, w, place, words, fold_of(type), d);
    };
    if (!with_sizes(w.row, vectors, body)) return "the code is cut short";
  }
  if (d.in != d.end) return "words are left over";
  for (const uint32_t state : d.states) {
    if (state != kLowest) return "the states do not end where they began";
  }
  return nullptr;
}

}  // namespace crans
}  // namespace
}  // namespace fm
