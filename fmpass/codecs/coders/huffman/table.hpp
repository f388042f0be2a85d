// huffman: code lengths, how they are chosen and how a block carries them. See FORMAT.md.
#pragma once

#include "simd/memory.hpp"

namespace fm {
namespace {
namespace huffman {

constexpr unsigned kSymbols = 256;
constexpr unsigned kLongest = 12;  // bits of a code
constexpr size_t kMostTable = 2 + kSymbols;  // bytes: no run takes more nibbles than lengths would

// Lengths of optimal codes for `counts`, two of which are not zero; package-merge.
void choose_lengths(const uint32_t* counts, uint8_t* lengths) {
  uint64_t keys[kSymbols];
  unsigned n = 0;
  for (unsigned s = 0; s < kSymbols; ++s) {
    lengths[s] = 0;
    if (counts[s] > 0) keys[n++] = uint64_t{counts[s]} << 8 | s;
  }
  constexpr unsigned kGaps[] = {57, 23, 10, 4, 1};
  for (const unsigned gap : kGaps) {
    for (unsigned i = gap; i < n; ++i) {
      const uint64_t key = keys[i];
      unsigned j = i;
      for (; j >= gap && keys[j - gap] > key; j -= gap) keys[j] = keys[j - gap];
      keys[j] = key;
    }
  }
  // Of each level, in the order of weight: whether it is a byte or a package of two of the level
  // before. Weights stay below 12 · 2^24.
  uint8_t leaf[kLongest][2 * kSymbols];
  uint32_t weights[2][2 * kSymbols];
  unsigned size = 0;
  for (unsigned level = 0; level < kLongest; ++level) {
    const uint32_t* before = weights[level % 2];
    uint32_t* const now = weights[(level + 1) % 2];
    const unsigned packages = size / 2;
    unsigned symbol = 0, package = 0;
    size = n + packages;
    for (unsigned i = 0; i < size; ++i) {
      const uint64_t of_symbol = symbol < n ? keys[symbol] >> 8 : ~uint64_t{0};
      const uint64_t of_package =
          package < packages ? uint64_t{before[2 * package]} + before[2 * package + 1]
                             : ~uint64_t{0};
      const bool is_leaf = of_symbol <= of_package && symbol < n;
      now[i] = static_cast<uint32_t>(is_leaf ? of_symbol : of_package);
      leaf[level][i] = is_leaf;
      symbol += is_leaf ? 1 : 0;
      package += is_leaf ? 0 : 1;
    }
  }
  unsigned taken = 2 * n - 2;
  for (unsigned level = kLongest; level-- > 0;) {
    unsigned symbols = 0;
    for (unsigned i = 0; i < taken; ++i) symbols += leaf[level][i];
    for (unsigned i = 0; i < symbols; ++i) ++lengths[keys[i] & 255];
    taken = 2 * (taken - symbols);
  }
}

// Canonical codes: shorter ones first, those of one length in the order of their bytes.
void make_codes(const uint8_t* lengths, uint16_t* codes) {
  unsigned next[kLongest + 2] = {};
  for (unsigned s = 0; s < kSymbols; ++s) {
    if (lengths[s] > 0) ++next[lengths[s] + 1];
  }
  for (unsigned length = 1; length <= kLongest; ++length) {
    next[length] = (next[length - 1] + next[length]) << 1;
  }
  // next[l] is now twice the first code of length l − 1 plus those of that length: the first of l.
  for (unsigned s = 0; s < kSymbols; ++s) {
    codes[s] = lengths[s] > 0 ? static_cast<uint16_t>(next[lengths[s]]++) : uint16_t{0};
  }
}

struct Nibbles {
  uint8_t* at;
  bool half;  // the upper nibble of *at is there
};

FM_INLINE void put_nibble(Nibbles& out, unsigned nibble) {
  if (out.half) {
    *out.at++ |= static_cast<uint8_t>(nibble);
  } else {
    *out.at = static_cast<uint8_t>(nibble << 4);
  }
  out.half = !out.half;
}

// Writes at most kMostTable bytes and returns how many.
size_t write_table(const uint8_t* lengths, uint8_t* table) {
  Nibbles out = {table, false};
  unsigned last = 0;
  for (unsigned s = 0; s < kSymbols;) {
    unsigned run = 1;
    while (s + run < kSymbols && lengths[s + run] == lengths[s]) ++run;
    if (lengths[s] > 0) {
      if (lengths[s] == last && run >= 2) {
        run = run < 17 ? run : 17;
        put_nibble(out, 13);
        put_nibble(out, run - 2);
      } else {
        run = 1;
        put_nibble(out, lengths[s]);
      }
      last = lengths[s];
    } else if (s + run == kSymbols) {
      put_nibble(out, 0);
    } else if (run <= 16) {
      put_nibble(out, 14);
      put_nibble(out, run - 1);
    } else {
      put_nibble(out, 15);
      put_nibble(out, (run - 17) / 16);
      put_nibble(out, (run - 17) % 16);
    }
    s += run;
  }
  if (out.half) put_nibble(out, 0);
  return static_cast<size_t>(out.at - table);
}

// Reads a table of at most `nbytes` bytes; 0 for one that is none, else its size.
size_t read_table(const uint8_t* table, size_t nbytes, uint8_t* lengths) {
  size_t at = 0;  // in nibbles
  bool cut = false;
  const auto take = [&]() -> unsigned {
    if (at >= 2 * nbytes) {
      cut = true;
      return 0;
    }
    const unsigned both = table[at / 2];
    return at++ % 2 == 0 ? both >> 4 : both & 15;
  };
  memset(lengths, 0, kSymbols);
  unsigned last = 0, space = 0;
  for (unsigned s = 0; s < kSymbols;) {
    const unsigned head = take();
    if (head == 0) break;
    unsigned run = 1, length = 0;
    if (head <= kLongest) {
      length = last = head;
    } else if (head == 13) {
      if (last == 0) return 0;
      length = last;
      run = take() + 2;
    } else if (head == 14) {
      run = take() + 1;
    } else {
      run = 16 * take();
      run += take() + 17;
    }
    if (cut || run > kSymbols - s) return 0;
    memset(lengths + s, static_cast<int>(length), run);
    if (length > 0) space += run << (kLongest - length);
    s += run;
  }
  if (at % 2 == 1 && take() != 0) return 0;
  return cut || space != 1u << kLongest ? 0 : at / 2;
}

}  // namespace huffman
}  // namespace
}  // namespace fm
