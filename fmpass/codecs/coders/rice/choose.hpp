// rice: the parameters that need the fewest bits, from one count of the tile. See FORMAT.md.
#pragma once

#include "parameters.hpp"
#include "simd/tile_scan.hpp"

namespace fm {
namespace {
namespace rice {

constexpr unsigned kClasses = 256;
constexpr unsigned kBands = kThresholdCount - 1;  // of sizes between thresholds
constexpr unsigned kPredicted = kContexts - kSmooth;

// How often numbers of each class occur, a row of classes for: words that end runs; raw contexts;
// each band's predicted contexts; and the zeros among the latter.
constexpr unsigned kRawRow = 1;
constexpr unsigned kPredictedRow = kRawRow + kRawContexts;
constexpr unsigned kZeroRow = kPredictedRow + kBands * kPredicted;
constexpr unsigned kRows = kZeroRow + kBands * kPredicted;
constexpr size_t kCountsNbytes = size_t{kRows} * kClasses * sizeof(uint32_t);

template <class T>
FM_INLINE unsigned class_of(T value) {
  if constexpr (sizeof(T) == 1) {
    return value;
  } else {
    if (value < 8) return static_cast<unsigned>(value);
    const unsigned exponent = bit_length_of<T>(value) - 4;
    return 4 + 4 * exponent + static_cast<unsigned>(value >> (exponent + 1));
  }
}

// The number that stands for a class.
template <class T>
uint64_t value_of(unsigned number) {
  if (sizeof(T) == 1 || number < 8) return number;
  const unsigned exponent = (number - 8) / 4, digit = (number - 8) % 4;
  return (uint64_t{4} + digit) << (exponent + 1) | uint64_t{1} << exponent;
}

// Zeros of runs that are known to end, by what their bits need for every k.
struct RunBits {
  uint64_t bits[kLongestRun + 1];
};

FM_INLINE void count_run(RunBits& runs, size_t zeros, bool ended) {
  for (unsigned k = 0; k <= kLongestRun; ++k) {
    const size_t whole = (zeros + (ended ? 0 : (size_t{1} << k) - 1)) >> k;
    runs.bits[k] += whole + (ended ? 1 + k : 0);
  }
}

template <class T>
void count_words(Scan<T>& scan, uint32_t* counts, RunBits& runs) {
  const size_t columns = scan.tile->columns;
  const T zero = scan.range.zero;
  for (uint32_t c = 0; c < scan.tile->channels; ++c) {
    scan_channel<T>(scan, c, [&] {
      const Seen<T>& seen = scan.seen;
      for (size_t i = 0; i < columns;) {
        const unsigned size = seen.sizes[i];
        if (size == 0) {
          const size_t begin = i;
          while (i < columns && seen.sizes[i] == 0 && seen.raw[i] == 0) ++i;
          const bool ended = i < columns && seen.sizes[i] == 0;
          count_run(runs, i - begin, ended);
          if (ended) ++counts[class_of<T>(seen.raw[i++])];
          continue;
        }
        ++counts[(kRawRow - 1 + kRawContextOf.at[size]) * kClasses + class_of<T>(seen.raw[i])];
        const unsigned context = seen.contexts[i];
        const bool special = context >= kTouching && scan.rows.x[i] == zero;
        const unsigned first = special ? kZeroRow : kPredictedRow;
        const unsigned band = kThresholdsPassed.at[size] - 1u;
        ++counts[(first + band * kPredicted + context - kSmooth) * kClasses +
                 class_of<T>(seen.predicted[i])];
        ++i;
      }
    });
  }
}

// Bits of all codes: of every k plain, then of every k behind a bit.
template <class T>
struct Bits {
  static constexpr unsigned kOrders = 8 * sizeof(T);
  uint64_t of[2 * kOrders];
};

enum class Flag { kFirst, kNone, kZeros };  // what the bit tells of: number 0, nothing here, all

template <class T>
void add_row(const uint32_t* counts, unsigned classes, unsigned escape, Flag flag, Bits<T>& bits) {
  constexpr unsigned kOrders = Bits<T>::kOrders;
  for (unsigned c = 0; c < classes; ++c) {
    const uint64_t n = counts[c];
    if (n == 0) continue;
    const uint64_t value = value_of<T>(c), other = value - (flag == Flag::kFirst ? 1 : 0);
    const bool alone = flag == Flag::kZeros || (flag == Flag::kFirst && value == 0);
    for (unsigned k = 0; k < kOrders; ++k) {
      const uint64_t high = value >> k, rest = other >> k;
      bits.of[k] += n * (high < kUnaryLimit ? high + 1 + k : escape);
      const uint64_t flagged = alone ? 0 : rest < kUnaryLimit ? rest + 1 + k : escape;
      bits.of[kOrders + k] += n * (1 + flagged);
    }
  }
}

template <class T>
unsigned least_of(const Bits<T>& bits) {
  unsigned least = 0;
  for (unsigned i = 1; i < 2 * Bits<T>::kOrders; ++i) {
    if (bits.of[i] < bits.of[least]) least = i;
  }
  return least;
}

template <class T>
Parameters<T> choose(Scan<T>& scan, uint32_t* counts) {
  constexpr unsigned kOrders = Bits<T>::kOrders;
  memset(counts, 0, kCountsNbytes);
  RunBits runs = {};
  count_words<T>(scan, counts, runs);
  Parameters<T> p = {scan.range, 0, scan.averaging, 0, {}};
  for (unsigned k = 1; k <= kLongestRun; ++k) {
    if (runs.bits[k] < runs.bits[p.run]) p.run = k;
  }
  const T span = span_of(scan.range);
  const unsigned classes = class_of<T>(span) + 1, escape = kUnaryLimit + bit_length_of<T>(span);
  const auto row = [counts](unsigned i) { return counts + size_t{i} * kClasses; };

  // A word that ends a run is never zero: its number less one, and no bit before it.
  Bits<T> ending = {}, contexts[kContexts] = {};
  add_row<T>(row(0), classes, escape, Flag::kFirst, ending);
  for (unsigned k = 0; k < kOrders; ++k) ending.of[k] = ~uint64_t{0};
  const unsigned of_ending = least_of<T>(ending);
  for (unsigned c = 1; c < kSmooth; ++c) {
    add_row<T>(row(kRawRow + c - 1), classes, escape, Flag::kFirst, contexts[c]);
  }
  // From the greatest threshold down, each adds a band of words that are predicted.
  uint64_t least = ~uint64_t{0};
  for (unsigned threshold = kThresholdCount; threshold-- > 0;) {
    if (threshold < kNever) {
      for (unsigned c = kSmooth; c < kContexts; ++c) {
        const unsigned i = threshold * kPredicted + c - kSmooth;
        const Flag flag = c < kTouching ? Flag::kFirst : Flag::kNone;
        add_row<T>(row(kPredictedRow + i), classes, escape, flag, contexts[c]);
        add_row<T>(row(kZeroRow + i), classes, escape, Flag::kZeros, contexts[c]);
      }
    }
    uint64_t total = head_bits(threshold, *scan.type);
    Code codes[kContexts] = {};
    codes[kEnding] = {static_cast<uint8_t>(of_ending - kOrders), 0};
    for (unsigned c = 1; c < kContexts; ++c) {
      if (!is_used(c, threshold)) continue;
      const unsigned i = least_of<T>(contexts[c]);
      total += contexts[c].of[i];
      codes[c] = {static_cast<uint8_t>(i % kOrders), static_cast<uint8_t>(i / kOrders)};
    }
    if (total > least) continue;
    least = total;
    p.threshold = threshold;
    memcpy(p.codes, codes, sizeof codes);
  }
  return p;
}

}  // namespace rice
}  // namespace
}  // namespace fm
