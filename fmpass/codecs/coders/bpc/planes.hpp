// The plane coder of bpc and ebpc: groups of words as a base and the bit planes of its deltas.
// See FORMAT.md. A plane is a number whose bit j is that of the delta j places from the right, so
// that the first delta is its leftmost bit.
#pragma once

#include "simd/bit_stream.hpp"
#include "simd/words.hpp"
#include "transpose.hpp"

namespace fm {
namespace {
namespace planes {

constexpr int64_t kBlocks[] = {4, 8, 16, 32};

// A table of Struct<word, block>::function for every pair that `rejects` lets pass, and its
// indices.
#define FM_WIDTHS_AND_BLOCKS(Struct, function)                                        \
  {                                                                                   \
    {&Struct<uint8_t, 4>::function, &Struct<uint8_t, 8>::function, nullptr, nullptr}, \
        {&Struct<uint16_t, 4>::function, &Struct<uint16_t, 8>::function,              \
         &Struct<uint16_t, 16>::function, nullptr},                                   \
        {&Struct<uint32_t, 4>::function, &Struct<uint32_t, 8>::function,              \
         &Struct<uint32_t, 16>::function, &Struct<uint32_t, 32>::function},           \
        {&Struct<uint64_t, 4>::function, &Struct<uint64_t, 8>::function,              \
         &Struct<uint64_t, 16>::function, &Struct<uint64_t, 32>::function},           \
  }
unsigned width_index(WordType type) { return log2_exact(type.bits) - 3; }
unsigned block_index(int64_t block) { return log2_exact(static_cast<unsigned>(block)) - 2; }

Refusal rejects(int64_t block, WordType type) {
  return block > type.bits ? "block is above the bits of a word" : nullptr;
}

size_t padded_nbytes(size_t bits, unsigned word_bits) {
  return (bits + word_bits - 1) / word_bits * (word_bits / 8);
}

// Constant groups: a base and one run over all planes each.
size_t least_nbytes(size_t groups, unsigned word_bits) {
  return padded_nbytes(groups * (word_bits + 3 + log2_exact(word_bits)), word_bits);
}

struct Symbol {
  uint32_t bits;
  uint8_t count;
};

// The symbol of a changed plane; that of plane 0 (`00001`) is the caller's.
template <unsigned kBlock>
constexpr Symbol changed(uint32_t change) {
  constexpr unsigned kDeltas = kBlock - 1, kPlaceBits = log2_exact(kBlock);
  if (change == (uint32_t{1} << kDeltas) - 1) return {0, 5};
  const uint32_t rest = change & (change - 1);
  unsigned top = kDeltas - 1;
  while ((change >> top) == 0) --top;
  const uint32_t place = kDeltas - 1 - top;
  if (rest == 0) return {3u << kPlaceBits | place, 5 + kPlaceBits};
  if ((rest & (rest - 1)) == 0 && (change & change >> 1) != 0) {
    return {2u << kPlaceBits | place, 5 + kPlaceBits};
  }
  return {(uint32_t{1} << kDeltas) | change, kBlock};
}

struct SymbolTable {
  Symbol of[128];
};

constexpr SymbolTable make_symbols() {
  SymbolTable table{};
  for (uint32_t change = 1; change < 128; ++change) table.of[change] = changed<8>(change);
  return table;
}

constexpr SymbolTable kSymbols = make_symbols();

template <unsigned kBlock>
FM_INLINE Symbol symbol_of(uint32_t change, uint32_t plane) {
  constexpr uint32_t kFull = (uint32_t{1} << (kBlock - 1)) - 1;
  if (plane == 0 && change != kFull) return {1, 5};
  if constexpr (kBlock == 8) return kSymbols.of[change];
  return changed<kBlock>(change);
}

// The code of `run` unchanged planes, none for a run of 0.
template <unsigned kWordBits>
FM_INLINE Symbol run_of(unsigned run) {
  constexpr unsigned kRunBits = log2_exact(kWordBits);
  if (run == 0) return {0, 0};
  if (run == 1) return {1, 2};
  return {1u << kRunBits | (run - 2), 3 + kRunBits};
}

// One group of kBlock words.
template <class T, unsigned kBlock>
FM_INLINE void encode_group(const uint8_t* words, bool is_signed, BitWriter& out) {
  constexpr unsigned kBits = 8 * sizeof(T);
  uint32_t plane[kBits + 1];
  delta_planes<T, kBlock>(words, is_signed, plane);
  put_long(out, load<T>(words), kBits);
  unsigned run = 0;
  uint32_t before = 0;
  for (unsigned k = 0; k <= kBits; ++k) {
    const uint32_t change = plane[k] ^ before;
    before = plane[k];
    if (change == 0) {
      ++run;
      continue;
    }
    const Symbol zeros = run_of<kBits>(run), symbol = symbol_of<kBlock>(change, plane[k]);
    run = 0;
    if constexpr (kBlock <= 16) {  // at most 9 + 16 bits: one call
      put(out, uint64_t{zeros.bits} << symbol.count | symbol.bits, zeros.count + symbol.count);
    } else {
      put(out, zeros.bits, zeros.count);
      put(out, symbol.bits, symbol.count);
    }
  }
  const Symbol zeros = run_of<kBits>(run);
  put(out, zeros.bits, zeros.count);
}

// Meaning of the next eight bits of a group of eight: `count` of them are a symbol that changes the
// plane by `change`, or makes it 0 where `keep` is 0. Symbols that this cannot say have count 0.
struct Meaning {
  uint8_t count;
  uint8_t change;
  uint8_t keep;
};

struct MeaningTable {
  Meaning of[256];
};

constexpr MeaningTable make_meanings() {
  MeaningTable table{};
  for (unsigned head = 0; head < 256; ++head) {
    Meaning& m = table.of[head];
    m.keep = 0xFF;
    const unsigned place = head & 7;
    if (head >= 0x80) {
      m.count = 8;
      m.change = head & 0x7F;
    } else if (head >= 0x40) {
      m.count = 2;
    } else if (head >= 0x20) {
      m.count = 0;  // a run
    } else if (head >> 3 == 0) {
      m.count = 5;
      m.change = 0x7F;
    } else if (head >> 3 == 1) {
      m.count = 5;
      m.keep = 0;
    } else if (head >> 3 == 2) {
      m.count = place < 6 ? 8 : 0;
      m.change = static_cast<uint8_t>(place < 6 ? 0x60 >> place : 0);
    } else {
      m.count = place < 7 ? 8 : 0;
      m.change = static_cast<uint8_t>(place < 7 ? 0x40 >> place : 0);
    }
  }
  return table;
}

constexpr MeaningTable kMeanings = make_meanings();

// Reads one symbol, or a run of them: planes k … are filled and k advanced. False for a symbol that
// cannot be. `head` holds the next 57 or more bits at the top.
template <unsigned kWordBits, unsigned kBlock>
FM_INLINE bool decode_symbol(uint64_t head, uint32_t* plane, unsigned& k, uint32_t& now,
                             unsigned& used) {
  constexpr unsigned kDeltas = kBlock - 1, kPlaceBits = log2_exact(kBlock);
  constexpr unsigned kRunBits = log2_exact(kWordBits);
  if constexpr (kBlock == 8) {
    const Meaning m = kMeanings.of[head >> 56];
    if (m.count != 0) {
      now = (now & m.keep) ^ m.change;
      plane[k++] = now;
      used = m.count;
      return true;
    }
  }
  if (head >> 63 != 0) {
    now ^= static_cast<uint32_t>(head >> (63 - kDeltas)) & ((uint32_t{1} << kDeltas) - 1);
    used = 1 + kDeltas;
  } else if (head >> 62 != 0) {
    used = 2;
  } else if (head >> 61 != 0) {
    const unsigned run =
        2 + (static_cast<unsigned>(head >> (61 - kRunBits)) & ((1u << kRunBits) - 1));
    if (run > kWordBits + 1 - k) return false;
    for (unsigned i = 0; i < run; ++i) plane[k++] = now;
    used = 3 + kRunBits;
    return true;
  } else {
    const unsigned kind = static_cast<unsigned>(head >> 59);
    used = 5;
    if (kind == 0) {
      now ^= (uint32_t{1} << kDeltas) - 1;
    } else if (kind == 1) {
      now = 0;
    } else {
      const unsigned place =
          static_cast<unsigned>(head >> (59 - kPlaceBits)) & ((1u << kPlaceBits) - 1);
      const unsigned ones = kind == 2 ? 2 : 1;
      if (place + ones > kDeltas) return false;
      now ^= ((1u << ones) - 1) << (kDeltas - place - ones);
      used = 5 + kPlaceBits;
    }
  }
  plane[k++] = now;
  return true;
}

// One group; false for symbols that cannot be. The caller looks for an overrun.
template <class T, unsigned kBlock>
FM_INLINE bool decode_group(BitReader& in, uint8_t* words) {
  constexpr unsigned kBits = 8 * sizeof(T);
  constexpr unsigned kLongest = kBlock < 11 ? 11 : kBlock;  // bits of a symbol; a window has 57
  uint32_t plane[kBits + 1];
  const T base = static_cast<T>(take_long(in, kBits));
  uint32_t now = 0;
  unsigned k = 0, gone = 0;
  uint64_t window = peek_bits(in);
  while (k <= kBits) {
    unsigned used = 0;
    if (gone > 57 - kLongest) {
      in.position += gone;
      gone = 0;
      window = peek_bits(in);
    }
    if (!decode_symbol<kBits, kBlock>(window, plane, k, now, used)) return false;
    window <<= used;
    gone += used;
  }
  in.position += gone;
  words_of_planes<T, kBlock>(base, plane, words);
  return true;
}

}  // namespace planes
}  // namespace
}  // namespace fm
