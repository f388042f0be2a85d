// width: groups of words cut to the bits of their largest one, with or without a mask. See
// FORMAT.md.
#pragma once

#include "simd/lanes.hpp"
#include "simd/low_stream.hpp"
#include "simd/nonzero.hpp"
#include "simd/pack.hpp"
#include "simd/words.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace width {

constexpr int64_t kGroups[] = {8, 16, 32, 64, 128, 256};
constexpr Field kFields[] = {
    {"group", FieldType::kInt, int_value(16), no_value(), no_value(), kGroups, 6}};

constexpr size_t kStep = 64;  // words handled at once; the last ones are completed with zeros

size_t group_words(const Params& params) { return static_cast<size_t>(params.values[0].i); }

constexpr unsigned header_bits(unsigned word_bits) { return 1 + log2_exact(word_bits); }

constexpr size_t headers_nbytes(size_t groups, unsigned word_bits) {
  return (groups * header_bits(word_bits) + 7) / 8;
}

Refusal rejects(const Params&, WordType) { return nullptr; }

// The mode and a header for each group, all of them zero.
size_t least_nbytes(const Params& params, WordType type, size_t count) {
  const size_t group = group_words(params);
  return count == 0 ? 0 : 1 + headers_nbytes((count + group - 1) / group, type.bits);
}

// What a header says about a group.
struct Form {
  bool masked;
  bool less_one;   // the words are stored minus one
  unsigned width;  // 0: all words are zero
};

template <class T>
FM_INLINE Form form_of(unsigned header) {
  constexpr unsigned kBits = 8 * sizeof(T);
  if (header <= kBits) return {false, false, header};
  if (header == 2 * kBits - 1) return {true, false, kBits};
  return {true, true, header - kBits};
}

FM_INLINE unsigned bit_length(uint64_t x) { return 64 - leading_zeros(x); }

// The header of a group of `count` words that takes the fewest bits, and these bits; `all` joins
// its words, `less_one` those of its words that are not zero, minus one.
template <class T>
FM_INLINE unsigned choose(uint64_t all, uint64_t less_one, size_t set, size_t count, size_t& bits) {
  constexpr unsigned kBits = 8 * sizeof(T);
  const unsigned plain = bit_length(all);
  unsigned masked = bit_length(less_one);
  masked = masked == 0 ? 1 : masked >= kBits - 1 ? kBits : masked;
  const size_t plain_bits = count * plain, masked_bits = (count + 7) / 8 * 8 + set * masked;
  if (plain_bits <= masked_bits) {
    bits = plain_bits;
    return plain;
  }
  bits = masked_bits;
  return masked == kBits ? 2 * kBits - 1 : kBits + masked;
}

struct Size {
  size_t bits;         // of masks and words
  size_t masks;        // bytes of masks
  bool negative_seen;  // some word has its top bit set
};

// Chooses the form of every group and, with `headers`, writes it there.
template <class T, bool zigzag>
Size plan(const uint8_t* words, size_t count, size_t group, uint8_t* headers) {
  using L = Lanes<T>;
  Size size = {0, 0, false};
  LowWriter out = {headers, 0, 0};
  uint64_t seen = 0;
  for (size_t i = 0; i < count; i += group) {
    const size_t left = count - i, n = left < group ? left : group;
    const uint8_t* from = words + i * sizeof(T);
    uint64_t all = 0, less_one = 0;
    size_t set = 0;
    const auto take = [&](uint64_t x) {
      seen |= x;
      if (zigzag) x = zigzag_lanes<T>(x);
      const uint64_t there = nonzero_lanes<T>(x);
      all |= x;
      less_one |= x - there;
      set += count_ones(there);
    };
    const size_t whole = n * sizeof(T) / 8;
    for (size_t k = 0; k < whole; ++k) take(load<uint64_t>(from + 8 * k));
    if (const size_t rest = n * sizeof(T) % 8; rest > 0) {
      uint64_t last = 0;
      memcpy(&last, from + 8 * whole, rest);
      take(last);
    }
    size_t bits;
    const unsigned header =
        choose<T>(join_lanes<T>(all), join_lanes<T>(less_one), set, n, bits);
    size.bits += bits;
    if (header > L::kBits) size.masks += (n + 7) / 8;
    if (headers != nullptr) put_low(out, header, header_bits(L::kBits));
  }
  if (headers != nullptr) flush_low(out);
  size.negative_seen = (seen & L::kTops) != 0;
  return size;
}

// Adds the masks and words of `n` ≤ 64 words at `from`, of which 64 can be read; `piece` of them
// at a time have one header.
struct Sections {
  LowReader headers;
  uint8_t* masks;
  LowWriter words;
  Form form;
};

