// seg: a bit for a zero, an exponential-Golomb code for any other word. See FORMAT.md.
#pragma once

#include "simd/bit_stream.hpp"
#include "simd/words.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace seg {

constexpr Field kFields[] = {
    {"k", FieldType::kIntOrNone, no_value(), int_value(0), int_value(63), nullptr, 0}};

constexpr unsigned kZigzag = 0x40;

Refusal rejects(const Params& params, WordType type) {
  const Value& k = params.values[0];
  return !k.none && k.i >= type.bits ? "k is not below the bits of a word" : nullptr;
}

size_t least_nbytes(const Params&, WordType, size_t count) {
  return count == 0 ? 0 : 1 + (count + 7) / 8;
}

FM_INLINE unsigned bit_length(uint64_t x) { return 64 - leading_zeros(x); }

template <class T>
FM_INLINE uint64_t number_at(const uint8_t* words, size_t i, bool zigzag) {
  const T word = load<T>(words + i * sizeof(T));
  if (!zigzag) return word;
  const T folded = static_cast<T>(static_cast<uint64_t>(word) << 1);
  return word >> (8 * sizeof(T) - 1) != 0 ? static_cast<T>(~folded) : folded;
}

// About how many bits numbers other than zero take, beyond one each; `counts[b]` of them less one
// have b bits.
uint64_t promise(const uint32_t* counts, unsigned word_bits, unsigned k) {
  uint64_t bits = 0;
  for (unsigned b = 0; b <= word_bits; ++b) {
    const unsigned zeros = b > k ? b - 1 - k : 0;
    bits += uint64_t{counts[b]} * (k + 1 + 2 * zeros);
    // Two bits more for those that reach the next power of two: as many as if evenly spread.
    if (b > k) bits += 2 * uint64_t{counts[b]} >> zeros;
  }
  return bits;
}

// The first byte of the block: mode and order.
template <class T>
unsigned choose(const uint8_t* words, size_t count, const Value& k) {
  constexpr unsigned kBits = 8 * sizeof(T);
  uint32_t counts[2][kBits + 1] = {};
  for (size_t i = 0; i < count; ++i) {
    const uint64_t plain = number_at<T>(words, i, false);
    if (plain == 0) continue;
    ++counts[0][bit_length(plain - 1)];
    ++counts[1][bit_length(number_at<T>(words, i, true) - 1)];
  }
  uint64_t least = ~uint64_t{0};
  unsigned chosen = 0;
  const unsigned first = k.none ? 0 : static_cast<unsigned>(k.i);
  const unsigned last = k.none ? kBits - 1 : first;
  for (unsigned mode = 0; mode < 2; ++mode) {
    for (unsigned order = first; order <= last; ++order) {
      const uint64_t bits = promise(counts[mode], kBits, order);
      if (bits >= least) continue;
      least = bits;
      chosen = mode * kZigzag | order;
    }
  }
  return chosen;
}

FM_INLINE void put_number(BitWriter& out, uint64_t number, unsigned k) {
  if (number == 0) {
    put(out, 0, 1);
    return;
  }
  const uint64_t above = ((number - 1) >> k) + 1;
  const unsigned zeros = bit_length(above) - 1;
  put_long(out, uint64_t{1} << zeros, zeros + 1);
  put_long(out, above, zeros + 1);
  put_long(out, (number - 1) & low_bits(k), k);
}

template <class T>
size_t encode_words(const uint8_t* words, size_t count, const Value& k, uint8_t* code,
                    size_t capacity) {
  if (count == 0) return 0;
  if (capacity == 0) return kNoFit;
  const unsigned head = choose<T>(words, count, k), order = head & 63;
  const bool zigzag = (head & kZigzag) != 0;
  code[0] = static_cast<uint8_t>(head);
  BitWriter out = bit_writer(code + 1, capacity - 1);
  if constexpr (sizeof(T) == 1) {
    uint32_t bits[256];  // a code of at most 17 bits, then its length in the low byte
    for (unsigned word = 0; word < 256; ++word) {
      const uint8_t byte = static_cast<uint8_t>(word);
      const uint64_t number = number_at<T>(&byte, 0, zigzag);
      const uint64_t above = ((number - 1) >> order) + 1;
      const unsigned zeros = number == 0 ? 0 : bit_length(above) - 1;
      const uint64_t rest = above << order | ((number - 1) & low_bits(order));
      const uint64_t all = uint64_t{1} << (2 * zeros + 1 + order) | rest;
      bits[word] = number == 0 ? 1 : static_cast<uint32_t>(all << 8 | (2 * zeros + 2 + order));
    }
    for (size_t i = 0; i < count && !out.full; ++i) {
      put(out, bits[words[i]] >> 8, bits[words[i]] & 255);
    }
  } else {
    for (size_t i = 0; i < count && !out.full; ++i) {
      put_number(out, number_at<T>(words, i, zigzag), order);
    }
  }
  pad(out, code, 1);
  return out.full ? kNoFit : static_cast<size_t>(out.at - code);
}

