// width: groups of words cut to the bits of their largest one, with or without a mask. See
// FORMAT.md.
#pragma once

#include "plan.hpp"
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

constexpr size_t headers_nbytes(size_t groups, unsigned word_bits) {
  return (groups * header_bits(word_bits) + 7) / 8;
}

Refusal rejects(const Params&, WordType) { return nullptr; }

// The mode and a header for each group, all of them zero.
size_t least_nbytes(const Params& params, WordType type, size_t count) {
  const size_t group = group_words(params);
  return count == 0 ? 0 : 1 + headers_nbytes((count + group - 1) / group, type.bits);
}

// Hands out the forms of the groups that a step of 64 words touches.
template <class T, unsigned kPiece>
FM_INLINE uint64_t next_headers(LowReader& headers, size_t step, size_t pieces) {
  constexpr unsigned kHeader = header_bits(8 * sizeof(T));
  if (kPiece < kStep) {
    const uint64_t found = peek_low(headers);
    headers.position += kStep / kPiece * kHeader;
    return found;
  }
  headers.position = step / pieces * kHeader;  // a group is some whole steps
  return peek_low(headers);
}

struct Target {
  LowReader headers;
  uint8_t* masks;
  uint8_t* masks_end;
  LowWriter words;
};

// Adds the masks and words of the `n` ≤ 64 words at `from`, of which 64 can be read. May write
// 64·sizeof(T) + 8 bytes of words.
template <class T, unsigned kPiece>
FM_INLINE void put_step(const uint8_t* from, size_t step, size_t n, size_t pieces, Target& to) {
  using L = Lanes<T>;
  const uint64_t headers = next_headers<T, kPiece>(to.headers, step, pieces);
  const uint64_t set = nonzero_mask64<T>(from);
  uint64_t kept_mask = 0, masks = 0;
  size_t mask_bits = 0;
  const auto form_at = [headers](size_t p) {
    constexpr unsigned kHeader = header_bits(L::kBits);
    return kForms<T>.of[headers >> (p / kPiece * kHeader) & low_bits(kHeader)];
  };
  // Which form a group has is as good as random: no branches but those for the last step.
  for (size_t p = 0; p < kStep; p += kPiece) {
    if (n < kStep && p >= n) break;
    const Form form = form_at(p);
    const size_t m = n - p < kPiece ? n - p : kPiece;
    const uint64_t mask = set >> p & low_bits(static_cast<unsigned>(m));
    kept_mask |= ((mask & form.masked) | (low_bits(static_cast<unsigned>(m)) & form.whole)) << p;
    masks |= (mask & form.masked) << mask_bits % 64;
    mask_bits += (m + 7) / 8 * 8 & form.masked;
  }
  if (to.masks_end - to.masks >= 8) {
    store(to.masks, masks);
  } else {
    memcpy(to.masks, &masks, mask_bits / 8);
  }
  to.masks += mask_bits / 8;
  uint8_t kept[kStep * sizeof(T) + 64];
  pack<T>(from, kept_mask, kept);
  const uint8_t* at = kept;
  for (size_t p = 0; p < kStep; p += kPiece) {
    const Form form = form_at(p);
    const unsigned wanted = count_ones(kept_mask >> p & low_bits(kPiece));
    const uint64_t less = L::kOnes & form.less_one;
    // All lanes of a piece, there or not: how many are is as good as random.
    for (unsigned k = 0; k < kPiece; k += L::kCount) {
      const unsigned left = wanted < k ? 0 : wanted - k;
      const unsigned bits = (left < L::kCount ? left : L::kCount) * form.width;
      const uint64_t words = load<uint64_t>(at + k * sizeof(T)) - less;
      put_low(to.words, gather_low_bits<T>(words, form.width) & low_bits(bits), bits);
    }
    at += wanted * sizeof(T);
  }
}

