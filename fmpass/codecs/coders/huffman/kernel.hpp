// huffman: byte planes, each raw, constant or coded by how frequent its bytes are. See FORMAT.md.
#pragma once

#include "simd/bit_stream.hpp"
#include "stage.hpp"
#include "table.hpp"

namespace fm {
namespace {
namespace huffman {

enum Kind : uint8_t { kRaw = 0, kConstant = 1, kCoded = 2 };

constexpr size_t kFewWords = 1024;  // from so many on there are four streams
constexpr size_t kMostStreams = 4;
constexpr size_t kSizeNbytes = 3;

Refusal rejects(const Params&, WordType) { return nullptr; }

size_t constant_nbytes(size_t count) { return 2 + (count + 1023) / 1024; }

size_t least_nbytes(const Params&, WordType type, size_t count) {
  if (count == 0) return 0;
  const size_t constant = constant_nbytes(count);
  return type.bits / 8u * (1 + count < constant ? 1 + count : constant);
}

struct Streams {
  size_t number;
  size_t begin[kMostStreams + 1];  // in words
};

Streams streams_of(size_t count) {
  if (count < kFewWords) return {1, {0, count, 0, 0, 0}};
  const size_t step = (count + 3) / 4;
  return {4, {0, step, 2 * step, 3 * step, count}};
}

// Bytes are `stride` apart in `plane`.
template <unsigned stride>
void count_bytes(const uint8_t* plane, size_t count, uint32_t* counts) {
  // In turn: counting one byte again and again would wait for the count before.
  uint32_t turns[4][kSymbols] = {};
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (size_t k = 0; k < 4; ++k) ++turns[k][plane[(i + k) * stride]];
  }
  for (; i < count; ++i) ++turns[0][plane[i * stride]];
  for (unsigned s = 0; s < kSymbols; ++s) {
    counts[s] = turns[0][s] + turns[1][s] + turns[2][s] + turns[3][s];
  }
}

// Writes the codes of `count` bytes: exactly `nbytes` bytes at `out`.
template <unsigned stride>
void put_stream(const uint8_t* plane, size_t count, const uint32_t* codes, uint8_t* out,
                size_t nbytes) {
  uint8_t* const end = out + nbytes;
  uint64_t pending = 0;  // fewer than 8 bits between rounds
  unsigned bits = 0;
  size_t i = 0;
  for (; i + 4 <= count && end - out >= 8; i += 4) {
    for (size_t k = 0; k < 4; ++k) {
      const uint32_t code = codes[plane[(i + k) * stride]];
      pending = pending << (code & 15) | code >> 4;
      bits += code & 15;
    }
    store(out, swap_bytes(pending << 1 << (63 - bits)));  // no more than 7 + 48 bits
    out += bits / 8;
    bits %= 8;
    pending &= low_bits(bits);
  }
  for (; i < count; ++i) {
    const uint32_t code = codes[plane[i * stride]];
    pending = pending << (code & 15) | code >> 4;
    for (bits += code & 15; bits >= 8; bits -= 8) {
      *out++ = static_cast<uint8_t>(pending >> (bits - 8));
    }
    pending &= low_bits(bits);
  }
  if (bits > 0) *out = static_cast<uint8_t>(pending << (8 - bits));
}

template <unsigned stride>
size_t encode_plane(const uint8_t* plane, size_t count, uint8_t* code, size_t capacity) {
  const Streams streams = streams_of(count);
  uint32_t counts[kMostStreams][kSymbols], total[kSymbols] = {};
  unsigned present = 0;
  for (size_t s = 0; s < streams.number; ++s) {
    const size_t begin = streams.begin[s];
    count_bytes<stride>(plane + begin * stride, streams.begin[s + 1] - begin, counts[s]);
    for (unsigned k = 0; k < kSymbols; ++k) total[k] += counts[s][k];
  }
  for (unsigned k = 0; k < kSymbols; ++k) present += total[k] > 0 ? 1 : 0;

  if (present == 1 && constant_nbytes(count) <= count) {
    const size_t nbytes = constant_nbytes(count);
    if (nbytes > capacity) return kNoFit;
    memset(code, 0, nbytes);
    code[0] = kConstant;
    code[1] = plane[0];
    return nbytes;
  }
  if (present > 1) {
    uint8_t lengths[kSymbols], table[kMostTable];
    uint16_t codes[kSymbols];
    uint32_t entries[kSymbols];
    choose_lengths(total, lengths);
    const size_t table_nbytes = write_table(lengths, table);
    size_t sizes[kMostStreams] = {}, nbytes = 1 + table_nbytes + kSizeNbytes * streams.number;
    for (size_t s = 0; s < streams.number; ++s) {
      size_t bits = 0;
      for (unsigned k = 0; k < kSymbols; ++k) bits += size_t{counts[s][k]} * lengths[k];
      sizes[s] = (bits + 7) / 8;
      nbytes += sizes[s];
    }
    if (nbytes <= count) {
      if (nbytes > capacity) return kNoFit;
      make_codes(lengths, codes);
      for (unsigned k = 0; k < kSymbols; ++k) entries[k] = uint32_t{codes[k]} << 4 | lengths[k];
      *code++ = kCoded;
      memcpy(code, table, table_nbytes);
      code += table_nbytes;
      for (size_t s = 0; s < streams.number; ++s) {
        for (size_t k = 0; k < kSizeNbytes; ++k) *code++ = static_cast<uint8_t>(sizes[s] >> 8 * k);
      }
      for (size_t s = 0; s < streams.number; ++s) {
        const size_t begin = streams.begin[s];
        put_stream<stride>(plane + begin * stride, streams.begin[s + 1] - begin, entries, code,
                           sizes[s]);
        code += sizes[s];
      }
      return nbytes;
    }
  }
  if (1 + count > capacity) return kNoFit;
  code[0] = kRaw;
  for (size_t i = 0; i < count; ++i) code[1 + i] = plane[i * stride];
  return 1 + count;
}

// For the next 12 bits: the byte whose code they begin with, and its length.
struct Entry {
  uint8_t byte;
  uint8_t length;
};

void make_entries(const uint8_t* lengths, Entry* entries) {
  for (unsigned length = 1; length <= kLongest; ++length) {
    for (unsigned s = 0; s < kSymbols; ++s) {
      if (lengths[s] != length) continue;
      const Entry entry = {static_cast<uint8_t>(s), static_cast<uint8_t>(length)};
      Entry* const end = entries + (size_t{1} << (kLongest - length));
      while (entries != end) *entries++ = entry;
    }
  }
}

// The bytes of words [from, to) of one stream after the other, in rounds of four bytes of each.
template <unsigned stride, size_t number>
void take_streams(BitReader* in, const size_t* begin, const Entry* entries, uint8_t* plane) {
  size_t done = 0;
  const size_t shortest = begin[number] - begin[number - 1];  // the last one
  for (; done + 4 <= shortest; done += 4) {
    for (size_t s = 0; s < number; ++s) {
      uint64_t bits = peek_bits(in[s]);
      uint8_t* const to = plane + (begin[s] + done) * stride;
      size_t position = in[s].position;
      for (size_t k = 0; k < 4; ++k) {  // 48 of 57 bits
        const Entry entry = entries[bits >> (64 - kLongest)];
        to[k * stride] = entry.byte;
        bits <<= entry.length;
        position += entry.length;
      }
      in[s].position = position;
    }
  }
  for (size_t s = 0; s < number; ++s) {
    for (size_t i = begin[s] + done; i < begin[s + 1]; ++i) {
      const Entry entry = entries[peek_bits(in[s]) >> (64 - kLongest)];
      plane[i * stride] = entry.byte;
      in[s].position += entry.length;
    }
  }
}

// Reads a coded plane behind its kind and sets `used` to its bytes.
template <unsigned stride>
Refusal decode_streams(const uint8_t* code, size_t nbytes, uint8_t* plane, size_t count,
                       size_t& used) {
  uint8_t lengths[kSymbols];
  const size_t table = read_table(code, nbytes, lengths);
  if (table == 0) return "a table is cut short or no complete code";
  const Streams streams = streams_of(count);
  size_t at = table + kSizeNbytes * streams.number;
  if (nbytes < at) return "code ends inside the sizes of streams";
  BitReader in[kMostStreams];
  for (size_t s = 0; s < streams.number; ++s) {
    const uint8_t* size = code + table + kSizeNbytes * s;
    const size_t stream = size[0] | size_t{size[1]} << 8 | size_t{size[2]} << 16;
    if (stream > nbytes - at) return "code ends inside a stream";
    in[s] = {code + at, stream, 0};
    at += stream;
  }
  Entry entries[size_t{1} << kLongest];
  make_entries(lengths, entries);
  if (streams.number == 1) {
    take_streams<stride, 1>(in, streams.begin, entries, plane);
  } else {
    take_streams<stride, kMostStreams>(in, streams.begin, entries, plane);
  }
  for (size_t s = 0; s < streams.number; ++s) {
    if (overrun(in[s])) return "a stream ends early";
    if (!skip_padding(in[s], 8)) return "padding bits of a stream are not zero";
    if (in[s].position != 8 * in[s].nbytes) return "a stream is longer than its codes";
  }
  used = at;
  return nullptr;
}

template <unsigned stride>
Refusal decode_plane(const uint8_t* code, size_t nbytes, uint8_t* plane, size_t count,
                     size_t& used) {
  if (nbytes == 0) return "a plane is missing";
  if (code[0] == kCoded) {
    const Refusal refusal = decode_streams<stride>(code + 1, nbytes - 1, plane, count, used);
    ++used;
    return refusal;
  }
  if (code[0] > kCoded) return "no such kind of planes";
  used = code[0] == kRaw ? 1 + count : constant_nbytes(count);
  if (nbytes < used) return "code ends inside a plane";
  if (code[0] == kRaw) {
    for (size_t i = 0; i < count; ++i) plane[i * stride] = code[1 + i];
    return nullptr;
  }
  for (size_t i = 2; i < used; ++i) {
    if (code[i] != 0) return "padding of a constant plane is not zero";
  }
  for (size_t i = 0; i < count; ++i) plane[i * stride] = code[1];
  return nullptr;
}

template <unsigned stride>
size_t encode_planes(const uint8_t* words, size_t count, uint8_t* code, size_t capacity) {
  size_t total = 0;
  for (unsigned i = 0; i < stride && count > 0; ++i) {
    const size_t n = encode_plane<stride>(words + i, count, code + total, capacity - total);
    if (n == kNoFit) return kNoFit;
    total += n;
  }
  return total;
}

template <unsigned stride>
Refusal decode_planes(const uint8_t* code, size_t nbytes, uint8_t* words, size_t count) {
  size_t at = 0;
  for (unsigned i = 0; i < stride && count > 0; ++i) {
    size_t used = 0;
    const Refusal refusal = decode_plane<stride>(code + at, nbytes - at, words + i, count, used);
    if (refusal != nullptr) return refusal;
    at += used;
  }
  return at == nbytes ? nullptr : "bytes are left over";
}

size_t encode(const Params&, WordType type, const uint8_t* words, size_t count, uint8_t* code,
              size_t capacity) {
  return type.bits == 8    ? encode_planes<1>(words, count, code, capacity)
         : type.bits == 16 ? encode_planes<2>(words, count, code, capacity)
         : type.bits == 32 ? encode_planes<4>(words, count, code, capacity)
                           : encode_planes<8>(words, count, code, capacity);
}

Refusal decode(const Params&, WordType type, const uint8_t* code, size_t nbytes, uint8_t* words,
               size_t count) {
  return type.bits == 8    ? decode_planes<1>(code, nbytes, words, count)
         : type.bits == 16 ? decode_planes<2>(code, nbytes, words, count)
         : type.bits == 32 ? decode_planes<4>(code, nbytes, words, count)
                           : decode_planes<8>(code, nbytes, words, count);
}

constexpr Coder kCoder = {rejects, nullptr, least_nbytes, encode, decode};
constexpr Stage kStage = {"huffman", 8, nullptr, 0, &kCoder, nullptr, nullptr};

}  // namespace huffman
}  // namespace
}  // namespace fm
