// quant: runs of elements of one channel to levels and back. Doubles throughout, every operation
// rounded on its own, so that all levels of SIMD and the reference agree bit for bit.
#pragma once

#include "elements.hpp"

namespace fm {
namespace {
namespace quant {

// Of one channel. Levels are low … high; `zero_point` is the word that an unsigned level 0 would
// have if the lowest level were word 0.
struct Scale {
  double step;
  double rounding;  // 0.5 − dead_zone
  int32_t low, high;
  int32_t zero_point;  // of the levels
  int32_t origin;      // of integer elements: the value that means zero
};

template <class E, class Word>
void to_levels(const Scale& scale, const uint8_t* FM_RESTRICT data, size_t count,
               uint8_t* FM_RESTRICT words) {
  using Raw = typename E::Raw;
  const double far = static_cast<double>(scale.high > -scale.low ? scale.high : -scale.low) + 1.0;
  const double step = scale.step, rounding = scale.rounding;
  const double origin = E::kFloat ? 0.0 : static_cast<double>(scale.origin);
  const int32_t low = scale.low, high = scale.high;
  for (size_t i = 0; i < count; ++i) {
    double u = E::number(load<Raw>(data + i * sizeof(Raw)));
    if constexpr (!E::kFloat) u -= origin;
    double t = (u < 0 ? -u : u) / step + rounding;
    t = t < far ? t : far;  // infinities too
    t = u == u ? t : 0.0;
    const int32_t floor = static_cast<int32_t>(t);  // t ≥ 0
    int32_t level = u < 0 ? -floor : floor;
    level = level < low ? low : level;
    level = level > high ? high : level;
    store(words + i * sizeof(Word), static_cast<Word>(level));
  }
}

template <class E, class Word>
void from_levels(const Scale& scale, const uint8_t* FM_RESTRICT words, size_t count,
                 uint8_t* FM_RESTRICT data) {
  using Raw = typename E::Raw;
  constexpr bool kSigned = static_cast<Word>(-1) < Word{0};
  const double step = scale.step;
  const int32_t zero_point = scale.zero_point, origin = scale.origin;
  for (size_t i = 0; i < count; ++i) {
    int32_t level = static_cast<int32_t>(load<Word>(words + i * sizeof(Word)));
    if constexpr (!kSigned) level = static_cast<Word>(level + zero_point) - zero_point;
    const double y = static_cast<double>(level) * step;
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

}  // namespace quant
}  // namespace
}  // namespace fm
