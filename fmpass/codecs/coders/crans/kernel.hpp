// crans: predicted, context-modelled rANS over feature maps, channels side by side. See FORMAT.md.
#pragma once

#include "fit.hpp"
#include "simd/words.hpp"
#include "tile.hpp"

namespace fm {
namespace {
namespace crans {

constexpr int64_t kAxes[] = {-3, -2, -1};
constexpr Field kFields[] = {
    {"axis", FieldType::kInt, int_value(-3), no_value(), no_value(), kAxes, 3}};

Refusal rejects(const Params&, const DType& type) {
  if (type.bits < 8) return "elements narrower than a byte have no rows of words";
  return type.bits == 64 ? "words of 64 bits are no feature maps" : nullptr;
}

int channel_axis(const Params& params) { return static_cast<int>(params.values[0].i); }

// A byte takes 1/1420 bit or more, of which the states may hold 16 each.
size_t least_nbytes(const Params&, const DType&, const Tile& tile) {
  const size_t channels = tile.channels;
  const size_t bits = tile_words(tile) / 1420, held = 16 * least_of(4 * channels, kGroup);
  return 1 + 4 * least_of(channels, 16) + (bits > held ? (bits - held) / 16 * 2 : 0);
}

size_t encode(const Params&, const DType& type, const uint8_t* opened, const uint8_t* words,
              const Tile& tile, uint8_t* scratch, uint8_t* code, size_t capacity) {
  return type.bits == 8    ? encode_tile<uint8_t>(type, opened, words, tile, scratch, code, capacity)
         : type.bits == 16 ? encode_tile<uint16_t>(type, opened, words, tile, scratch, code, capacity)
                           : encode_tile<uint32_t>(type, opened, words, tile, scratch, code, capacity);
}

Refusal decode(const Params&, const DType& type, const uint8_t* opened, const uint8_t* code,
               size_t nbytes, uint8_t* scratch, uint8_t* words, const Tile& tile) {
  return type.bits == 8    ? decode_tile<uint8_t>(type, opened, code, nbytes, scratch, words, tile)
         : type.bits == 16 ? decode_tile<uint16_t>(type, opened, code, nbytes, scratch, words, tile)
                           : decode_tile<uint32_t>(type, opened, code, nbytes, scratch, words, tile);
}

constexpr MapCoder kMapCoder = {kChunk,       1u << 20,           16,      rejects,
                                channel_axis,
                                model_nbytes, fit_scratch_nbytes, fit,     opened_nbytes,
                                open,         serves,             scratch_nbytes,
                                least_nbytes, encode,             decode};
constexpr Stage kStage = {"crans", 9, kFields, 1, nullptr, nullptr, &kMapCoder};

}  // namespace crans
}  // namespace
}  // namespace fm
