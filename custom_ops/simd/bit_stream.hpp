// Bits into bytes and back, most significant first.
#pragma once

#include "memory.hpp"

namespace fm {
namespace {

// Holds fewer than 32 pending bits between calls. What does not fit is dropped and `full` set.
struct BitWriter {
  uint8_t* at;
  const uint8_t* end;
  uint64_t pending;  // the low `count` bits
  unsigned count;
  bool full;
};

FM_INLINE BitWriter bit_writer(uint8_t* out, size_t capacity) {
  return {out, out + capacity, 0, 0, false};
}

// The low `count` ≤ 32 bits of `bits`; those above must be 0.
FM_INLINE void put(BitWriter& w, uint64_t bits, unsigned count) {
  w.pending = w.pending << count | bits;
  w.count += count;
  if (w.count >= 32) {
    w.count -= 32;
    if (FM_UNLIKELY(w.end - w.at < 4)) {
      w.full = true;
    } else {
      const uint64_t top = w.pending >> w.count << 32;
      store(w.at, static_cast<uint32_t>(swap_bytes(top)));
      w.at += 4;
    }
  }
}

// `count` ≤ 64.
FM_INLINE void put_long(BitWriter& w, uint64_t bits, unsigned count) {
  if (count > 32) {
    put(w, bits >> 32, count - 32);
    bits &= 0xFFFFFFFFu;
    count = 32;
  }
  put(w, bits, count);
}

// Zero bits up to a byte boundary that is also a multiple of `nbytes` from `start`, then all
// pending bytes go out.
FM_INLINE void pad(BitWriter& w, const uint8_t* start, unsigned nbytes) {
  if (w.count % 8 != 0) put(w, 0, 8 - w.count % 8);
  while (w.count > 0) {
    if (w.at == w.end) {
      w.full = true;
      return;
    }
    w.count -= 8;
    *w.at++ = static_cast<uint8_t>(w.pending >> w.count);
  }
  while (!w.full && static_cast<size_t>(w.at - start) % nbytes != 0) {
    if (w.at == w.end) {
      w.full = true;
      return;
    }
    *w.at++ = 0;
  }
}

// Reads zeros past the end; whoever reads compares `position` with `size` before trusting them.
struct BitReader {
  const uint8_t* data;
  size_t nbytes;
  size_t position;  // in bits
};

// The next 57 or more bits, at the top.
FM_INLINE uint64_t peek_bits(const BitReader& r) {
  const size_t byte = r.position / 8;
  const unsigned shift = static_cast<unsigned>(r.position % 8);
  if (!FM_UNLIKELY(byte + 8 > r.nbytes)) return swap_bytes(load<uint64_t>(r.data + byte)) << shift;
  uint64_t bits = 0;
  for (size_t i = 0; i < 8 && byte + i < r.nbytes; ++i) {
    bits |= static_cast<uint64_t>(r.data[byte + i]) << (56 - 8 * i);
  }
  return bits << shift;
}

// `count` of 1 … 57.
FM_INLINE uint64_t take(BitReader& r, unsigned count) {
  const uint64_t bits = peek_bits(r) >> (64 - count);
  r.position += count;
  return bits;
}

// `count` of 1 … 64.
FM_INLINE uint64_t take_long(BitReader& r, unsigned count) {
  if (count <= 32) return take(r, count);
  const uint64_t high = take(r, count - 32);
  return high << 32 | take(r, 32);
}

FM_INLINE bool overrun(const BitReader& r) { return r.position > 8 * r.nbytes; }

// Skips the zero bits up to a multiple of `unit` bits; false where one is not zero or missing.
FM_INLINE bool skip_padding(BitReader& r, unsigned unit) {
  unsigned left = static_cast<unsigned>((unit - r.position % unit) % unit);
  while (left > 0) {
    const unsigned step = left < 32 ? left : 32;
    if (take(r, step) != 0) return false;
    left -= step;
  }
  return !overrun(r);
}

}  // namespace
}  // namespace fm
