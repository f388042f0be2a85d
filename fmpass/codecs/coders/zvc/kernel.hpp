// zvc: a bit for each word, then the words that are not zero. See FORMAT.md.
#pragma once

#include "simd/nonzero.hpp"
#include "simd/pack.hpp"
#include "simd/words.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace zvc {

constexpr size_t kGroup = 64;  // words handled at once; the last group is completed with zeros

Refusal rejects(const Params&, WordType) { return nullptr; }

size_t least_nbytes(const Params&, WordType, size_t count) { return (count + 7) / 8; }

template <class T>
uint64_t last_mask(const uint8_t* words, size_t count, uint8_t* group) {
  memset(group, 0, kGroup * sizeof(T));
  memcpy(group, words, count * sizeof(T));
  return nonzero_mask64<T>(group);
}

template <class T>
size_t measure_words(const uint8_t* words, size_t count) {
  size_t set = 0;
  const size_t full = count / kGroup * kGroup;
  for (size_t i = 0; i < full; i += kGroup) {
    set += count_ones(nonzero_mask64<T>(words + i * sizeof(T)));
  }
  if (full < count) {
    uint8_t group[kGroup * sizeof(T)];
    set += count_ones(last_mask<T>(words + full * sizeof(T), count - full, group));
  }
  return (count + 7) / 8 + set * sizeof(T);
}

template <class T>
size_t encode_words(const uint8_t* words, size_t count, uint8_t* code, size_t capacity) {
  const size_t mask_nbytes = (count + 7) / 8;
  if (mask_nbytes > capacity) return kNoFit;
  uint8_t* out = code + mask_nbytes;
  size_t room = capacity - mask_nbytes;
  const size_t full = count / kGroup * kGroup;
  for (size_t i = 0; i < full; i += kGroup) {
    const uint8_t* from = words + i * sizeof(T);
    const uint64_t mask = nonzero_mask64<T>(from);
    const size_t nbytes = count_ones(mask) * sizeof(T);
    store(code + i / 8, mask);
    if (room >= kGroup * sizeof(T)) {
      pack<T>(from, mask, out);
    } else {
      if (nbytes > room) return kNoFit;
      pack_exact<T>(from, mask, out);
    }
    out += nbytes;
    room -= nbytes;
  }
  if (full < count) {
    uint8_t group[kGroup * sizeof(T)];
    const uint64_t mask = last_mask<T>(words + full * sizeof(T), count - full, group);
    const size_t nbytes = count_ones(mask) * sizeof(T);
    if (nbytes > room) return kNoFit;
    memcpy(code + full / 8, &mask, mask_nbytes - full / 8);
    pack_exact<T>(group, mask, out);
    out += nbytes;
  }
  return static_cast<size_t>(out - code);
}

template <class T>
Refusal decode_words(const uint8_t* code, size_t nbytes, uint8_t* words, size_t count) {
  const size_t mask_nbytes = (count + 7) / 8;
  if (mask_nbytes > nbytes) return "code ends inside the mask";
  const size_t full = count / kGroup * kGroup;
  size_t set = 0;
  for (size_t i = 0; i < full; i += kGroup) set += count_ones(load<uint64_t>(code + i / 8));
  uint64_t last = 0;
  if (full < count) memcpy(&last, code + full / 8, mask_nbytes - full / 8);
  if ((last & ~low_bits(static_cast<unsigned>(count - full))) != 0) {
    return "unused bits of the mask are set";
  }
  set += count_ones(last);
  // From here on every read is covered: the masks ask for exactly the bytes that there are.
  if (nbytes - mask_nbytes != set * sizeof(T)) return "length does not agree with the mask";
  const uint8_t* in = code + mask_nbytes;
  const uint8_t* const end = code + nbytes;
  for (size_t i = 0; i < full; i += kGroup) {
    const uint64_t mask = load<uint64_t>(code + i / 8);
    if (static_cast<size_t>(end - in) >= kGroup * sizeof(T)) {
      unpack<T>(in, mask, words + i * sizeof(T));
    } else {
      unpack_exact<T>(in, mask, words + i * sizeof(T));
    }
    in += count_ones(mask) * sizeof(T);
  }
  if (full < count) {
    uint8_t group[kGroup * sizeof(T)];
    unpack_exact<T>(in, last, group);
    memcpy(words + full * sizeof(T), group, (count - full) * sizeof(T));
  }
  return nullptr;
}

size_t measure(const Params&, WordType type, const uint8_t* words, size_t count) {
  return FM_BY_WIDTH(type, measure_words, words, count);
}

size_t encode(const Params&, WordType type, const uint8_t* words, size_t count, uint8_t* code,
              size_t capacity) {
  return FM_BY_WIDTH(type, encode_words, words, count, code, capacity);
}

Refusal decode(const Params&, WordType type, const uint8_t* code, size_t nbytes, uint8_t* words,
               size_t count) {
  return FM_BY_WIDTH(type, decode_words, code, nbytes, words, count);
}

constexpr Coder kCoder = {rejects, measure, least_nbytes, encode, decode};
constexpr Stage kStage = {"zvc", 2, nullptr, 0, &kCoder, nullptr, nullptr};

}  // namespace zvc
}  // namespace
}  // namespace fm
