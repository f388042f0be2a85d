// The model of crans, read and expanded: predictors of each group of lanes, contexts, tables.
#pragma once

#include "tables.hpp"

namespace fm {
namespace {
namespace crans {

constexpr unsigned kGroup = 64;  // lanes that run side by side
constexpr unsigned kMostPlanes = 4;
constexpr unsigned kMostTables = 64;
constexpr unsigned kMostReferences = 4;
constexpr unsigned kLevels = 8;
constexpr unsigned kOwnTaps = 8;
constexpr unsigned kMostTaps = kOwnTaps + 4 * kMostReferences;
constexpr unsigned kContexts = 256;
constexpr unsigned kChunk = 256;  // channels that a tile has a multiple of, or all
constexpr uint8_t kSubtract = 0x80;
constexpr size_t kHeadNbytes = 7;
constexpr size_t kMostModelBits = kMostTables * 8192 + 2 * kContexts * 24;  // of a plane

enum PlainPredictor : uint8_t { kMedian = 0, kMean = 1, kBoth = 2 };

// Of one plane. `weights` is by tap and lane; the others hold the same in the order in which bytes
// of four vectors are brought together: vector j, position d belongs to lane_at(j, d).
struct Predictor {
  int16_t weights[kMostTaps][kGroup];
  int32_t bias[kGroup];  // with half a unit
  uint8_t energy[4][kGroup];
  int8_t high[kMostTaps / 4][4][kGroup];  // weights = 128 high + low
  int8_t low[kMostTaps / 4][4][kGroup];
  int32_t mixed_bias[4][16];
  int8_t mixed_energy[4][kGroup];
};

// Of all planes. `sources`: lane of a reference, plus 64 where it is two levels above.
struct Group {
  uint64_t level_lanes[kLevels];
  uint8_t delays[kGroup];
  uint8_t sources[kMostReferences][kGroup];
  unsigned most_delay;
};

struct PlaneTables {
  uint8_t zero;
  uint8_t predictor;  // of a plain model
  uint8_t table_count;
  uint8_t contexts[2 * kContexts];
  // By table and slot: symbol | frequency << 8 | (slot − start) << 19, the top bit for an escape.
  uint32_t slots[kMostTables][kTotal];
  // By table and symbol: frequency | start << 16.
  uint32_t symbols[kMostTables][kSymbols];
};

// The opened model: Head, then groups, predictors [group][plane], the order, tables [plane].
struct Head {
  uint32_t planes;
  uint32_t phases;
  uint32_t references;
  uint32_t channels;  // 0: a plain model, without lanes of its own
  uint32_t groups;
  uint32_t ordered;
};

FM_INLINE unsigned lane_at(unsigned vector, unsigned position) {
  return position / 4 * 16 + 4 * vector + position % 4;
}

FM_INLINE const Head& head_of(const uint8_t* opened) {
  return *reinterpret_cast<const Head*>(opened);
}

FM_INLINE size_t aligned(size_t nbytes) { return (nbytes + 63) / 64 * 64; }

struct Places {
  size_t groups;
  size_t predictors;
  size_t order;
  size_t tables;
  size_t end;
};

Places places_of(const Head& head) {
  Places at;
  at.groups = aligned(sizeof(Head));
  at.predictors = at.groups + aligned(sizeof(Group)) * head.groups;
  const size_t predictors = head.channels == 0 ? 0 : size_t{head.groups} * head.planes;
  at.order = at.predictors + aligned(sizeof(Predictor)) * predictors;
  at.tables = at.order + (head.ordered != 0 ? aligned(head.channels) : 0);
  at.end = at.tables + aligned(sizeof(PlaneTables)) * head.planes;
  return at;
}

FM_INLINE const Group& group_of(const uint8_t* opened, size_t group) {
  return *reinterpret_cast<const Group*>(opened + places_of(head_of(opened)).groups +
                                         aligned(sizeof(Group)) * group);
}

FM_INLINE const Predictor& predictor_of(const uint8_t* opened, size_t group, size_t plane) {
  const Head& head = head_of(opened);
  return *reinterpret_cast<const Predictor*>(opened + places_of(head).predictors +
                                             aligned(sizeof(Predictor)) *
                                                 (group * head.planes + plane));
}

FM_INLINE const PlaneTables& tables_of(const uint8_t* opened, size_t plane) {
  return *reinterpret_cast<const PlaneTables*>(opened + places_of(head_of(opened)).tables +
                                               aligned(sizeof(PlaneTables)) * plane);
}

// Null where channels stand in their own order.
FM_INLINE const uint8_t* order_of(const uint8_t* opened) {
  const Head& head = head_of(opened);
  return head.ordered != 0 ? opened + places_of(head).order : nullptr;
}

// False unless the bytes begin like a model of `planes` planes.
bool read_head(const uint8_t* model, size_t nbytes, Head* head) {
  if (nbytes < kHeadNbytes || model[0] != 1) return false;
  head->planes = model[1];
  const unsigned phases = model[2];
  head->phases = phases * phases;
  head->references = model[3];
  head->channels = load<uint16_t>(model + 4);
  head->ordered = model[6];
  if (head->planes < 1 || head->planes > kMostPlanes || phases < 1 || phases > 2) return false;
  const bool plain = head->channels == 0;
  if (head->references > (plain ? 0 : kMostReferences) || head->ordered > (plain ? 0 : 1)) {
    return false;
  }
  const size_t lanes = size_t{head->channels} * head->phases;
  head->groups = plain ? 1 : static_cast<uint32_t>((lanes + kGroup - 1) / kGroup);
  const size_t taps = kOwnTaps + 4 * head->references;
  const size_t fixed = kHeadNbytes + head->ordered * head->channels +
                       lanes * (1 + head->references) +
                       head->planes * (plain ? 2 : 1 + lanes * (2 * taps + 4 + 4));
  return nbytes > fixed;
}

bool check_order(const uint8_t* order, size_t channels) {
  for (size_t chunk = 0; chunk < channels; chunk += kChunk) {
    const size_t count = channels - chunk < kChunk ? channels - chunk : kChunk;
    uint64_t seen[4] = {};
    for (size_t i = 0; i < count; ++i) {
      const unsigned place = order[chunk + i];
      if (place >= count || (seen[place / 64] >> place % 64 & 1) != 0) return false;
      seen[place / 64] |= uint64_t{1} << place % 64;
    }
  }
  return true;
}

// Lanes `first` and on of the model into a group; without any, all are on the first level.
bool open_group(const uint8_t* levels, const uint8_t* references, size_t lanes, size_t first,
                unsigned count, Group* group) {
  memset(group, 0, sizeof *group);
  const size_t there = lanes - first;
  for (unsigned lane = 0; lane < kGroup; ++lane) {
    const unsigned level = lane < there ? levels[first + lane] : 0;
    if (level >= kLevels) return false;
    group->level_lanes[level] |= uint64_t{1} << lane;
    group->delays[lane] = static_cast<uint8_t>(2 * level);
    if (group->most_delay < 2 * level) group->most_delay = 2 * level;
    for (unsigned k = 0; lane < there && k < count; ++k) {
      const uint8_t source = references[(first + lane) * count + k];
      if (source > 127 || (source & 63u) >= there) return false;
      group->sources[k][lane] = source;
    }
  }
  return true;
}

// Lanes `first` and on into a predictor. False where a weight is out of range.
bool fill_predictor(const uint8_t* weights, const uint8_t* bias, const uint8_t* energy, unsigned taps,
                    size_t lanes, size_t first, Predictor* predictor) {
  Predictor& p = *predictor;
  memset(&p, 0, sizeof p);
  for (unsigned lane = 0; lane < kGroup; ++lane) {
    const size_t from = first + lane;
    if (from >= lanes) break;
    for (unsigned tap = 0; tap < taps; ++tap) {
      const int16_t weight = load<int16_t>(weights + 2 * (from * taps + tap));
      if (weight < -16384 || weight > 16383) return false;
      p.weights[tap][lane] = weight;
    }
    const int32_t offset = load<int32_t>(bias + 4 * from);
    if (offset < -(1 << 30) || offset > 1 << 30) return false;
    p.bias[lane] = offset + 2048;
    for (unsigned i = 0; i < 4; ++i) {
      if (energy[4 * from + i] > 127) return false;
      p.energy[i][lane] = energy[4 * from + i];
    }
  }
  for (unsigned j = 0; j < 4; ++j) {
    for (unsigned d = 0; d < 16; ++d) {
      const unsigned lane = lane_at(j, d);
      p.mixed_bias[j][d] = p.bias[lane];
      for (unsigned tap = 0; tap < kMostTaps; ++tap) {
        const int weight = p.weights[tap][lane];
        p.high[tap / 4][j][4 * d + tap % 4] = static_cast<int8_t>(weight >> 7);
        p.low[tap / 4][j][4 * d + tap % 4] = static_cast<int8_t>(weight & 127);
      }
      for (unsigned i = 0; i < 4; ++i) {
        p.mixed_energy[j][4 * d + i] = static_cast<int8_t>(p.energy[i][lane]);
      }
    }
  }
  return true;
}

// `at` moves past the arrays of one plane.
bool open_predictors(const uint8_t*& at, const Head& head, size_t lanes, uint8_t* opened,
                     size_t plane) {
  const unsigned taps = kOwnTaps + 4 * head.references;
  const uint8_t *weights = at, *bias = weights + 2 * lanes * taps, *energy = bias + 4 * lanes;
  at = energy + 4 * lanes;
  const size_t base = places_of(head).predictors;
  for (size_t g = 0; g < head.groups; ++g) {
    Predictor* p = reinterpret_cast<Predictor*>(
        opened + base + aligned(sizeof(Predictor)) * (g * head.planes + plane));
    if (!fill_predictor(weights, bias, energy, taps, lanes, g * kGroup, p)) return false;
  }
  return true;
}

bool open_tables(ModelReader& in, unsigned contexts, PlaneTables* plane) {
  const unsigned count = take_bits(in, 6) + 1;
  uint8_t subtract[kMostTables];
  plane->table_count = static_cast<uint8_t>(count);
  for (unsigned table = 0; table < count; ++table) {
    subtract[table] = take_bits(in, 1) != 0 ? kSubtract : 0;
    uint8_t grades[kSymbols];
    if (!read_grades(in, grades)) return false;
    uint16_t frequencies[kSymbols];
    frequencies_of(grades, frequencies);
    uint32_t start = 0;
    for (unsigned symbol = 0; symbol < kSymbols; ++symbol) {
      const uint32_t frequency = frequencies[symbol];
      plane->symbols[table][symbol] = frequency | start << 16;
      const uint32_t entry = (symbol & 255) | frequency << 8 | (symbol >> 8) << 31;
      for (uint32_t i = 0; i < frequency; ++i) plane->slots[table][start + i] = entry | i << 19;
      start += frequency;
    }
  }
  unsigned done = 0;
  while (done < contexts) {
    const unsigned table = take_bits(in, 6), run = take_gamma(in);
    if (in.failed || table >= count || run > contexts - done) return false;
    memset(plane->contexts + done, static_cast<int>(table | subtract[table]), run);
    done += run;
  }
  return true;
}

size_t opened_nbytes(const Params&, const DType&, const uint8_t* model, size_t nbytes) {
  Head head;
  return read_head(model, nbytes, &head) ? places_of(head).end : sizeof(Head);
}

Refusal open(const Params&, const DType& type, const uint8_t* model, size_t nbytes,
             uint8_t* opened) {
  Head head;
  if (!read_head(model, nbytes, &head)) return "the head of the model is out of range";
  if (head.planes != type.bits / 8u) return "the model has not the planes of the type";
  memcpy(opened, &head, sizeof head);
  const Places places = places_of(head);
  const size_t lanes = size_t{head.channels} * head.phases;
  const uint8_t* at = model + kHeadNbytes;
  if (head.ordered != 0) {
    if (!check_order(at, head.channels)) return "the order of channels in the model is none";
    memcpy(opened + places.order, at, head.channels);
    at += head.channels;
  }
  const uint8_t *levels = at, *references = at + lanes;
  at = references + lanes * head.references;
  for (size_t g = 0; g < head.groups; ++g) {
    Group* group =
        reinterpret_cast<Group*>(opened + places.groups + aligned(sizeof(Group)) * g);
    if (!open_group(levels, references, lanes, g * kGroup, head.references, group)) {
      return "a level or reference of the model is out of range";
    }
  }
  for (size_t plane = 0; plane < head.planes; ++plane) {
    PlaneTables* tables = reinterpret_cast<PlaneTables*>(opened + places.tables +
                                                         aligned(sizeof(PlaneTables)) * plane);
    tables->zero = *at++;
    tables->predictor = kMedian;
    if (head.channels == 0) {
      tables->predictor = *at++;
      if (tables->predictor > kBoth) return "a predictor of the model is unknown";
    } else if (!open_predictors(at, head, lanes, opened, plane)) {
      return "a weight of the model is out of range";
    }
  }
  ModelReader in = {at, 8 * static_cast<size_t>(model + nbytes - at), 0, false};
  for (size_t plane = 0; plane < head.planes; ++plane) {
    PlaneTables* tables = reinterpret_cast<PlaneTables*>(opened + places.tables +
                                                         aligned(sizeof(PlaneTables)) * plane);
    if (!open_tables(in, plane == 0 ? kContexts : 2 * kContexts, tables)) {
      return "the tables of the model are none";
    }
  }
  const size_t left = in.nbits - in.at;
  if (left > 7 || take_bits(in, static_cast<unsigned>(left)) != 0) {
    return "the model has bytes left over";
  }
  return nullptr;
}

bool serves(const uint8_t* opened, size_t channels) {
  return head_of(opened).channels == 0 || head_of(opened).channels == channels;
}

}  // namespace crans
}  // namespace
}  // namespace fm