template <class T, bool zigzag>
FM_INLINE void put_step(const uint8_t* from, size_t i, size_t n, size_t group, Sections& s) {
  using L = Lanes<T>;
  uint8_t folded[kStep * sizeof(T)];
  if (zigzag) {
    for (size_t k = 0; k < sizeof folded; k += 8) {
      store(folded + k, zigzag_lanes<T>(load<uint64_t>(from + k)));
    }
    from = folded;
  }
  const uint64_t set = nonzero_mask64<T>(from);
  const size_t piece = group < kStep ? group : kStep;
  Form forms[kStep / 8];
  uint64_t kept_mask = 0;
  for (size_t p = 0; p < n; p += piece) {
    if ((i + p) % group == 0) {
      s.form = form_of<T>(static_cast<unsigned>(peek_low(s.headers) &
                                                low_bits(header_bits(L::kBits))));
      s.headers.position += header_bits(L::kBits);
    }
    forms[p / piece] = s.form;
    const size_t m = n - p < piece ? n - p : piece;
    const uint64_t range = low_bits(static_cast<unsigned>(m)) << p;
    if (s.form.masked) {
      const uint64_t mask = (set & range) >> p;
      memcpy(s.masks, &mask, (m + 7) / 8);
      s.masks += (m + 7) / 8;
      kept_mask |= set & range;
    } else if (s.form.width > 0) {
      kept_mask |= range;
    }
  }
  uint8_t kept[kStep * sizeof(T) + 64];
  pack<T>(from, kept_mask, kept);
  const uint8_t* at = kept;
  for (size_t p = 0; p < n; p += piece) {
    const Form form = forms[p / piece];
    size_t left = count_ones(kept_mask >> p & low_bits(static_cast<unsigned>(piece)));
    const uint64_t less = form.less_one ? L::kOnes : 0;
    for (; left >= L::kCount; left -= L::kCount, at += 8) {
      put_low(s.words, gather_low_bits<T>(load<uint64_t>(at) - less, form.width),
              L::kCount * form.width);
    }
    if (left > 0) {
      const unsigned bits = static_cast<unsigned>(left) * form.width;
      put_low(s.words,
              gather_low_bits<T>(load<uint64_t>(at) - less, form.width) & low_bits(bits), bits);
      at += left * sizeof(T);
    }
  }
}

template <class T, bool zigzag>
size_t write(const uint8_t* words, size_t count, size_t group, const Size& size, uint8_t* code) {
  const size_t headers = headers_nbytes((count + group - 1) / group, 8 * sizeof(T));
  uint8_t* const masks = code + 1 + headers;
  Sections s = {{code + 1, headers, 0}, masks, {masks + size.masks, 0, 0}, {false, false, 0}};
  const size_t full = count / kStep * kStep;
  for (size_t i = 0; i < full; i += kStep) {
    put_step<T, zigzag>(words + i * sizeof(T), i, kStep, group, s);
  }
  if (full < count) {
    uint8_t last[kStep * sizeof(T)] = {};
    memcpy(last, words + full * sizeof(T), (count - full) * sizeof(T));
    put_step<T, zigzag>(last, full, count - full, group, s);
  }
  flush_low(s.words);
  return static_cast<size_t>(s.words.at - code);
}

template <class T>
size_t encode_words(const uint8_t* words, size_t count, size_t group, uint8_t* code,
                    size_t capacity) {
  if (count == 0) return 0;
  const size_t headers = headers_nbytes((count + group - 1) / group, 8 * sizeof(T));
  if (capacity < 1 + headers) return kNoFit;
  Size size = plan<T, false>(words, count, group, code + 1);
  bool zigzag = false;
  if (size.negative_seen) {  // else the zig-zag only makes words longer
    const Size other = plan<T, true>(words, count, group, nullptr);
    zigzag = other.bits < size.bits;
    if (zigzag) size = plan<T, true>(words, count, group, code + 1);
  }
  if (capacity - 1 - headers < (size.bits + 7) / 8) return kNoFit;
  code[0] = zigzag ? 1 : 0;
  return zigzag ? write<T, true>(words, count, group, size, code)
                : write<T, false>(words, count, group, size, code);
}

// Bytes of all masks, or false where the headers are padded with ones.
template <class T>
bool masks_nbytes(LowReader headers, size_t count, size_t group, size_t& nbytes) {
  constexpr unsigned kBits = header_bits(8 * sizeof(T));
  const size_t whole = count / group;
  size_t masked = 0, i = 0;
  if constexpr (kBits == 4) {  // 16 headers above 8 at once: bit 3 and any lower one
    for (; i + 16 <= whole; i += 16) {
      const uint64_t x = load<uint64_t>(headers.data + i / 2);
      masked += count_ones(x >> 3 & (x >> 2 | x >> 1 | x) & 0x1111111111111111u);
    }
    headers.position = 4 * i;
  }
  const auto take = [&] {
    const uint64_t header = peek_low(headers) & low_bits(kBits);
    headers.position += kBits;
    return header > 8 * sizeof(T);
  };
  for (; i < whole; ++i) masked += take() ? 1 : 0;
  nbytes = masked * group / 8;
  if (const size_t rest = count % group; rest > 0 && take()) nbytes += (rest + 7) / 8;
  return ends_low(headers);
}

