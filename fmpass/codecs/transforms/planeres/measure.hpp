// planeres: how long the difference of two runs of words is, and how its words spread over classes.
#pragma once

#include "lengths.hpp"
#include "simd/memory.hpp"

namespace fm {
namespace {
namespace planeres {

// Lengths as a run is measured by.
struct Ruler {
  Lengths lengths;
  uint8_t of_byte[256];  // for 8-bit words
};

template <class T>
void prepare(Ruler& ruler) {
  if constexpr (sizeof(T) == 1) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      const unsigned length = ruler.lengths.of[class_of(static_cast<uint8_t>(byte))];
      ruler.of_byte[byte] = static_cast<uint8_t>(length);
    }
  }
}

#if defined(FM_AVX2)
struct Lookup {
  __m256i low, high, length;
};

FM_INLINE __m256i load256(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// Sums of the lengths of 32 differences. (The complement is a subtraction: of an exclusive or g++ 12
// makes, for AVX-512, an instruction that waits for the one before.)
FM_INLINE __m256i lengths_of_32(__m256i d, const Lookup& table) {
  const __m256i folded = _mm256_min_epu8(d, _mm256_subs_epu8(_mm256_set1_epi8(-1), d));
  const __m256i low =  // 0 for those that have bits above the fourth
      _mm256_shuffle_epi8(table.low, _mm256_adds_epu8(folded, _mm256_set1_epi8(0x70)));
  const __m256i top = _mm256_and_si256(_mm256_srli_epi16(d, 4), _mm256_set1_epi8(15));
  const __m256i kind = _mm256_or_si256(low, _mm256_shuffle_epi8(table.high, top));
  return _mm256_sad_epu8(_mm256_shuffle_epi8(table.length, kind), _mm256_setzero_si256());
}

// Classes from the folded lower nibble, and from the upper nibble as it is.
constexpr uint8_t kLowClass[16] = {0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4};
constexpr uint8_t kHighClass[16] = {0, 5, 6, 6, 7, 7, 7, 7, 15, 15, 15, 15, 14, 14, 13, 8};

uint64_t length_of_bytes(const Ruler& ruler, const uint8_t* words, const uint8_t* less, size_t n) {
  uint8_t bytes[16];
  for (unsigned c = 0; c < 16; ++c) bytes[c] = static_cast<uint8_t>(ruler.lengths.of[c]);
  size_t i = 0;
  const Lookup table = {_mm256_broadcastsi128_si256(load128(kLowClass)),
                        _mm256_broadcastsi128_si256(load128(kHighClass)),
                        _mm256_broadcastsi128_si256(load128(bytes))};
  __m256i sums = _mm256_setzero_si256();
  for (; i + 32 <= n; i += 32) {
    const __m256i d = _mm256_sub_epi8(load256(words + i), load256(less + i));
    sums = _mm256_add_epi64(sums, lengths_of_32(d, table));
  }
  uint64_t parts[4];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(parts), sums);
  uint64_t sum = parts[0] + parts[1] + parts[2] + parts[3];
  for (; i < n; ++i) sum += ruler.of_byte[static_cast<uint8_t>(words[i] - less[i])];
  return sum;
}
#endif

// The lengths of the words at `words` less those at `less`, together.
template <class T>
uint64_t length_of(const Ruler& ruler, const uint8_t* words, const uint8_t* less, size_t n) {
#if defined(FM_AVX2)
  if constexpr (sizeof(T) == 1) return length_of_bytes(ruler, words, less, n);
#endif
  uint64_t sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const size_t at = i * sizeof(T);
    const T d = static_cast<T>(load<T>(words + at) - load<T>(less + at));
    if constexpr (sizeof(T) == 1) {
      sum += ruler.of_byte[d];
    } else {
      sum += ruler.lengths.of[class_of(d)];
    }
  }
  return sum;
}

// How often each difference (8-bit words) or each class of them came.
struct Tally {
  uint64_t of[4][256];  // four, so that equal words in a row need not wait for each other
};

template <class T>
void count_words(const uint8_t* words, const uint8_t* less, size_t n, Tally& tally) {
  for (size_t i = 0; i < n; ++i) {
    const size_t at = i * sizeof(T);
    const T d = static_cast<T>(load<T>(words + at) - load<T>(less + at));
    if constexpr (sizeof(T) == 1) {
      ++tally.of[i % 4][d];
    } else {
      ++tally.of[i % 4][class_of(d)];
    }
  }
}

template <class T>
void sum_up(const Tally& tally, Counts& counts) {
  memset(&counts, 0, sizeof counts);
  for (unsigned i = 0; i < 256; ++i) {
    const uint64_t n = tally.of[0][i] + tally.of[1][i] + tally.of[2][i] + tally.of[3][i];
    if constexpr (sizeof(T) == 1) {
      counts.of[class_of(static_cast<uint8_t>(i))] += n;
    } else {
      counts.of[i % 128] += n;
    }
  }
}

}  // namespace planeres
}  // namespace
}  // namespace fm
