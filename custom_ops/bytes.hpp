// Little-endian fields of headers and digests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace fm {

template <class T>
T read_le(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Writes and moves on.
template <class T>
void write_le(uint8_t*& to, T value) {
  std::memcpy(to, &value, sizeof value);
  to += sizeof value;
}

template <class T>
void append_le(std::string* out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out->append(bytes, sizeof bytes);
}

}  // namespace fm
