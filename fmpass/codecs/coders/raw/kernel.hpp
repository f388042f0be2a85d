// raw: the words themselves. See FORMAT.md.
#pragma once

#include "simd/memory.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace raw {

Refusal rejects(const Params&, WordType) { return nullptr; }

size_t nbytes(const Params&, WordType type, size_t count) { return count * (type.bits / 8u); }

size_t measure(const Params& params, WordType type, const uint8_t*, size_t count) {
  return nbytes(params, type, count);
}

size_t encode(const Params& params, WordType type, const uint8_t* words, size_t count,
              uint8_t* code, size_t capacity) {
  const size_t n = nbytes(params, type, count);
  if (n > capacity) return kNoFit;
  if (n > 0) memcpy(code, words, n);
  return n;
}

Refusal decode(const Params& params, WordType type, const uint8_t* code, size_t size,
               uint8_t* words, size_t count) {
  if (size != nbytes(params, type, count)) return "length is not that of its words";
  if (size > 0) memcpy(words, code, size);
  return nullptr;
}

constexpr Coder kCoder = {rejects, measure, nbytes, encode, decode};
constexpr Stage kStage = {"raw", 1, nullptr, 0, &kCoder, nullptr, nullptr};

}  // namespace raw
}  // namespace
}  // namespace fm
