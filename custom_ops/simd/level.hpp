// SIMD levels: one table of kernels for each instruction set, one of them active.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../stage.hpp"

namespace fm {

// `stages` has the same order at every level, so that a chain parsed at one runs at another.
struct Level {
  int number;  // as in fm_set_simd_level
  const char* name;
  const Stage* const* stages;
  size_t stage_count;
  // Of a whole run of bytes, start value and final xor included.
  uint32_t (*crc32c)(const uint8_t* data, size_t nbytes);
};

// The active level: FMPASS_SIMD where the machine has it, else the best that it has.
const Level& active_level();

// Null where this library was built without that level or the machine lacks its instructions.
const Level* find_level(int number);

void set_active_level(const Level& level);

const char* level_name(int number);  // null for an unknown number

extern const Level kScalarLevel;
extern const Level kAvx2Level;
extern const Level kAvx512Level;
extern const Level kNeonLevel;

}  // namespace fm
