// Bits that counted bytes take, in integers, so that every implementation decides alike.
#pragma once

#include "tables.hpp"

namespace fm {
namespace {
namespace crans {

constexpr int64_t kBit = 1 << 16;
constexpr int64_t kTableBits = 24;  // about what a table takes in the model, and every symbol of it
constexpr int64_t kSymbolBits = 4;

// 65536 · log2(1 + i / 256) for i = 0 … 256, each bit by squaring.
struct Logarithms {
  int32_t of[257];
};

constexpr Logarithms make_logarithms() {
  Logarithms found{};
  for (unsigned i = 0; i < 256; ++i) {
    uint64_t x = uint64_t{256 + i} << 23;
    int32_t value = 0;
    for (unsigned bit = 0; bit < 16; ++bit) {
      x = x * x >> 31;
      value *= 2;
      if (x >= uint64_t{1} << 32) {
        x >>= 1;
        ++value;
      }
    }
    found.of[i] = value;
  }
  found.of[256] = kBit;
  return found;
}

constexpr Logarithms kLogarithms = make_logarithms();

// 65536 · log2(n) of n ≥ 1, by a table with lines between its points.
FM_INLINE int64_t logarithm(uint64_t n) {
  const unsigned k = 63 - leading_zeros(n);
  if (k <= 8) return k * kBit + kLogarithms.of[(n << (8 - k)) - 256];
  const unsigned fine = k - 8;
  const uint64_t top = (n >> fine) - 256, rest = n & low_bits(fine);
  const int64_t low = kLogarithms.of[top], high = kLogarithms.of[top + 1];
  return k * kBit + low + ((high - low) * static_cast<int64_t>(rest) >> fine);
}

// Bits of a context with a table of its own, times 65536.
int64_t price_of(const uint32_t* counts) {
  uint64_t total = 0;
  int64_t own = 0, present = 0;
  for (unsigned i = 0; i < 256; ++i) {
    if (counts[i] == 0) continue;
    total += counts[i];
    own += static_cast<int64_t>(counts[i]) * logarithm(counts[i]);
    ++present;
  }
  if (present == 0) return 0;
  return static_cast<int64_t>(total) * logarithm(total) - own +
         kBit * (kTableBits + kSymbolBits * present);
}

// The same for both meanings of a symbol; whether differences are cheaper.
int64_t price_of(const uint32_t* plain, const uint32_t* differences, bool* subtract) {
  const int64_t one = price_of(plain), two = price_of(differences);
  *subtract = two < one;
  return two < one ? two : one;
}

}  // namespace crans
}  // namespace
}  // namespace fm
