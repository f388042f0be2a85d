// quant: the element types that it takes, each as a number that a double holds exactly.
#pragma once

#include "simd/memory.hpp"

namespace fm {
namespace {
namespace quant {

template <class To, class From>
FM_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

// Clamp to what a double can be rounded to without leaving the type, then to float32, nearest even.
FM_INLINE float narrow(double y, double largest) {
  y = y > largest ? largest : y;
  y = y < -largest ? -largest : y;
  return static_cast<float>(y);
}

// Every element type has: Raw, its bits; number(), its value; finite_key(), an integer that orders
// finite values as numbers and puts everything else at zero; of_key(), the number again; and
// restore(), the element nearest to a number.
template <class Signed, class Unsigned, Unsigned kInfinity>
struct FloatOrder {
  using Raw = Unsigned;
  using Key = Signed;
  static constexpr bool kFloat = true;
  static constexpr unsigned kTop = 8 * sizeof(Signed) - 1;
  static constexpr Unsigned kMagnitude = static_cast<Unsigned>(~(Unsigned{1} << kTop));

  static FM_INLINE Key flip(Key bits) {
    const Key negative = static_cast<Key>(bits >> kTop);
    return static_cast<Key>(bits ^ static_cast<Key>(negative & static_cast<Key>(kMagnitude)));
  }
  static FM_INLINE Key finite_key(Raw raw) {
    const Key key = flip(static_cast<Key>(raw));
    return static_cast<Raw>(raw & kMagnitude) >= kInfinity ? Key{0} : key;
  }
  static FM_INLINE Raw raw_of_key(Key key) { return static_cast<Raw>(flip(key)); }
};

struct Float16 : FloatOrder<int16_t, uint16_t, 0x7C00> {
  static FM_INLINE double number(Raw raw) {
    const uint32_t magnitude = static_cast<uint32_t>(raw & 0x7FFF) << 13;
    // The exponent bias is made up by 2^112, which is exact, for subnormal numbers too.
    uint32_t bits = bits_as<uint32_t>(bits_as<float>(magnitude) * 0x1p112f);
    bits = magnitude >= (0x7C00u << 13) ? magnitude | 0x7F800000u : bits;
    return bits_as<float>(bits | static_cast<uint32_t>(raw & 0x8000) << 16);
  }
  static FM_INLINE double of_key(Key key) { return number(raw_of_key(key)); }
  static FM_INLINE Raw restore(double y) {
    const uint32_t bits = bits_as<uint32_t>(narrow(y, 65504.0));
    const uint32_t sign = bits & 0x80000000u, magnitude = bits ^ sign;
    const uint32_t odd = (magnitude >> 13) & 1;
    const uint32_t normal = (magnitude - (112u << 23) + 0xFFFu + odd) >> 13;
    // Adding one half puts a subnormal result at the end of the sum's mantissa, rounded.
    const uint32_t small = bits_as<uint32_t>(bits_as<float>(magnitude) + 0.5f) - 0x3F000000u;
    return static_cast<Raw>((magnitude < 0x38800000u ? small : normal) | sign >> 16);
  }
};

struct BFloat16 : FloatOrder<int16_t, uint16_t, 0x7F80> {
  static FM_INLINE double number(Raw raw) {
    return bits_as<float>(static_cast<uint32_t>(raw) << 16);
  }
  static FM_INLINE double of_key(Key key) { return number(raw_of_key(key)); }
  static FM_INLINE Raw restore(double y) {
    const uint32_t bits = bits_as<uint32_t>(narrow(y, 0x1.FEp127));
    return static_cast<Raw>((bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16);
  }
};

struct Float32 : FloatOrder<int32_t, uint32_t, 0x7F800000> {
  static FM_INLINE double number(Raw raw) { return bits_as<float>(raw); }
  static FM_INLINE double of_key(Key key) { return number(raw_of_key(key)); }
  static FM_INLINE Raw restore(double y) { return bits_as<Raw>(narrow(y, 0x1.FFFFFEp127)); }
};

struct Float64 : FloatOrder<int64_t, uint64_t, 0x7FF0000000000000> {
  static FM_INLINE double number(Raw raw) { return bits_as<double>(raw); }
  static FM_INLINE double of_key(Key key) { return number(raw_of_key(key)); }
  static FM_INLINE Raw restore(double y) {
    constexpr double kLargest = 0x1.FFFFFFFFFFFFFp1023;
    y = y > kLargest ? kLargest : y;
    return bits_as<Raw>(y < -kLargest ? -kLargest : y);
  }
};

template <class T, int32_t kMin, int32_t kMax>
struct Integer {
  using Raw = T;
  using Key = T;
  static constexpr bool kFloat = false;

  static FM_INLINE double number(Raw raw) { return static_cast<double>(raw); }
  static FM_INLINE Key finite_key(Raw raw) { return raw; }
  static FM_INLINE double of_key(Key key) { return static_cast<double>(key); }
  // Half away from zero, then the zero point comes back.
  static FM_INLINE Raw restore(double y, int32_t zero_point) {
    constexpr double kFar = 0x1p20;  // beyond it every zero point leads to the same limit
    double magnitude = y < 0 ? -y : y;
    magnitude = magnitude < kFar ? magnitude : kFar;
    const int32_t whole = static_cast<int32_t>(magnitude + 0.5);
    int32_t x = (y < 0 ? -whole : whole) + zero_point;
    x = x < kMin ? kMin : x;
    return static_cast<Raw>(x > kMax ? kMax : x);
  }
};

using Int8 = Integer<int8_t, -128, 127>;
using UInt8 = Integer<uint8_t, 0, 255>;
using Int16 = Integer<int16_t, -32768, 32767>;
using UInt16 = Integer<uint16_t, 0, 65535>;

}  // namespace quant
}  // namespace
}  // namespace fm
