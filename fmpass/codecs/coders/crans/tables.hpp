// Frequency tables of crans and how a model carries them: grades on a logarithmic scale. See
// FORMAT.md.
#pragma once

#include "simd/memory.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace crans {

constexpr unsigned kPrecision = 11;
constexpr unsigned kTotal = 1u << kPrecision;
constexpr unsigned kEscape = 256;  // the symbol behind which a byte follows raw
constexpr unsigned kSymbols = 257;
constexpr unsigned kMostGrade = 89;

// Grades 0 … 89 of counts that are not all zero; 0: the symbol does not occur.
void grades_of(const uint64_t* counts, uint8_t* grades) {
  uint64_t total = 0;
  for (unsigned i = 0; i < kSymbols; ++i) total += counts[i];
  for (unsigned i = 0; i < kSymbols; ++i) {
    grades[i] = 0;
    if (counts[i] == 0) continue;
    uint64_t scaled = counts[i] * (8u << kPrecision) / total;
    if (scaled < 8) scaled = 8;
    const unsigned shift = 60 - leading_zeros(scaled);
    const uint64_t mantissa = (scaled + (uint64_t{1} << shift >> 1)) >> shift;
    grades[i] = static_cast<uint8_t>(8 * shift + mantissa - 7);
  }
}

// Frequencies whose sum is 2048, none of them 2048 itself; the grade of some byte is not 0.
void frequencies_of(const uint8_t* grades, uint16_t* frequencies) {
  uint32_t weights[kSymbols];
  uint64_t total = 0;
  unsigned present = 0;
  for (unsigned i = 0; i < kSymbols; ++i) {
    const unsigned above = grades[i] + 7u;
    weights[i] = grades[i] > 0 ? (8 + above % 8) << (above / 8 - 1) : 0;
    total += weights[i];
    present += grades[i] > 0 ? 1 : 0;
  }
  if (present == 1) {  // 11 bits cannot hold the frequency of a certain symbol
    weights[kEscape] = 1;
    ++total;
  }
  int64_t sum = 0;
  for (unsigned i = 0; i < kSymbols; ++i) {
    const uint64_t rounded = (2 * kTotal * uint64_t{weights[i]} + total) / (2 * total);
    frequencies[i] = static_cast<uint16_t>(weights[i] > 0 && rounded == 0 ? 1 : rounded);
    sum += frequencies[i];
  }
  while (sum != kTotal) {
    unsigned largest = 0;
    for (unsigned i = 1; i < kSymbols; ++i) {
      if (frequencies[i] > frequencies[largest]) largest = i;
    }
    int64_t change = sum - kTotal;
    if (change > 0) {
      const int64_t most = frequencies[largest] > 1 ? frequencies[largest] / 2 : 1;
      if (change > most) change = most;
    }
    frequencies[largest] = static_cast<uint16_t>(frequencies[largest] - change);
    sum -= change;
  }
}

// Bits, the most significant of a byte first. `failed` is set where they end early.
struct ModelReader {
  const uint8_t* data;
  size_t nbits;
  size_t at;
  bool failed;
};

FM_INLINE unsigned take_bits(ModelReader& in, unsigned count) {
  if (in.at + count > in.nbits) in.failed = true;
  unsigned value = 0;
  for (unsigned i = 0; i < count && !in.failed; ++i, ++in.at) {
    value = value << 1 | (in.data[in.at / 8] >> (7 - in.at % 8) & 1u);
  }
  return value;
}

FM_INLINE unsigned take_gamma(ModelReader& in) {
  unsigned zeros = 0;
  while (!in.failed && take_bits(in, 1) == 0) {
    if (++zeros > 15) in.failed = true;
  }
  return in.failed ? 1 : 1u << zeros | take_bits(in, zeros);
}

FM_INLINE unsigned take_rice(ModelReader& in, unsigned k, unsigned most) {
  unsigned quotient = 0;
  while (!in.failed && take_bits(in, 1) == 1) {
    ++quotient;
    if (quotient << k > most) in.failed = true;
  }
  return quotient << k | take_bits(in, k);
}

// False where the bits are no table.
bool read_grades(ModelReader& in, uint8_t* grades) {
  memset(grades, 0, kSymbols);
  const unsigned k = take_bits(in, 2);
  unsigned at = 0;
  bool any = false;
  for (int previous = 0; at < kSymbols; ++at) {
    if (previous == 0) {
      at += take_gamma(in) - 1;
      if (at >= kSymbols) break;
      previous = static_cast<int>(take_rice(in, k + 1, kMostGrade)) + 1;
    } else {
      const unsigned folded = take_rice(in, k, 2 * kMostGrade);
      const int half = static_cast<int>(folded >> 1);
      previous += folded & 1 ? -half - 1 : half;
    }
    if (in.failed || previous < 0 || previous > static_cast<int>(kMostGrade)) return false;
    grades[at] = static_cast<uint8_t>(previous);
    any = any || (previous > 0 && at < kEscape);
  }
  return !in.failed && at == kSymbols && any;
}

struct ModelWriter {
  uint8_t* out;  // zeros where nothing is written yet; null to count only
  size_t at;
};

FM_INLINE void put_bits(ModelWriter& w, unsigned value, unsigned count) {
  for (unsigned i = count; i-- > 0; ++w.at) {
    if (w.out != nullptr && (value >> i & 1) != 0) {
      w.out[w.at / 8] = static_cast<uint8_t>(w.out[w.at / 8] | 0x80u >> w.at % 8);
    }
  }
}

FM_INLINE void put_gamma(ModelWriter& w, unsigned value) {
  const unsigned length = 64 - leading_zeros(value);
  put_bits(w, value, 2 * length - 1);
}

FM_INLINE void put_rice(ModelWriter& w, unsigned value, unsigned k) {
  for (unsigned i = value >> k; i > 0; --i) put_bits(w, 1, 1);
  put_bits(w, 0, 1);
  put_bits(w, value & ((1u << k) - 1), k);
}

void put_grades(ModelWriter& w, const uint8_t* grades, unsigned k) {
  unsigned at = 0;
  for (int previous = 0; at < kSymbols; ++at) {
    if (previous == 0) {
      unsigned run = 0;
      while (at + run < kSymbols && grades[at + run] == 0) ++run;
      put_gamma(w, run + 1);
      at += run;
      if (at >= kSymbols) return;
      put_rice(w, grades[at] - 1u, k + 1);
    } else {
      const int difference = grades[at] - previous;
      put_rice(w, static_cast<unsigned>(difference >= 0 ? 2 * difference : -2 * difference - 1), k);
    }
    previous = grades[at];
  }
}

void write_grades(ModelWriter& w, const uint8_t* grades) {
  unsigned best = 0;
  size_t least = SIZE_MAX;
  for (unsigned k = 0; k < 4; ++k) {
    ModelWriter counting = {nullptr, 0};
    put_grades(counting, grades, k);
    if (counting.at < least) {
      least = counting.at;
      best = k;
    }
  }
  put_bits(w, best, 2);
  put_grades(w, grades, best);
}

}  // namespace crans
}  // namespace
}  // namespace fm
