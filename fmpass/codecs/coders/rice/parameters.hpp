// rice: what the encoder chooses for a tile, and how the head of its code says so. See FORMAT.md.
#pragma once

#include "simd/bit_stream.hpp"
#include "simd/tile_rows.hpp"

namespace fm {
namespace {
namespace rice {

constexpr unsigned kUnaryLimit = 12;  // from so many zeros on a code holds its number as it is
constexpr unsigned kSizeBits = 5;
constexpr unsigned kLongestRun = 7;  // a bit never stands for more than 2^7 words
constexpr unsigned kNever = kThresholdCount - 1;

struct Code {
  uint8_t k;
  uint8_t flagged;  // 1: a bit says first that the word is not the likeliest one
};

template <class T>
struct Parameters {
  Range<T> range;
  unsigned threshold;  // index into kThresholds
  bool averaging;
  unsigned run;
  Code codes[kContexts];
};

constexpr unsigned order_bits(unsigned word_bits) { return log2_exact(word_bits); }

// Raw contexts that can occur.
FM_INLINE unsigned raw_contexts(unsigned threshold) {
  return threshold == 0 ? 0 : kRawContextOf.at[kThresholds[threshold] > static_cast<int>(kMostSize)
                                                   ? kMostSize
                                                   : static_cast<unsigned>(kThresholds[threshold]) - 1];
}

FM_INLINE bool is_used(unsigned context, unsigned threshold) {
  if (context == kEnding) return true;
  return context < kSmooth ? context <= raw_contexts(threshold) : threshold < kNever;
}

// Bits of a head without the sizes of streams.
FM_INLINE size_t head_bits(unsigned threshold, const DType& type) {
  const unsigned order = order_bits(type.bits);
  const unsigned ends = type.kind == Kind::kInt ? 2 : 1;
  const unsigned contexts = raw_contexts(threshold) + (threshold < kNever ? 2 * kActivities : 0);
  return ends * type.bits + 3 + 1 + 3 + order + contexts * (order + 1);
}

// Bytes of the longest head.
constexpr size_t kMostHead = (2 * 64 + 7 + 6 + 30 * 7 + kSizeBits + 3 * 31 + 7) / 8;

// Writes at most kMostHead bytes and returns how many.
template <class T>
size_t write_head(const Parameters<T>& p, const DType& type, const size_t* sizes, uint32_t streams,
                  uint8_t* head) {
  constexpr unsigned kBits = 8 * sizeof(T), kOrder = order_bits(kBits);
  BitWriter out = bit_writer(head, kMostHead);
  if (type.kind == Kind::kInt) put_long(out, static_cast<T>(p.range.zero - p.range.low), kBits);
  put_long(out, static_cast<T>(p.range.high - p.range.zero), kBits);
  put(out, p.threshold, 3);
  put(out, p.averaging ? 1 : 0, 1);
  put(out, p.run, 3);
  for (unsigned c = 0; c < kContexts; ++c) {
    if (!is_used(c, p.threshold)) continue;
    put(out, p.codes[c].k, kOrder);
    if (c != kEnding) put(out, p.codes[c].flagged, 1);
  }
  if (streams > 1) {
    size_t most = 0;
    for (uint32_t s = 0; s + 1 < streams; ++s) most = sizes[s] > most ? sizes[s] : most;
    const unsigned width = bit_length_of<uint64_t>(most);
    put(out, width, kSizeBits);
    for (uint32_t s = 0; s + 1 < streams; ++s) put(out, sizes[s], width);
  }
  pad(out, head, 1);
  return static_cast<size_t>(out.at - head);
}

// Sets the sizes of all streams, and `used` to the bytes of the head.
template <class T>
Refusal read_head(const uint8_t* code, size_t nbytes, const DType& type, uint32_t streams,
                  Parameters<T>& p, size_t* sizes, size_t& used) {
  constexpr unsigned kBits = 8 * sizeof(T), kOrder = order_bits(kBits);
  BitReader in = {code, nbytes, 0};
  const T zero = zero_of<T>(type);
  const T below = type.kind == Kind::kInt ? static_cast<T>(take_long(in, kBits)) : T{0};
  const T above = static_cast<T>(take_long(in, kBits));
  if (below > zero || above > static_cast<T>(~zero)) return "the range passes that of the type";
  p.range = range_of<T>(static_cast<T>(zero - below), zero, static_cast<T>(zero + above));
  p.threshold = static_cast<unsigned>(take(in, 3));
  p.averaging = take(in, 1) != 0;
  p.run = static_cast<unsigned>(take(in, 3));
  for (unsigned c = 0; c < kContexts; ++c) {
    p.codes[c] = {0, 0};
    if (!is_used(c, p.threshold)) continue;
    p.codes[c].k = static_cast<uint8_t>(take(in, kOrder));
    if (c != kEnding) p.codes[c].flagged = static_cast<uint8_t>(take(in, 1));
  }
  if (streams > 1) {
    const unsigned width = static_cast<unsigned>(take(in, kSizeBits));
    for (uint32_t s = 0; s + 1 < streams; ++s) sizes[s] = width > 0 ? take(in, width) : 0;
  }
  if (!skip_padding(in, 8)) return "the head is cut short or its padding is not zero";
  used = in.position / 8;
  size_t left = nbytes - used;
  for (uint32_t s = 0; s + 1 < streams; ++s) {
    if (sizes[s] > left) return "code ends inside a stream";
    left -= sizes[s];
  }
  sizes[streams - 1] = left;
  return nullptr;
}

}  // namespace rice
}  // namespace
}  // namespace fm
