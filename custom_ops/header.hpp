// The bytes of a payload before its first block: where the fields stand.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fm {

constexpr uint8_t kMagic[4] = {'F', 'M', 'P', 'K'};
constexpr uint8_t kVersion = 1;
constexpr size_t kFixedNbytes = 24;
constexpr size_t kEntryNbytes = 8;  // of the directory
constexpr uint32_t kRawBit = uint32_t{1} << 31;
constexpr uint32_t kMaxBlockWords = uint32_t{1} << 24;
constexpr uint64_t kMaxElements = uint64_t{1} << 60;  // no product with bytes leaves 63 bits

// How the side data of a coder begins that has a model.
constexpr uint8_t kModelAbsent = 0;    // nothing follows, and all blocks are raw
constexpr uint8_t kModelInside = 1;    // the model follows
constexpr uint8_t kModelResident = 2;  // the CRC32C of a resident one follows
constexpr size_t kResidentNbytes = 5;

static_assert(sizeof(size_t) == 8, "sizes are computed in 64 bits");

// Elements of a tensor; false where its dims, zeros taken as ones, multiply to more than the limit.
bool count_elements(const int64_t* dims, int rank, uint64_t* out);

}  // namespace fm
