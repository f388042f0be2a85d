// quant: runs of elements of one channel to levels and back. Doubles throughout, every operation
// rounded on its own, so that all levels of SIMD and the reference agree bit for bit.
#pragma once

#include "elements.hpp"

namespace fm {
namespace {
namespace quant {

constexpr size_t kTile = 64;  // channels handled at once

// Of up to kTile channels. Levels are low … high; `zero_point` is the word that an unsigned level 0
// would have if the lowest level were word 0.
struct Scales {
  double step[kTile];
  int32_t low[kTile], high[kTile], zero_point[kTile];
  double rounding;  // 0.5 − dead_zone
  int32_t origin;   // of integer elements: the value that means zero
};

// Elements are all of channel `first` or, with kEach, of the channels from `first` on.
template <class E, class Word, bool kEach>
void to_levels(const Scales& scales, size_t first, const uint8_t* FM_RESTRICT data, size_t count,
               uint8_t* FM_RESTRICT words) {
  using Raw = typename E::Raw;
  const double rounding = scales.rounding, step = scales.step[first];
  const double origin = E::kFloat ? 0.0 : static_cast<double>(scales.origin);
  const int32_t low = scales.low[first], high = scales.high[first];
  constexpr double kFar = 0x1p17;  // beyond every level
  for (size_t i = 0; i < count; ++i) {
    double u = E::number(load<Raw>(data + i * sizeof(Raw)));
    if constexpr (!E::kFloat) u -= origin;
    double t = (u < 0 ? -u : u) / (kEach ? scales.step[first + i] : step) + rounding;
    t = t < kFar ? t : kFar;  // infinities too
    t = u == u ? t : 0.0;
    const int32_t floor = static_cast<int32_t>(t);  // t ≥ 0
    const int32_t least = kEach ? scales.low[first + i] : low;
    const int32_t most = kEach ? scales.high[first + i] : high;
    int32_t level = u < 0 ? -floor : floor;
    level = level < least ? least : level;
    level = level > most ? most : level;
    store(words + i * sizeof(Word), static_cast<Word>(level));
  }
}

template <class E, class Word, bool kEach>
void from_levels(const Scales& scales, size_t first, const uint8_t* FM_RESTRICT words, size_t count,
                 uint8_t* FM_RESTRICT data) {
  using Raw = typename E::Raw;
  constexpr bool kSigned = static_cast<Word>(-1) < Word{0};
  const double step = scales.step[first];
  const int32_t zero_point = scales.zero_point[first], origin = scales.origin;
  for (size_t i = 0; i < count; ++i) {
    int32_t level = static_cast<int32_t>(load<Word>(words + i * sizeof(Word)));
    if constexpr (!kSigned) {
      const int32_t zero = kEach ? scales.zero_point[first + i] : zero_point;
      level = static_cast<Word>(level + zero) - zero;
    }
    const double y = static_cast<double>(level) * (kEach ? scales.step[first + i] : step);
    Raw raw;
    if constexpr (E::kFloat) {
      raw = E::restore(y);
    } else {
      raw = E::restore(y, origin);
    }
    store(data + i * sizeof(Raw), raw);
  }
}

// Integers of full width with step 1: only the zero point moves, modulo the width.
template <class Word>
void shift_words(int64_t by, const uint8_t* FM_RESTRICT from, size_t count,
                 uint8_t* FM_RESTRICT to) {
  const Word add = static_cast<Word>(by);
  for (size_t i = 0; i < count; ++i) {
    const Word word = load<Word>(from + i * sizeof(Word));
    store(to + i * sizeof(Word), static_cast<Word>(word + add));
  }
}

// Lowest and highest finite value of a run joined to `low` and `high`, as keys.
template <class E>
void widen(const uint8_t* data, size_t count, typename E::Key& low, typename E::Key& high) {
  using Key = typename E::Key;
  Key least = low, most = high;
  for (size_t i = 0; i < count; ++i) {
    const Key key = E::finite_key(load<typename E::Raw>(data + i * sizeof(Key)));
    least = key < least ? key : least;
    most = key > most ? key : most;
  }
  low = least;
  high = most;
}

// The same for one element of each of `count` ≤ kTile channels.
template <class E>
void widen_each(const uint8_t* data, size_t count, typename E::Key* FM_RESTRICT low,
                typename E::Key* FM_RESTRICT high) {
  using Key = typename E::Key;
  for (size_t i = 0; i < count; ++i) {
    const Key key = E::finite_key(load<typename E::Raw>(data + i * sizeof(Key)));
    low[i] = key < low[i] ? key : low[i];
    high[i] = key > high[i] ? key : high[i];
  }
}

}  // namespace quant
}  // namespace
}  // namespace fm
