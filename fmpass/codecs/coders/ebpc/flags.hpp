// ebpc: the stream that says which words are zero. `1` is a word, `0` and a length a run of zeros.
#pragma once

#include "simd/bit_stream.hpp"

namespace fm {
namespace {
namespace ebpc {

struct FlagWriter {
  size_t zeros;  // of the run that is not written yet
  unsigned run_bits;
};

// Writes the pending run, the longest pieces first.
FM_INLINE void put_zeros(FlagWriter& flags, BitWriter& out) {
  const size_t longest = size_t{1} << flags.run_bits;
  while (flags.zeros > longest) {
    put(out, longest - 1, flags.run_bits + 1);
    flags.zeros -= longest;
  }
  if (flags.zeros > 0) put(out, flags.zeros - 1, flags.run_bits + 1);
  flags.zeros = 0;
}

// The flags of `count` ≤ 64 words, the first one at bit 0 of `mask`; set means not zero.
FM_INLINE void put_flags(FlagWriter& flags, BitWriter& out, uint64_t mask, unsigned count) {
  for (unsigned i = 0; i < count;) {
    const unsigned zeros = trailing_zeros(mask >> i);
    if (zeros >= count - i) {
      flags.zeros += count - i;
      return;
    }
    flags.zeros += zeros;
    put_zeros(flags, out);
    i += zeros;
    const unsigned run = trailing_zeros(~(mask >> i));
    const unsigned ones = run < count - i ? run : count - i;
    put_long(out, low_bits(ones), ones);
    i += ones;
  }
}

struct FlagReader {
  size_t left;  // words whose flags have not been read
  unsigned run_bits;
  size_t zeros;  // of these, known to be zero already
  size_t ones;   // or known not to be
};

// The flags of the next `count` ≤ 64 words; false for a run of zeros that passes the last word.
// Past the end of the stream zeros are read, so that the caller may look for an overrun later.
FM_INLINE bool take_flags(FlagReader& flags, BitReader& in, unsigned count, uint64_t& mask) {
  mask = 0;
  for (unsigned i = 0; i < count;) {
    if (flags.zeros == 0 && flags.ones == 0) {
      const uint64_t head = peek_bits(in);
      // The lowest bits of a window may lie beyond it and are zero: they end a run of ones early,
      // which the next round takes up again. Its first 57 bits are the stream's.
      const unsigned seen = leading_zeros(~head);
      const unsigned run = seen < 57 ? seen : 57;
      const size_t before_end = flags.left;
      const size_t ones = run < before_end ? run : before_end;
      if (ones > 0) {
        flags.ones = ones;
        in.position += ones;
      } else {
        const uint64_t length = (head >> (63 - flags.run_bits)) & low_bits(flags.run_bits);
        in.position += flags.run_bits + 1;
        flags.zeros = static_cast<size_t>(length) + 1;
        if (flags.zeros > flags.left) return false;
      }
      flags.left -= flags.zeros + flags.ones;
    }
    const unsigned room = count - i;
    if (flags.ones > 0) {
      const unsigned n = flags.ones < room ? static_cast<unsigned>(flags.ones) : room;
      mask |= low_bits(n) << i;
      flags.ones -= n;
      i += n;
    } else {
      const unsigned n = flags.zeros < room ? static_cast<unsigned>(flags.zeros) : room;
      flags.zeros -= n;
      i += n;
    }
  }
  return true;
}

}  // namespace ebpc
}  // namespace
}  // namespace fm
