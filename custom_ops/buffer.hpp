// Memory whose allocation may fail without an exception; untouched pages cost nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace fm {

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};

using Buffer = std::unique_ptr<uint8_t[], FreeMemory>;

// Null where there is no memory. Never null for 0 bytes.
inline Buffer allocate(size_t nbytes) {
  return Buffer(static_cast<uint8_t*>(std::malloc(nbytes > 0 ? nbytes : 1)));
}

}  // namespace fm
