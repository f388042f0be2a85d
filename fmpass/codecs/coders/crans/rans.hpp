// Interleaved rANS: 32-bit states, 16-bit words; lane i of a row uses state i modulo their number.
#pragma once

#include "context.hpp"

namespace fm {
namespace {
namespace crans {

constexpr uint32_t kLowest = 1u << 16;  // states begin and end here

// What a decoder holds. Words are read without asking: `end` has kGroup · 4 zero bytes behind it,
// and whoever reads compares `in` with it after each step.
struct Decoding {
  uint32_t states[kGroup];
  const uint8_t* in;
  const uint8_t* end;
};

FM_INLINE uint32_t refill(uint32_t state, const uint8_t*& in) {
  if (state >= kLowest) return state;
  const uint32_t word = load<uint16_t>(in);
  in += 2;
  return state << 16 | word;
}

// Bytes behind escapes of lanes that have states of their own.
FM_INLINE void take_escaped(Decoding& d, uint32_t* states, uint64_t escapes, uint8_t* symbols) {
  for (; escapes != 0; escapes &= escapes - 1) {
    const unsigned lane = trailing_zeros(escapes);
    symbols[lane] = static_cast<uint8_t>(states[lane]);
    states[lane] = refill(states[lane] >> 8, d.in);
  }
}

// One step of a row of lanes: the symbols, by tables that `meaning` tells. First all lanes that have
// states of their own, then what stands behind their escapes, then the next lanes.
template <unsigned kRow, unsigned kStates>
FM_INLINE void decode_row_plain(Decoding& d, const PlaneTables& tables, const uint8_t* meaning,
                                uint64_t active, uint8_t* symbols) {
  for (unsigned first = 0; first < kRow; first += kStates) {
    uint64_t escapes = 0;
    for (unsigned i = 0; i < kStates; ++i) {
      const unsigned lane = first + i;
      symbols[lane] = 0;
      if ((active >> lane & 1) == 0) continue;
      const uint32_t state = d.states[i];
      const uint32_t entry = tables.slots[meaning[lane] & 63][state & (kTotal - 1)];
      symbols[lane] = static_cast<uint8_t>(entry);
      escapes |= uint64_t{entry >> 31} << i;
      d.states[i] = refill(
          (entry >> 8 & (kTotal - 1)) * (state >> kPrecision) + (entry >> 19 & (kTotal - 1)), d.in);
    }
    if (FM_UNLIKELY(escapes != 0)) take_escaped(d, d.states, escapes, symbols + first);
  }
}

// What an encoder holds: words are written downwards from `out` to `begin`.
struct Encoding {
  uint32_t states[kGroup];
  uint8_t* out;
  uint8_t* begin;
  bool failed;  // a symbol has no frequency, nor an escape
};

FM_INLINE void put_word(Encoding& e, uint32_t& state) {
  e.out -= 2;
  store(e.out, static_cast<uint16_t>(state));
  state >>= 16;
}

FM_INLINE void put_symbol(Encoding& e, uint32_t& state, uint32_t entry) {
  const uint32_t frequency = entry & 0xFFFF;
  if (FM_UNLIKELY(frequency == 0)) {
    e.failed = true;
    return;
  }
  if (state >= frequency << 21) put_word(e, state);
  state = (state / frequency << kPrecision) + state % frequency + (entry >> 16);
}

// A step backwards. `symbols` holds table << 8 | symbol of each lane.
template <unsigned kRow, unsigned kStates>
FM_INLINE void encode_row_plain(Encoding& e, const PlaneTables& tables, const uint16_t* symbols,
                                uint64_t active) {
  for (unsigned first = kRow; first > 0;) {
    first -= kStates;
    uint32_t entries[kStates];
    for (unsigned i = kStates; i-- > 0;) {
      const unsigned lane = first + i;
      const uint32_t* row = tables.symbols[symbols[lane] >> 8];
      entries[i] = row[symbols[lane] & 255];
      if ((active >> lane & 1) == 0 || (entries[i] & 0xFFFF) != 0) continue;
      entries[i] = row[kEscape];
      if (e.states[i] >= 1u << 24) put_word(e, e.states[i]);
      e.states[i] = e.states[i] << 8 | (symbols[lane] & 255u);
    }
    for (unsigned i = kStates; i-- > 0;) {
      if ((active >> (first + i) & 1) != 0) put_symbol(e, e.states[i], entries[i]);
    }
  }
}

}  // namespace crans
}  // namespace
}  // namespace fm
