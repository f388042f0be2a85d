// rice: contexts from neighbours, a Golomb-Rice code for each, runs of zeros. See FORMAT.md.
#pragma once

#include "choose.hpp"
#include "parameters.hpp"
#include "simd/tile_scan.hpp"
#include "simd/tile_walk.hpp"
#include "simd/words.hpp"
#include "stage.hpp"

namespace fm {
namespace {
namespace rice {

constexpr int64_t kAxes[] = {-3, -2, -1};
constexpr Field kFields[] = {
    {"axis", FieldType::kInt, int_value(-3), no_value(), no_value(), kAxes, 3}};

Refusal rejects(const Params&, const DType& type) {
  return type.bits < 8 ? "elements narrower than a byte have no rows of words" : nullptr;
}

int channel_axis(const Params& params) { return static_cast<int>(params.values[0].i); }

size_t least_nbytes(const Params&, const DType& type, const Tile& tile) {
  const uint32_t streams = streams_of(tile.channels);
  const size_t row_bits = size_t{tile.rows} * ((tile.columns + (1u << kLongestRun) - 1) >> kLongestRun);
  size_t total = (head_bits(kNever, type) + (streams > 1 ? kSizeBits : 0) + 7) / 8;
  for (uint32_t s = 0; s < streams; ++s) {
    const size_t channels = (tile.channels - s + streams - 1) / streams;
    total += (channels * row_bits + 7) / 8;
  }
  return total;
}

// Bytes that a word's code never passes, the bits of its run included.
constexpr size_t most_nbytes(size_t word_nbytes) {
  return (kLongestRun + 1 + 1 + kUnaryLimit + 8 * word_nbytes + 7) / 8;
}

size_t scratch_nbytes(const Params&, const DType& type, const Tile& tile) {
  const size_t nbytes = type.bits / 8u, words = size_t{tile.channels} * tile.rows * tile.columns;
  const size_t rows = FM_BY_WIDTH(type, scan_scratch_nbytes, tile.columns);
  const size_t lanes = FM_BY_WIDTH(type, walk_scratch_nbytes, tile);
  const size_t encoder = rows + round_up(kCountsNbytes) + words * most_nbytes(nbytes) + 64;
  return encoder > lanes ? encoder : lanes;
}

// Bits into memory that holds all of them, most significant first; eight bytes beyond are written.
struct Sink {
  uint8_t* at;
  uint64_t pending;  // at the top
  unsigned count;    // fewer than 8
};

// The low `count` ≤ 57 bits of `bits`; those above must be 0.
FM_INLINE void put_top(Sink& out, uint64_t bits, unsigned count) {
  out.pending |= bits << (63 - out.count - count) << 1;
  out.count += count;
  store(out.at, swap_bytes(out.pending));
  out.at += out.count / 8;
  out.pending <<= out.count & ~7u;
  out.count %= 8;
}

// Behind `prefix` bits that come first: a Rice code, or 12 zeros and the number in `wide` bits.
template <class T>
FM_INLINE void put_number(Sink& out, uint64_t prefix, unsigned prefix_bits, uint64_t number,
                          unsigned k, unsigned wide) {
  const uint64_t high = number >> k;
  const bool escape = high >= kUnaryLimit;
  const unsigned zeros = escape ? kUnaryLimit : static_cast<unsigned>(high) + 1;
  const unsigned low = escape ? wide : k;
  const uint64_t unary = prefix << zeros | (escape ? 0 : 1);
  const uint64_t rest = escape ? number : number & low_bits(k);
  if constexpr (sizeof(T) <= 4) {
    put_top(out, unary << low | rest, prefix_bits + zeros + low);  // 8 + 12 + 32
  } else {
    put_top(out, unary, prefix_bits + zeros);
    if (low > 32) put_top(out, rest >> 32, low - 32);
    put_top(out, low > 32 ? rest & 0xFFFFFFFFu : rest, low > 32 ? 32 : low);
  }
}

template <class T>
void put_channel(Scan<T>& scan, uint32_t channel, const Parameters<T>& p, Sink& out) {
  const size_t columns = scan.tile->columns;
  const unsigned wide = bit_length_of<T>(span_of(p.range)), run = p.run;
  const unsigned threshold = static_cast<unsigned>(kThresholds[p.threshold]);
  const T zero = p.range.zero;
  Sink sink = out;  // in registers
  scan_channel<T>(scan, channel, [&] {
    const Seen<T>& seen = scan.seen;
    for (size_t i = 0; i < columns;) {
      const unsigned size = seen.sizes[i];
      if (size == 0) {
        const size_t begin = i;
        while (i < columns && seen.sizes[i] == 0 && seen.raw[i] == 0) ++i;
        const bool ended = i < columns && seen.sizes[i] == 0;
        const size_t zeros = i - begin;
        size_t ones = (zeros + (ended ? 0 : (size_t{1} << run) - 1)) >> run;
        for (; ones > 32; ones -= 32) put_top(sink, low_bits(32), 32);
        put_top(sink, low_bits(static_cast<unsigned>(ones)), static_cast<unsigned>(ones));
        if (ended) {
          const uint64_t left = zeros & low_bits(run);
          put_number<T>(sink, left, 1 + run, seen.raw[i] - uint64_t{1}, p.codes[kEnding].k, wide);
          ++i;
        }
        continue;
      }
      const bool is_raw = size < threshold;
      const unsigned context = is_raw ? kRawContextOf.at[size] : seen.contexts[i];
      const uint64_t number = is_raw ? seen.raw[i] : seen.predicted[i];
      const Code code = p.codes[context];
      const bool touching = context >= kTouching;
      const bool likeliest = touching ? scan.rows.x[i] == zero : number == 0;
      ++i;
      if (code.flagged != 0 && likeliest) {
        put_top(sink, 0, 1);
      } else {
        put_number<T>(sink, code.flagged, code.flagged,
                      number - (touching ? 0 : code.flagged), code.k, wide);
      }
    }
  });
  out = sink;
}

template <class T>
size_t encode_tile(const DType& type, const uint8_t* words, const Tile& tile, uint8_t* scratch,
                   uint8_t* code, size_t capacity) {
  uint32_t* const counts = reinterpret_cast<uint32_t*>(scratch);
  scratch += round_up(kCountsNbytes);
  Scan<T> scan = begin_scan<T>(words, tile, type, scratch);
  const Parameters<T> p = choose<T>(scan, counts);
  const uint32_t streams = streams_of(tile.channels);
  size_t sizes[kStreams] = {}, total = 0;
  Sink out = {scratch, 0, 0};
  for (uint32_t s = 0; s < streams; ++s) {
    const uint8_t* const begin = out.at;
    for (uint32_t c = s; c < tile.channels; c += streams) put_channel<T>(scan, c, p, out);
    if (out.count > 0) out = {out.at + 1, 0, 0};
    sizes[s] = static_cast<size_t>(out.at - begin);
    total += sizes[s];
  }
  uint8_t head[kMostHead];
  const size_t head_nbytes = write_head<T>(p, type, sizes, streams, head);
  if (head_nbytes > capacity || total > capacity - head_nbytes) return kNoFit;
  memcpy(code, head, head_nbytes);
  memcpy(code + head_nbytes, scratch, total);
  return head_nbytes + total;
}

template <class T>
struct Source {
  Code codes[kContexts];
  T span;
  unsigned wide;
};

// A number of the code of order k, `less` added to it, which lies behind `skipped` bits.
template <class T>
FM_INLINE T take_number(const Source<T>& source, uint64_t bits, unsigned skipped, unsigned k,
                        unsigned less, BitReader& in, bool& bad) {
  bits <<= skipped;
  const unsigned zeros = leading_zeros(bits | 1);
  uint64_t number;
  if (FM_UNLIKELY(zeros >= kUnaryLimit)) {
    in.position += skipped + kUnaryLimit;
    number = source.wide > 0 ? take_long(in, source.wide) : 0;
  } else if constexpr (sizeof(T) <= 4) {
    number = uint64_t{zeros} << k | bits << zeros << 1 >> 1 >> (63 - k);
    in.position += skipped + zeros + 1 + k;
  } else {
    in.position += skipped + zeros + 1;
    number = uint64_t{zeros} << k | (k > 0 ? take_long(in, k) : 0);
    bad |= k > 0 && uint64_t{zeros} >> (64 - k) != 0;
  }
  const bool beyond = number > uint64_t{source.span} - less || source.span < less;
  bad |= beyond;
  return beyond ? T{0} : static_cast<T>(number + less);
}

template <class T>
FM_INLINE T take_ending(const Source<T>& source, const Range<T>& range, BitReader& in, bool& bad) {
  const T number =
      take_number<T>(source, peek_bits(in), 0, source.codes[kEnding].k, 1, in, bad);
  return unfold<T>(number, range.zero, range);
}

template <class T>
FM_INLINE T take_word(const Source<T>& source, const Range<T>& range, unsigned context, T p,
                      BitReader& in, bool& bad) {
  const Code code = source.codes[context];
  const uint64_t bits = peek_bits(in);
  const bool touching = context >= kTouching;
  if (code.flagged != 0 && bits >> 63 == 0) {
    ++in.position;
    return touching ? range.zero : p;
  }
  const T number = take_number<T>(source, bits, code.flagged, code.k,
                                  touching ? 0u : code.flagged, in, bad);
  return unfold<T>(number, p, range);
}

template <class T>
Refusal decode_tile(const DType& type, const uint8_t* code, size_t nbytes, uint8_t* scratch,
                    uint8_t* words, const Tile& tile) {
  const uint32_t streams = streams_of(tile.channels);
  Parameters<T> p;
  size_t sizes[kStreams] = {}, used = 0;
  const Refusal refusal = read_head<T>(code, nbytes, type, streams, p, sizes, used);
  if (refusal != nullptr) return refusal;
  Source<T> source;
  memcpy(source.codes, p.codes, sizeof p.codes);
  source.span = span_of(p.range);
  source.wide = bit_length_of<T>(source.span);
  const Walk<T> walk = {p.range, kThresholds[p.threshold], p.run, &type, &tile, words, streams};
  return walk_tile<T>(walk, p.averaging, source, code + used, sizes, scratch);
}

size_t encode(const Params&, const DType& type, const uint8_t*, const uint8_t* words,
              const Tile& tile, uint8_t* scratch, uint8_t* code, size_t capacity) {
  return FM_BY_WIDTH(type, encode_tile, type, words, tile, scratch, code, capacity);
}

Refusal decode(const Params&, const DType& type, const uint8_t*, const uint8_t* code,
               size_t nbytes, uint8_t* scratch, uint8_t* words, const Tile& tile) {
  return FM_BY_WIDTH(type, decode_tile, type, code, nbytes, scratch, words, tile);
}

constexpr MapCoder kCoder = {kStreams, 1u << 17, 1, rejects, channel_axis, nullptr, nullptr, nullptr,
                             nullptr, nullptr, nullptr, scratch_nbytes, least_nbytes, encode,
                             decode};
constexpr Stage kStage = {"rice", 10, kFields, 1, nullptr, nullptr, &kCoder};

}  // namespace rice
}  // namespace
}  // namespace fm
