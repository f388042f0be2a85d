// Bits into bytes and back, least significant first: what is cut out of words with masks.
#pragma once

#include "memory.hpp"

namespace fm {
namespace {

// Nothing is checked: eight bytes from `at` on have to be writable, whatever is put.
struct LowWriter {
  uint8_t* at;
  uint64_t pending;
  unsigned count;  // of pending bits, fewer than 64
};

// The low `count` ≤ 64 bits of `bits`; those above must be 0. Without branches: whether a put
// completes eight bytes is as good as random.
FM_INLINE void put_low(LowWriter& w, uint64_t bits, unsigned count) {
  const uint64_t low = w.pending | bits << w.count;
  const uint64_t high = bits >> 1 >> (63 - w.count);
  const unsigned total = w.count + count;
  store(w.at, low);
  w.at += total / 64 * 8;
  w.pending = total >= 64 ? high : low;
  w.count = total % 64;
}

// The pending bits, completed with zeros to a byte.
FM_INLINE void flush_low(LowWriter& w) {
  for (; w.count > 0; w.count = w.count > 8 ? w.count - 8 : 0, w.pending >>= 8) {
    *w.at++ = static_cast<uint8_t>(w.pending);
  }
}

// Reads zeros past the end; whoever reads compares `position` with the size in the end.
struct LowReader {
  const uint8_t* data;
  size_t nbytes;
  size_t position;  // in bits
};

// The next 64 bits.
FM_INLINE uint64_t peek_low(const LowReader& r) {
  const size_t byte = r.position / 8;
  const unsigned shift = static_cast<unsigned>(r.position % 8);
  if (!FM_UNLIKELY(byte + 9 > r.nbytes)) {
    return load<uint64_t>(r.data + byte) >> shift |
           static_cast<uint64_t>(r.data[byte + 8]) << 1 << (63 - shift);
  }
  uint64_t bits = 0;
  for (size_t i = 0; i < 8 && byte + i < r.nbytes; ++i) {
    bits |= static_cast<uint64_t>(r.data[byte + i]) << (8 * i);
  }
  bits >>= shift;
  if (byte + 8 < r.nbytes) bits |= static_cast<uint64_t>(r.data[byte + 8]) << 1 << (63 - shift);
  return bits;
}

// Whether exactly all bytes were read and the bits left in the last one are zero.
FM_INLINE bool ends_low(const LowReader& r) {
  if ((r.position + 7) / 8 != r.nbytes) return false;
  return r.position % 8 == 0 || r.data[r.nbytes - 1] >> (r.position % 8) == 0;
}

}  // namespace
}  // namespace fm
