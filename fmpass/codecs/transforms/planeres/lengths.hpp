// planeres: classes of words and their lengths, in eighths of a bit. See FORMAT.md.
#pragma once

#include "simd/memory.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace planeres {

constexpr unsigned kMostOfAClass = 120;

// The length of a word of each class; 2 W of them are used. Those of 8-bit words fit into a byte.
struct Lengths {
  uint16_t of[128];
};

// How many words of each class there are.
struct Counts {
  uint64_t of[128];
};

// How many bits the word has; for a negative one W and how many its complement has.
template <class T>
FM_INLINE unsigned class_of(T word) {
  constexpr unsigned kBits = 8 * sizeof(T);
  const unsigned negative = static_cast<unsigned>(word >> (kBits - 1));
  const T folded = static_cast<T>(word ^ (T{0} - static_cast<T>(negative)));
  return 64 - leading_zeros(folded) + negative * kBits;
}

// Eighths in the binary logarithm of n ≥ 1, rounded down, but for what 16 bits of n do not tell.
unsigned log2_eighths(uint64_t n) {
  constexpr uint64_t kSteps[] = {35734, 38968, 42495, 46341, 50535, 55109, 60097};
  const unsigned bits = 64 - leading_zeros(n);
  const uint64_t top = bits > 16 ? n >> (bits - 16) : n << (16 - bits);
  unsigned eighths = 8 * (bits - 1);
  for (const uint64_t step : kSteps) eighths += top >= step;
  return eighths;
}

void fix_lengths(unsigned word_bits, Lengths& lengths) {
  for (unsigned c = 0; c < 2 * word_bits; ++c) {
    lengths.of[c] = static_cast<uint16_t>(c == 0 ? 8 : 8 * (c % word_bits + 4));
  }
}

void fit_lengths(unsigned word_bits, const Counts& counts, Lengths& lengths) {
  uint64_t all = 2 * word_bits;
  for (unsigned c = 0; c < 2 * word_bits; ++c) all += counts.of[c];
  const unsigned whole = log2_eighths(all);
  for (unsigned c = 0; c < 2 * word_bits; ++c) {
    const unsigned share = whole - log2_eighths(counts.of[c] + 1), bits = c % word_bits;
    const unsigned below = bits > 0 ? 8 * (bits - 1) : 0;
    lengths.of[c] = static_cast<uint16_t>((share < kMostOfAClass ? share : kMostOfAClass) + below);
  }
}

}  // namespace planeres
}  // namespace
}  // namespace fm
