// width: what a header says about a group, and which one takes the fewest bits. See FORMAT.md.
#pragma once

#include "simd/lanes.hpp"

namespace fm {
namespace {
namespace width {

constexpr unsigned header_bits(unsigned word_bits) { return 1 + log2_exact(word_bits); }

// What a header says about a group. Conditions are all ones where they hold.
struct Form {
  uint64_t masked;
  uint64_t whole;     // every word is stored
  uint64_t less_one;  // words are stored minus one
  unsigned width;     // 0: all words are zero
};

template <class T>
struct Forms {
  Form of[16 * sizeof(T)];
};

template <class T>
constexpr Forms<T> make_forms() {
  constexpr unsigned kBits = 8 * sizeof(T);
  constexpr uint64_t kYes = ~uint64_t{0};
  Forms<T> forms{};
  for (unsigned h = 0; h < 2 * kBits; ++h) {
    Form& form = forms.of[h];
    form.width = h <= kBits ? h : h == 2 * kBits - 1 ? kBits : h - kBits;
    form.masked = h > kBits ? kYes : 0;
    form.whole = h > 0 && h <= kBits ? kYes : 0;
    form.less_one = h > kBits && form.width < kBits ? kYes : 0;
  }
  return forms;
}

template <class T>
constexpr Forms<T> kForms = make_forms<T>();

FM_INLINE unsigned bit_length(uint64_t x) { return 64 - leading_zeros(x); }

// Words of a group: all of them joined; those that are not zero, minus one, joined; how many these
// are.
struct Extent {
  uint64_t all, less_one;
  size_t set;
};

template <class T>
FM_INLINE void extend(Extent& extent, uint64_t words) {
  const uint64_t there = nonzero_lanes<T>(words);
  extent.all |= words;
  extent.less_one |= words - there;
  extent.set += count_ones(there);
}

struct Size {
  size_t bits;         // of masks and words
  size_t masks;        // bytes of masks
  bool negative_seen;  // some word has its top bit set
};

// The header that takes the fewest bits for a group of `count` words; adds these bits to `size`.
template <class T>
FM_INLINE unsigned choose(const Extent& extent, size_t count, Size& size) {
  constexpr unsigned kBits = 8 * sizeof(T);
  const unsigned plain = bit_length(join_lanes<T>(extent.all));
  const unsigned less_one = bit_length(join_lanes<T>(extent.less_one) | 1);
  const unsigned masked = less_one >= kBits - 1 ? kBits : less_one;
  const size_t mask_nbytes = (count + 7) / 8;
  const size_t plain_bits = count * plain, masked_bits = 8 * mask_nbytes + extent.set * masked;
  const bool pays = masked_bits < plain_bits;
  size.bits += pays ? masked_bits : plain_bits;
  size.masks += pays ? mask_nbytes : 0;
  return !pays ? plain : masked == kBits ? 2 * kBits - 1 : kBits + masked;
}

// Chooses the form of every group, and writes the headers where they are wanted. A group is
// `pieces` pieces of kPiece words.
template <class T, unsigned kPiece, bool zigzag>
Size plan(const uint8_t* words, size_t count, size_t pieces, uint8_t* headers) {
  using L = Lanes<T>;
  constexpr unsigned kHeader = header_bits(L::kBits);
  Size size = {0, 0, false};
  uint64_t seen = 0, pending = 0;
  unsigned pending_bits = 0;
  const size_t group = kPiece * pieces;
  for (size_t i = 0; i < count; i += group) {
    const size_t n = count - i < group ? count - i : group;
    const uint8_t* from = words + i * sizeof(T);
    Extent extent = {0, 0, 0};
    const auto take = [&](uint64_t x) {
      seen |= x;
      extend<T>(extent, zigzag ? zigzag_lanes<T>(x) : x);
    };
    size_t k = 0;
    for (; k + kPiece <= n; k += kPiece) {
      for (unsigned j = 0; j < kPiece; j += L::kCount) {
        take(load<uint64_t>(from + (k + j) * sizeof(T)));
      }
    }
    for (; k < n; k += L::kCount) {
      uint64_t x = 0;
      memcpy(&x, from + k * sizeof(T), (n - k < L::kCount ? n - k : L::kCount) * sizeof(T));
      take(x);
    }
    pending |= uint64_t{choose<T>(extent, n, size)} << pending_bits;
    for (pending_bits += kHeader; headers != nullptr && pending_bits >= 8; pending_bits -= 8) {
      *headers++ = static_cast<uint8_t>(pending);
      pending >>= 8;
    }
    if (headers == nullptr) pending_bits = 0;
  }
  if (pending_bits > 0) *headers = static_cast<uint8_t>(pending);
  size.negative_seen = (seen & L::kTops) != 0;
  return size;
}

}  // namespace width
}  // namespace
}  // namespace fm