template <class T, unsigned kPiece>
size_t write(const uint8_t* words, size_t count, size_t pieces, const Size& size, uint8_t* code) {
  constexpr size_t kMost = kStep * sizeof(T) + 8;
  const size_t groups = (count + kPiece * pieces - 1) / (kPiece * pieces);
  const size_t headers = headers_nbytes(groups, 8 * sizeof(T));
  uint8_t* const masks = code + 1 + headers;
  uint8_t* const masks_end = masks + size.masks;
  uint8_t* const end = masks + (size.bits + 7) / 8;
  Target to = {{code + 1, headers, 0}, masks, masks_end, {masks_end, 0, 0}};
  for (size_t i = 0; i < count; i += kStep) {
    const size_t n = count - i < kStep ? count - i : kStep;
    const uint8_t* from = words + i * sizeof(T);
    uint8_t step[kStep * sizeof(T)], out[kMost];
    if (n < kStep || code[0] == 1) {
      if (n < kStep) memset(step, 0, sizeof step);
      memcpy(step, from, n * sizeof(T));
      if (code[0] == 1) {
        for (size_t k = 0; k < sizeof step; k += 8) {
          store(step + k, zigzag_lanes<T>(load<uint64_t>(step + k)));
        }
      }
      from = step;
    }
    uint8_t* const at = to.words.at;
    const bool near_end = static_cast<size_t>(end - at) < kMost;
    if (near_end) to.words.at = out;
    put_step<T, kPiece>(from, i / kStep, n, pieces, to);
    if (near_end) {
      const size_t nbytes = static_cast<size_t>(to.words.at - out);
      memcpy(at, out, nbytes);
      to.words.at = at + nbytes;
    }
  }
  flush_low(to.words);
  return static_cast<size_t>(to.words.at - code);
}

template <class T, unsigned kPiece>
size_t encode_words(const uint8_t* words, size_t count, size_t pieces, uint8_t* code,
                    size_t capacity) {
  if (count == 0) return 0;
  const size_t group = kPiece * pieces;
  const size_t headers = headers_nbytes((count + group - 1) / group, 8 * sizeof(T));
  if (capacity < 1 + headers) return kNoFit;
  Size size = plan<T, kPiece, false>(words, count, pieces, code + 1);
  bool zigzag = false;
  if (size.negative_seen) {  // else the zig-zag only makes words longer
    const Size other = plan<T, kPiece, true>(words, count, pieces, nullptr);
    zigzag = other.bits < size.bits;
    if (zigzag) size = plan<T, kPiece, true>(words, count, pieces, code + 1);
  }
  if (capacity - 1 - headers < (size.bits + 7) / 8) return kNoFit;
  code[0] = zigzag ? 1 : 0;
  return write<T, kPiece>(words, count, pieces, size, code);
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
  const uint8_t* end;
  LowReader words;
};

// Restores `n` ≤ 64 words; all 64 of `to` are written. False for a mask that names words behind
// the last one.
template <class T, unsigned kPiece>
FM_INLINE bool take_step(Source& from, size_t step, size_t n, size_t pieces, uint8_t* to) {
  using L = Lanes<T>;
  constexpr unsigned kHeader = header_bits(L::kBits);
  const uint64_t headers = next_headers<T, kPiece>(from.headers, step, pieces);
  uint64_t masks = 0;
  if (from.end - from.masks >= 8) {
    masks = load<uint64_t>(from.masks);
  } else {
    memcpy(&masks, from.masks, static_cast<size_t>(from.end - from.masks));
  }
  uint8_t kept[kStep * sizeof(T) + 64];
  uint8_t* at = kept;
  uint64_t kept_mask = 0, excess = 0;
  size_t mask_bits = 0;
  LowReader in = from.words;
  // Which form a group has is as good as random: no branches but those for the last step.
  for (size_t p = 0; p < kStep; p += kPiece) {
    if (n < kStep && p >= n) break;
    const Form form = kForms<T>.of[headers >> (p / kPiece * kHeader) & low_bits(kHeader)];
    const size_t m = n - p < kPiece ? n - p : kPiece, mask_nbytes = (m + 7) / 8;
    const uint64_t range = low_bits(static_cast<unsigned>(m));
    const uint64_t stored = masks >> mask_bits % 64 &
                            low_bits(static_cast<unsigned>(8 * mask_nbytes)) & form.masked;
    mask_bits += 8 * mask_nbytes & form.masked;
    excess |= stored & ~range;
    const uint64_t mask = stored | (range & form.whole);
    kept_mask |= mask << p;
    const unsigned wanted = count_ones(mask);
    const size_t position = in.position;
    // All lanes of a piece, there or not; the next piece overwrites those that are not.
    for (unsigned k = 0; k < kPiece; k += L::kCount, in.position += L::kCount * form.width) {
      const uint64_t words = spread_low_bits<T>(peek_low(in), form.width);
      store(at + k * sizeof(T), words + (L::kOnes & form.less_one));
    }
    in.position = position + wanted * form.width;
    at += wanted * sizeof(T);
  }
  from.masks += mask_bits / 8;
  from.words.position = in.position;
  unpack<T>(kept, kept_mask, to);
  return excess == 0;
}