struct Source {
  LowReader headers;
  const uint8_t* masks;
  LowReader words;
  Form form;
};

// Restores `n` ≤ 64 words; all 64 of `to` are written. False for a mask that names words behind
// the last one.
template <class T, bool zigzag>
FM_INLINE bool take_step(Source& s, size_t i, size_t n, size_t group, uint8_t* to) {
  using L = Lanes<T>;
  const size_t piece = group < kStep ? group : kStep;
  uint8_t kept[kStep * sizeof(T) + 64];
  uint8_t* at = kept;
  uint64_t kept_mask = 0;
  for (size_t p = 0; p < n; p += piece) {
    if ((i + p) % group == 0) {
      s.form = form_of<T>(static_cast<unsigned>(peek_low(s.headers) &
                                                low_bits(header_bits(L::kBits))));
      s.headers.position += header_bits(L::kBits);
    }
    const size_t m = n - p < piece ? n - p : piece;
    uint64_t mask = s.form.width > 0 ? low_bits(static_cast<unsigned>(m)) : 0;
    if (s.form.masked) {
      uint64_t stored = 0;
      memcpy(&stored, s.masks, (m + 7) / 8);
      s.masks += (m + 7) / 8;
      if ((stored & ~mask) != 0) return false;
      mask = stored;
    }
    kept_mask |= mask << p;
    const uint64_t more = s.form.less_one ? L::kOnes : 0;
    const size_t wanted = count_ones(mask);
    const unsigned step = L::kCount * s.form.width;
    size_t position = s.words.position;
    s.words.position += wanted * s.form.width;
    // Lanes behind the last one hold bits of the next group, which overwrites them.
    LowReader in = {s.words.data, s.words.nbytes, position};
    for (size_t k = 0; k < wanted; k += L::kCount, in.position += step) {
      store(at + k * sizeof(T), spread_low_bits<T>(peek_low(in), s.form.width) + more);
    }
    at += wanted * sizeof(T);
  }
  unpack<T>(kept, kept_mask, to);
  if (zigzag) {
    for (size_t k = 0; k < kStep * sizeof(T); k += 8) {
      store(to + k, unzigzag_lanes<T>(load<uint64_t>(to + k)));
    }
  }
  return true;
}

template <class T, bool zigzag>
bool read(Source& s, size_t count, size_t group, uint8_t* words) {
  const size_t full = count / kStep * kStep;
  for (size_t i = 0; i < full; i += kStep) {
    if (!take_step<T, zigzag>(s, i, kStep, group, words + i * sizeof(T))) return false;
  }
  if (full < count) {
    uint8_t last[kStep * sizeof(T)];
    if (!take_step<T, zigzag>(s, full, count - full, group, last)) return false;
    memcpy(words + full * sizeof(T), last, (count - full) * sizeof(T));
  }
  return true;
}

template <class T>
Refusal decode_words(const uint8_t* code, size_t nbytes, uint8_t* words, size_t count,
                     size_t group) {
  if (count == 0) return nbytes == 0 ? nullptr : "bytes are left over";
  const size_t headers = headers_nbytes((count + group - 1) / group, 8 * sizeof(T));
  if (nbytes < 1 + headers) return "code ends inside the headers";
  if (code[0] > 1) return "no such mode";
  size_t masks;
  if (!masks_nbytes<T>({code + 1, headers, 0}, count, group, masks)) {
    return "padding bits of the headers are not zero";
  }
  const size_t left = nbytes - 1 - headers;
  if (left < masks) return "code ends inside the masks";
  const uint8_t* at = code + 1 + headers;
  Source s = {{code + 1, headers, 0}, at, {at + masks, left - masks, 0}, {false, false, 0}};
  const bool fine = code[0] == 1 ? read<T, true>(s, count, group, words)
                                 : read<T, false>(s, count, group, words);
  if (!fine) return "unused bits of a mask are set";
  return ends_low(s.words) ? nullptr : "length does not agree with the widths";
}

size_t encode(const Params& params, WordType type, const uint8_t* words, size_t count,
              uint8_t* code, size_t capacity) {
  return FM_BY_WIDTH(type, encode_words, words, count, group_words(params), code, capacity);
}

Refusal decode(const Params& params, WordType type, const uint8_t* code, size_t nbytes,
               uint8_t* words, size_t count) {
  return FM_BY_WIDTH(type, decode_words, code, nbytes, words, count, group_words(params));
}

constexpr Coder kCoder = {rejects, nullptr, least_nbytes, encode, decode};
constexpr Stage kStage = {"width", 6, kFields, 1, &kCoder, nullptr};

}  // namespace width
}  // namespace
}  // namespace fm
