// What a tile's coder knows of a word from the words before it: order, range, neighbours,
// predictions, contexts. The same as fmpass/codecs/neighbours.py, where the sources are named.
#pragma once

#include "../stage.hpp"
#include "memory.hpp"

namespace fm {
namespace {

constexpr int kRawEdges[] = {6, 12, 18, 30, 48, 72, 108, 162, 240, 360};
constexpr int kActivityEdges[] = {2, 4, 7, 11, 17, 26, 40, 64};
constexpr int kThresholds[] = {1, 6, 18, 48, 108, 240, 360, 1 << 15};
constexpr unsigned kThresholdCount = 8;

constexpr unsigned kRawContexts = 11;
constexpr unsigned kActivities = 9;
constexpr unsigned kEnding = 0;                    // the word that ends a run of zeros
constexpr unsigned kSmooth = 1 + kRawContexts;     // predicted, W, N and NW not zero
constexpr unsigned kTouching = kSmooth + kActivities;  // predicted, one of them zero
constexpr unsigned kContexts = kTouching + kActivities;
constexpr unsigned kScaledBits = 8;

// Sizes and activities are at most 6 · 255.
constexpr unsigned kMostSize = 6 * 255;

struct Bins {
  uint8_t at[kMostSize + 2];
};

// How many of the edges lie at or below each number, and `first`.
constexpr Bins bins_of(const int* edges, unsigned count, uint8_t first) {
  Bins bins{};
  for (unsigned i = 0; i <= kMostSize; ++i) {
    bins.at[i] = first;
    for (unsigned e = 0; e < count; ++e) {
      bins.at[i] = static_cast<uint8_t>(bins.at[i] + (edges[e] <= static_cast<int>(i) ? 1 : 0));
    }
  }
  return bins;
}

constexpr Bins kRawContextOf = bins_of(kRawEdges, 10, 1);
constexpr Bins kActivityOf = bins_of(kActivityEdges, 8, 0);
constexpr Bins kThresholdsPassed = bins_of(kThresholds, 8, 0);

// The range of a tile: what its ordinals lie in, the zero among them.
template <class T>
struct Range {
  T low;
  T zero;
  T high;
  unsigned shift;
};

template <class T>
FM_INLINE T zero_of(const DType& type) {
  return type.kind == Kind::kInt ? static_cast<T>(T{1} << (8 * sizeof(T) - 1)) : T{0};
}

template <class T>
FM_INLINE unsigned bit_length_of(T x) {
  return 64 - leading_zeros(static_cast<uint64_t>(x));
}

template <class T>
Range<T> range_of(T low, T zero, T high) {
  const T below = static_cast<T>(zero - low), above = static_cast<T>(high - zero);
  const unsigned bits = bit_length_of<T>(below > above ? below : above);
  return {low, zero, high, bits > kScaledBits ? bits - kScaledBits : 0};
}

template <class T>
FM_INLINE T span_of(const Range<T>& r) {
  return static_cast<T>(r.high - r.low);
}

// The ordinals of a row of words: their order is that of what they mean; floats by magnitude.
template <class T>
void load_ordinals(const uint8_t* words, size_t stride, size_t columns, const DType& type, T* x) {
  if (stride == 1) {
    memcpy(x, words, columns * sizeof(T));
  } else {
    for (size_t i = 0; i < columns; ++i) x[i] = load<T>(words + i * stride * sizeof(T));
  }
  if (type.kind == Kind::kFloat) {
    for (size_t i = 0; i < columns; ++i) {
      x[i] = static_cast<T>(static_cast<T>(x[i] << 1) | x[i] >> (8 * sizeof(T) - 1));
    }
  } else if (const T zero = zero_of<T>(type); zero != 0) {
    for (size_t i = 0; i < columns; ++i) x[i] = static_cast<T>(x[i] ^ zero);
  }
}

template <class T>
void store_ordinals(const T* x, size_t columns, const DType& type, uint8_t* words, size_t stride) {
  const T zero = zero_of<T>(type);
  const auto word = [&](size_t i) {
    if (type.kind != Kind::kFloat) return static_cast<T>(x[i] ^ zero);
    return static_cast<T>(x[i] >> 1 | static_cast<T>(x[i] << (8 * sizeof(T) - 1)));
  };
  if (stride == 1) {
    for (size_t i = 0; i < columns; ++i) store<T>(words + i * sizeof(T), word(i));
  } else {
    for (size_t i = 0; i < columns; ++i) store<T>(words + i * stride * sizeof(T), word(i));
  }
}

// The ordinal less zero, without low bits; never 0 unless it is zero.
template <class T>
FM_INLINE int16_t scaled(T x, const Range<T>& r) {
  if constexpr (sizeof(T) == 1) {
    return static_cast<int16_t>(int{x} - int{r.zero});
  } else {
    const bool above = x >= r.zero;
    const T magnitude = static_cast<T>(above ? x - r.zero : r.zero - x);
    const T high = static_cast<T>(magnitude >> r.shift);
    const int16_t y = static_cast<int16_t>(high == 0 && magnitude != 0 ? T{1} : high);
    return above ? y : static_cast<int16_t>(-y);
  }
}

template <class T>
FM_INLINE T fold(T x, T p, const Range<T>& r) {
  const T below = static_cast<T>(p - r.low), above = static_cast<T>(r.high - p);
  const T near = below < above ? below : above;
  const T e = static_cast<T>(x > p ? x - p : p - x);
  const T zigzag = static_cast<T>(static_cast<T>(e << 1) - (x < p ? 1 : 0));
  return e <= near ? zigzag : static_cast<T>(near + e);
}

// `folded` must not pass the span.
template <class T>
FM_INLINE T unfold(T folded, T p, const Range<T>& r) {
  const T below = static_cast<T>(p - r.low), above = static_cast<T>(r.high - p);
  const T near = below < above ? below : above;
  const T far = static_cast<T>(folded - near), half = static_cast<T>(folded >> 1);
  const T beyond = static_cast<T>(below < above ? p + far : p - far);
  const T close = static_cast<T>((folded & 1) != 0 ? p - half - 1 : p + half);
  return folded > static_cast<T>(near << 1) ? beyond : close;
}

// The median of W, N and W + N − NW.
template <class T>
FM_INLINE T median_of(T w, T n, T nw) {
  const T least = w < n ? w : n, most = w < n ? n : w;
  const T low = nw < least ? least : nw;
  return static_cast<T>(least + (most - (low > most ? most : low)));
}

template <class T>
FM_INLINE T middle_of(T a, T b) {
  return static_cast<T>((a & b) + ((a ^ b) >> 1));
}

template <class T>
FM_INLINE T average_of(T w, T n, T ne) {
  return middle_of<T>(w, middle_of<T>(n, ne));
}

FM_INLINE int magnitude_of(int y) { return y < 0 ? -y : y; }

// What the row above says of the columns below it: size and activity without W, the latter doubled
// and with 1 where N or NW is zero. `y` has a column more at either end.
void survey(const int16_t* FM_RESTRICT y, size_t columns, uint16_t* FM_RESTRICT sizes,
            uint16_t* FM_RESTRICT activities) {
  for (ptrdiff_t i = 0; i < static_cast<ptrdiff_t>(columns); ++i) {
    const int nw = y[i - 1], n = y[i], ne = y[i + 1];
    sizes[i] = static_cast<uint16_t>(2 * magnitude_of(n) + magnitude_of(nw) + magnitude_of(ne));
    const int activity = magnitude_of(nw - n) + magnitude_of(n - ne);
    activities[i] = static_cast<uint16_t>(2 * activity + (nw == 0 || n == 0 ? 1 : 0));
  }
}

}  // namespace
}  // namespace fm