template <class T, unsigned kPiece>
bool read(Source& from, size_t count, size_t pieces, bool zigzag, uint8_t* words) {
  for (size_t i = 0; i < count; i += kStep) {
    const size_t n = count - i < kStep ? count - i : kStep;
    uint8_t last[kStep * sizeof(T)];
    uint8_t* const to = n < kStep ? last : words + i * sizeof(T);
    if (!take_step<T, kPiece>(from, i / kStep, n, pieces, to)) return false;
    if (zigzag) {
      for (size_t k = 0; k < kStep * sizeof(T); k += 8) {
        store(to + k, unzigzag_lanes<T>(load<uint64_t>(to + k)));
      }
    }
    if (n < kStep) memcpy(words + i * sizeof(T), last, n * sizeof(T));
  }
  return true;
}

template <class T, unsigned kPiece>
Refusal decode_words(const uint8_t* code, size_t nbytes, uint8_t* words, size_t count,
                     size_t pieces) {
  if (count == 0) return nbytes == 0 ? nullptr : "bytes are left over";
  const size_t group = kPiece * pieces;
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
  Source from = {{code + 1, headers, 0}, at, at + masks, {at + masks, left - masks, 0}};
  if (!read<T, kPiece>(from, count, pieces, code[0] == 1, words)) {
    return "unused bits of a mask are set";
  }
  return ends_low(from.words) ? nullptr : "length does not agree with the widths";
}

// function<T, kPiece>(arguments…, pieces of a group, more…)
#define FM_BY_PIECE(T, function, group, ...)    \
  ((group) == 8    ? function<T, 8>(__VA_ARGS__)  \
   : (group) == 16 ? function<T, 16>(__VA_ARGS__) \
   : (group) == 32 ? function<T, 32>(__VA_ARGS__) \
                   : function<T, 64>(__VA_ARGS__))

size_t pieces_of(size_t group) { return group < kStep ? 1 : group / kStep; }

template <class T>
size_t encode_group(const uint8_t* words, size_t count, size_t group, uint8_t* code,
                    size_t capacity) {
  return FM_BY_PIECE(T, encode_words, group, words, count, pieces_of(group), code, capacity);
}

template <class T>
Refusal decode_group(const uint8_t* code, size_t nbytes, uint8_t* words, size_t count,
                     size_t group) {
  return FM_BY_PIECE(T, decode_words, group, code, nbytes, words, count, pieces_of(group));
}

#undef FM_BY_PIECE

size_t encode(const Params& params, WordType type, const uint8_t* words, size_t count,
              uint8_t* code, size_t capacity) {
  return FM_BY_WIDTH(type, encode_group, words, count, group_words(params), code, capacity);
}

Refusal decode(const Params& params, WordType type, const uint8_t* code, size_t nbytes,
               uint8_t* words, size_t count) {
  return FM_BY_WIDTH(type, decode_group, code, nbytes, words, count, group_words(params));
}

constexpr Coder kCoder = {rejects, nullptr, least_nbytes, encode, decode};
constexpr Stage kStage = {"width", 6, kFields, 1, &kCoder, nullptr, nullptr};

}  // namespace width
}  // namespace
}  // namespace fm