template <class T>
Refusal decode_words(const uint8_t* code, size_t nbytes, uint8_t* words, size_t count,
                     const Value& k) {
  constexpr unsigned kBits = 8 * sizeof(T);
  if (count == 0) return nbytes == 0 ? nullptr : "bytes are left over";
  if (nbytes == 0) return "the block has no mode and order";
  const unsigned order = code[0] & 63u;
  if (code[0] >= 2 * kZigzag || order >= kBits || (!k.none && k.i != order)) {
    return "no such mode and order";
  }
  const unsigned most_zeros = kBits - (order > 1 ? order : 1);
  const bool zigzag = (code[0] & kZigzag) != 0;
  BitReader in = {code + 1, nbytes - 1, 0};
  for (size_t i = 0; i < count;) {
    const uint64_t bits = peek_bits(in);
    if (bits >> 63 == 0) {  // all zeros up to the next one, of which 57 are in sight
      const size_t seen = leading_zeros(bits), left = count - i;
      const size_t zeros = seen > 57 ? 57 : seen, run = zeros < left ? zeros : left;
      memset(words + i * sizeof(T), 0, run * sizeof(T));
      in.position += run;
      i += run;
      if (overrun(in)) return "code ends early";
      continue;
    }
    uint64_t number;
    if (const unsigned zeros = leading_zeros(bits << 1); 2 * zeros + 2 + order <= 57) {
      const unsigned length = 2 * zeros + 2 + order;
      if (zeros > most_zeros) return "a code has too many zeros";
      const uint64_t rest = bits >> (64 - length) & low_bits(zeros + 1 + order);
      number = rest - (uint64_t{1} << order) + 1;
      in.position += length;
    } else {
      ++in.position;
      unsigned more = 0;
      while (more <= most_zeros && take(in, 1) == 0) ++more;
      if (more > most_zeros) return "a code has too many zeros";
      uint64_t above = 1;
      if (more > 0) above = uint64_t{1} << more | take_long(in, more);
      const uint64_t below = order > 0 ? take_long(in, order) : 0;
      if ((above - 1) > low_bits(kBits) >> order) return "a word has too many bits";
      const uint64_t less_one = (above - 1) << order | below;
      if (less_one == low_bits(kBits)) return "a word has too many bits";
      number = less_one + 1;
    }
    if (number > low_bits(kBits)) return "a word has too many bits";
    T word = static_cast<T>(number);
    if (zigzag) {
      const uint64_t fold = number & 1 ? ~uint64_t{0} : 0;
      word = static_cast<T>(number >> 1 ^ fold);
    }
    store(words + i * sizeof(T), word);
    if (overrun(in)) return "code ends early";
    ++i;
  }
  if (!skip_padding(in, 8)) return "padding bits are not zero";
  return in.position == 8 * in.nbytes ? nullptr : "bytes are left over";
}

size_t encode(const Params& params, WordType type, const uint8_t* words, size_t count,
              uint8_t* code, size_t capacity) {
  return FM_BY_WIDTH(type, encode_words, words, count, params.values[0], code, capacity);
}

Refusal decode(const Params& params, WordType type, const uint8_t* code, size_t nbytes,
               uint8_t* words, size_t count) {
  return FM_BY_WIDTH(type, decode_words, code, nbytes, words, count, params.values[0]);
}

constexpr Coder kCoder = {rejects, nullptr, least_nbytes, encode, decode};
constexpr Stage kStage = {"seg", 7, kFields, 1, &kCoder, nullptr, nullptr};

}  // namespace seg
}  // namespace
}  // namespace fm
