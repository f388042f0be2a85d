// A model fitted to one tensor: one predictor for all lanes, neighbouring contexts share tables.
#pragma once

#include "cost.hpp"
#include "tile.hpp"

namespace fm {
namespace {
namespace crans {

constexpr size_t kMostFitted = size_t{1} << 20;  // words that are looked at
constexpr size_t kMostFittedColumns = size_t{1} << 14;
constexpr unsigned kMostContexts = 2 * kContexts;

struct Counts {
  uint32_t plain[kMostContexts][256];
  uint32_t differences[kMostContexts][256];
};

// What a plane of the model will say.
struct Fitted {
  int64_t bits;
  uint8_t zero;
  uint8_t predictor;
  unsigned tables;
  uint16_t sizes[kMostTables];  // contexts of each table
  uint8_t subtract[kMostTables];
  uint8_t grades[kMostTables][kSymbols];
};

// Scratch of fit(), before the workspace of a group.
struct FitSpace {
  Counts counts;
  Group group;
  PlaneTables tables;
  Fitted found[2];
};

// The part of each map that is looked at, as groups of channels; every `stride`th of them is.
struct Sample {
  Tile tile;  // of a group of all its channels
  size_t begin;
  size_t groups;  // of a map
  size_t stride;
};

Sample sample_of(const Tile& whole, size_t maps) {
  Sample s;
  s.tile = whole;
  s.tile.first_channel = 0;
  s.tile.channels = static_cast<uint32_t>(least_of(whole.channels, kGroup));
  s.tile.columns = static_cast<uint32_t>(least_of(whole.columns, kMostFittedColumns));
  const size_t most = kMostFitted / (size_t{s.tile.channels} * s.tile.columns);
  s.tile.rows = static_cast<uint32_t>(least_of(whole.rows, most > 0 ? most : 1));
  s.begin = (whole.rows - s.tile.rows) / 2 * whole.row_stride;
  s.groups = (size_t{whole.channels} + kGroup - 1) / kGroup;
  const size_t words = maps * whole.channels * s.tile.rows * s.tile.columns;
  s.stride = (words + kMostFitted - 1) / kMostFitted;
  return s;
}

template <unsigned kRow>
void count_steps(const Plane& c, size_t steps, Counts* counts) {
  alignas(64) uint8_t prediction[64], context[64];
#if defined(FM_AVX512)
  const Lookups look = lookups_of(*c.tables);
#endif
  for (size_t t = 0; t < steps; ++t) {
    const uint8_t* v = c.values + t * kRow;
#if defined(FM_AVX512)
    const Told told = tell_avx512<kRow, false>(c, look, t, load512(v - kRow), load512(c.errors + t * kRow - kRow));
    _mm512_store_si512(prediction, told.prediction);
    _mm512_store_si512(context, told.meaning);
#else
    tell_plain<kRow>(c, t, prediction, context);
#endif
    keep_row<kRow>(c, t, v, prediction);
    const uint64_t quiet = c.quiet != nullptr ? c.quiet[t] : 0;
    for (uint64_t left = c.active[t]; left != 0; left &= left - 1) {
      const unsigned lane = trailing_zeros(left);
      const size_t at = context[lane] + kContexts * (quiet >> lane & 1);
      ++counts->plain[at][v[lane]];
      ++counts->differences[at][static_cast<uint8_t>(v[lane] - prediction[lane])];
    }
  }
}

// Calls body(workspace, place, geometry) for each group that is looked at, its pixels split.
template <class T, class Body>
void for_each_group(const Sample& s, const Tile& whole, size_t maps, size_t map_stride,
                    const uint8_t* words, uint8_t* scratch, const Group& group, Fold fold, Body body) {
  for (size_t index = 0; index < maps * s.groups; index += s.stride) {
    Tile tile = s.tile;
    const size_t first = index % s.groups * kGroup;
    tile.channels = static_cast<uint32_t>(least_of(kGroup, whole.channels - first));
    const Geometry g = geometry_of(tile, 1);
    Workspace w = workspace_of(g, sizeof(T), sizeof(T), scratch);
    const size_t at = index / s.groups * map_stride + first * whole.channel_stride + s.begin;
    const GroupPlace place = {0, 0, tile.channels, 0, g.height * g.pitch};
    for (size_t i = 0; i < tile.channels; ++i) {
      split_lane<T>(g, w, i, i, words_of_lane(g, i, nullptr), words + at * sizeof(T), fold);
    }
    mark_active(g, group, tile.channels, place.steps, w.active);
    body(w, place, g);
  }
}

// Pads the pixels of a plane with its zero, as clear_pixels() does with those of a model.
void pad_pixels(const Workspace& w, const Geometry& g, size_t plane, uint8_t zero) {
  for (size_t i = 0; i < w.row; ++i) {
    uint8_t* pixels = pixels_of(w, plane, i);
    if (i >= g.lanes) {
      memset(pixels - kMargin, zero, w.lane_nbytes);
      continue;
    }
    memset(pixels - kMargin, zero, kMargin);
    for (size_t y = 0; y < g.height; ++y) pixels[y * g.pitch + g.width] = zero;
    memset(pixels + g.height * g.pitch, zero, w.lane_nbytes - kMargin - g.height * g.pitch);
  }
}

// Grades of a table; bytes that occur once are left to the escape, which always can come.
void grades_with_escape(const uint32_t* counts, uint8_t* grades) {
  uint64_t all[kSymbols] = {}, total = 0, rare = 0;
  for (unsigned i = 0; i < 256; ++i) total += counts[i];
  for (unsigned i = 0; i < 256; ++i) {
    const bool alone = counts[i] == 1 && total > 1;
    all[i] = alone ? 0 : counts[i];
    rare += alone ? 1 : 0;
  }
  if (rare == total) {  // nothing was kept
    rare = 0;
    for (unsigned i = 0; i < 256; ++i) all[i] = counts[i];
    if (total == 0) all[0] = 1;
  }
  all[kEscape] = rare + 1;
  grades_of(all, grades);
}

// Neighbouring contexts share a table where that pays. Sums up in `counts`.
void share_tables(Counts* counts, unsigned contexts, Fitted* found) {
  uint16_t place[kMostContexts], size[kMostContexts];
  int64_t price[kMostContexts], gain[kMostContexts];
  bool subtract = false;
  unsigned count = 0, unseen = 0;
  // Contexts that do not occur go with the one before them, the first ones with the first that does.
  for (unsigned i = 0; i < contexts; ++i) {
    const int64_t own = price_of(counts->plain[i], counts->differences[i], &subtract);
    if (own == 0 && count > 0) {
      ++size[count - 1];
    } else if (own == 0) {
      ++unseen;
    } else {
      place[count] = static_cast<uint16_t>(i);
      size[count] = static_cast<uint16_t>(unseen + 1);
      price[count++] = own;
      unseen = 0;
    }
  }
  if (count == 0) {
    place[0] = 0;
    size[0] = static_cast<uint16_t>(contexts);
    price[0] = 0;
    count = 1;
  }
  const auto gain_of = [&](unsigned i) {
    uint32_t plain[256], differences[256];
    for (unsigned s = 0; s < 256; ++s) {
      plain[s] = counts->plain[place[i]][s] + counts->plain[place[i + 1]][s];
      differences[s] = counts->differences[place[i]][s] + counts->differences[place[i + 1]][s];
    }
    bool ignored = false;
    return price[i] + price[i + 1] - price_of(plain, differences, &ignored);
  };
  for (unsigned i = 0; i + 1 < count; ++i) gain[i] = gain_of(i);
  while (count > 1) {
    unsigned best = 0;
    for (unsigned i = 1; i + 1 < count; ++i) {
      if (gain[i] > gain[best]) best = i;
    }
    if (gain[best] < 0 && count <= kMostTables) break;
    for (unsigned s = 0; s < 256; ++s) {
      counts->plain[place[best]][s] += counts->plain[place[best + 1]][s];
      counts->differences[place[best]][s] += counts->differences[place[best + 1]][s];
    }
    size[best] = static_cast<uint16_t>(size[best] + size[best + 1]);
    price[best] =
        price_of(counts->plain[place[best]], counts->differences[place[best]], &subtract);
    for (unsigned i = best + 1; i + 1 < count; ++i) {
      place[i] = place[i + 1];
      size[i] = size[i + 1];
      price[i] = price[i + 1];
    }
    for (unsigned i = best; i + 2 < count; ++i) gain[i] = gain[i + 1];
    --count;
    if (best + 1 < count) gain[best] = gain_of(best);
    if (best > 0) gain[best - 1] = gain_of(best - 1);
  }
  found->bits = 0;
  found->tables = count;
  for (unsigned i = 0; i < count; ++i) {
    const uint32_t* plain = counts->plain[place[i]];
    const uint32_t* differences = counts->differences[place[i]];
    found->bits += price_of(plain, differences, &subtract);
    found->sizes[i] = size[i];
    found->subtract[i] = subtract ? 1 : 0;
    grades_with_escape(subtract ? differences : plain, found->grades[i]);
  }
}

// The first plane of a model has 256 contexts, those below it twice as many.
template <class T>
void fit_plane(const Sample& s, const Tile& whole, size_t maps, size_t map_stride,
               const uint8_t* words, unsigned plane, const uint8_t* zeros, Fold fold,
               FitSpace* space, uint8_t* scratch, Fitted* best) {
  for (uint8_t number = kMedian; number <= kBoth; ++number) {
    space->tables.zero = zeros[plane];
    space->tables.predictor = number;
    for (unsigned i = 0; i < kMostContexts; ++i) {
      space->tables.contexts[i] = static_cast<uint8_t>(i);
    }
    memset(&space->counts, 0, sizeof space->counts);
    for_each_group<T>(
        s, whole, maps, map_stride, words, scratch, space->group, fold,
        [&](const Workspace& w, const GroupPlace& place, const Geometry& g) {
          const auto body = [&]<unsigned kRow, unsigned kStates>() {
            for (unsigned above = 0; above < plane; ++above) {
              pad_pixels(w, g, above, zeros[above]);
              lay_steps(w, space->group, above, place.steps);
              mark_quiet<kRow>(w, zeros[above], place.steps, above == 0);
            }
            pad_pixels(w, g, plane, zeros[plane]);
            clear_border(w, zeros[plane]);
            lay_steps(w, space->group, plane, place.steps);
            const Plane c = {w.values,       w.medians,        w.errors,
                             w.active,       plane > 0 ? w.quiet : nullptr,
                             &space->tables, nullptr,           &space->group,
                             g.pitch,        0};
            count_steps<kRow>(c, place.steps, &space->counts);
            return true;
          };
          with_sizes(w.row, 1, body);
        });
    Fitted* now = &space->found[1];
    now->zero = zeros[plane];
    now->predictor = number;
    share_tables(&space->counts, plane == 0 ? kContexts : kMostContexts, now);
    if (number == 0 || now->bits < best->bits) *best = *now;
  }
}

template <class T>
void find_zeros(const Sample& s, const Tile& whole, size_t maps, size_t map_stride,
                const uint8_t* words, Fold fold, FitSpace* space, uint8_t* scratch, uint8_t* zeros) {
  uint64_t counts[kMostPlanes][256] = {};
  for_each_group<T>(s, whole, maps, map_stride, words, scratch, space->group, fold,
                    [&](const Workspace& w, const GroupPlace&, const Geometry& g) {
                      for (unsigned plane = 0; plane < sizeof(T); ++plane) {
                        for (size_t i = 0; i < g.lanes; ++i) {
                          for (size_t y = 0; y < g.height; ++y) {
                            const uint8_t* row = pixels_of(w, plane, i) + y * g.pitch;
                            for (size_t x = 0; x < g.width; ++x) ++counts[plane][row[x]];
                          }
                        }
                      }
                    });
  for (unsigned plane = 0; plane < sizeof(T); ++plane) {
    zeros[plane] = 0;
    for (unsigned i = 1; i < 256; ++i) {
      if (counts[plane][i] > counts[plane][zeros[plane]]) zeros[plane] = static_cast<uint8_t>(i);
    }
  }
}

template <class T>
size_t fit_words(const DType& type, const uint8_t* words, const Tile& whole, size_t maps,
                 size_t map_stride, uint8_t* scratch, uint8_t* model) {
  FitSpace* space = reinterpret_cast<FitSpace*>(scratch);
  scratch += aligned(sizeof(FitSpace));
  memset(&space->group, 0, sizeof space->group);
  space->group.level_lanes[0] = ~uint64_t{0};
  const Sample s = sample_of(whole, maps);
  const Fold fold = fold_of(type);
  uint8_t zeros[kMostPlanes];
  find_zeros<T>(s, whole, maps, map_stride, words, fold, space, scratch, zeros);
  uint8_t* at = model;
  const uint8_t head[kHeadNbytes] = {1, sizeof(T), 1, 0, 0, 0, 0};
  memcpy(at, head, sizeof head);
  at += sizeof head;
  ModelWriter out = {at + 2 * sizeof(T), 0};
  memset(out.out, 0, kMostModelBits / 8 * sizeof(T));
  Fitted* best = &space->found[0];
  for (unsigned plane = 0; plane < sizeof(T); ++plane) {
    fit_plane<T>(s, whole, maps, map_stride, words, plane, zeros, fold, space, scratch, best);
    *at++ = best->zero;
    *at++ = best->predictor;
    put_bits(out, best->tables - 1, 6);
    for (unsigned i = 0; i < best->tables; ++i) {
      put_bits(out, best->subtract[i], 1);
      write_grades(out, best->grades[i]);
    }
    for (unsigned i = 0; i < best->tables; ++i) {
      put_bits(out, i, 6);
      put_gamma(out, best->sizes[i]);
    }
  }
  return static_cast<size_t>(out.out - model) + (out.at + 7) / 8;
}

size_t model_nbytes(const Params&, const DType& type, const Tile&) {
  return kHeadNbytes + type.bits / 8u * (2 + kMostModelBits / 8);
}

size_t fit_scratch_nbytes(const Params&, const DType& type, const Tile& whole) {
  const Geometry g = geometry_of(sample_of(whole, 1).tile, 1);
  const unsigned planes = type.bits / 8u;
  return aligned(sizeof(FitSpace)) + workspace_of(g, planes, planes, nullptr).total;
}

size_t fit(const Params&, const DType& type, const uint8_t* words, const Tile& whole, size_t maps,
           size_t map_stride, uint8_t* scratch, uint8_t* model) {
  return type.bits == 8    ? fit_words<uint8_t>(type, words, whole, maps, map_stride, scratch, model)
         : type.bits == 16 ? fit_words<uint16_t>(type, words, whole, maps, map_stride, scratch, model)
                           : fit_words<uint32_t>(type, words, whole, maps, map_stride, scratch, model);
}

}  // namespace crans
}  // namespace
}  // namespace fm
