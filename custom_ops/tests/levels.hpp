// Going through the SIMD levels of this machine.
#pragma once

#include "c_api.h"

namespace fm::tests {

// Calls body(level) at each, and restores the level that was active.
template <class Body>
void for_every_level(Body body) {
  const int before = fm_simd_level();
  for (int level = 0; fm_simd_name(level) != nullptr; ++level) {
    if (fm_set_simd_level(level) == FM_OK) body(level);
  }
  fm_set_simd_level(before);
}

}  // namespace fm::tests
