#include "header.hpp"

#include <cinttypes>
#include <cstring>

#include "bytes.hpp"
#include "container.hpp"
#include "simd/level.hpp"

namespace fm {
namespace {

// The fixed part, in the order of docs/format.md.
int check_fixed(const uint8_t* p, size_t nbytes, PayloadInfo* out, Failure* why) {
  const size_t magic_nbytes = nbytes < sizeof kMagic ? nbytes : sizeof kMagic;
  if (nbytes > 0 && std::memcmp(p, kMagic, magic_nbytes) != 0) {
    return fail(why, FM_E_MAGIC, "magic: these bytes are not an fmpass payload");
  }
  if (nbytes < kFixedNbytes) {
    return fail(why, FM_E_TRUNCATED, "header: %zu bytes, but the fixed part alone has %zu", nbytes,
                kFixedNbytes);
  }
  if (p[4] != kVersion) return fail(why, FM_E_VERSION, "version: %d is not known", p[4]);
  if ((p[5] & ~FM_FLAG_SELF_CONTAINED) != 0) {
    return fail(why, FM_E_HEADER, "flags: reserved bits are set: 0x%02x", p[5]);
  }
  if (p[15] != 0) return fail(why, FM_E_HEADER, "reserved: the byte is %d, not 0", p[15]);
  if (p[14] != 1 && p[14] != 3) {
    return fail(why, FM_E_HEADER, "grid rank: %d, not 1 or 3", p[14]);
  }
  out->grid_rank = p[14];
  const unsigned text_nbytes = read_le<uint16_t>(p + 12);
  out->self_contained = (p[5] & FM_FLAG_SELF_CONTAINED) != 0;
  if (out->self_contained != (text_nbytes > 0)) {
    return fail(why, FM_E_HEADER, "text bytes: %u disagrees with the flag SELF_CONTAINED",
                text_nbytes);
  }
  out->dtype = p[6];
  if (find_dtype(out->dtype) == nullptr) {
    return fail(why, FM_E_DTYPE, "dtype: %d is not a type that travels", out->dtype);
  }
  out->rank = p[7];
  if (out->rank > FM_MAX_RANK) {
    return fail(why, FM_E_HEADER, "rank: %d is above %d", out->rank, FM_MAX_RANK);
  }
  out->chain_digest = read_le<uint32_t>(p + 8);
  out->side_nbytes = read_le<uint32_t>(p + 16);
  out->blocks = read_le<uint32_t>(p + 20);
  return FM_OK;
}

// Whether everything announced fits exactly; no sum here can leave 64 bits.
int check_extent(const uint8_t* p, size_t nbytes, size_t text_end, PayloadInfo* out, Failure* why) {
  const uint64_t directory_at = uint64_t{text_end} + out->side_nbytes;
  const uint64_t checksum_at = directory_at + uint64_t{kEntryNbytes} * out->blocks;
  if (checksum_at + 4 > nbytes) {
    return fail(why, FM_E_TRUNCATED, "header: %" PRIu64 " bytes are announced, %zu are there",
                checksum_at + 4, nbytes);
  }
  out->side = p + text_end;
  out->directory = p + directory_at;
  out->header_nbytes = static_cast<size_t>(checksum_at) + 4;
  uint64_t total = out->header_nbytes;
  for (uint32_t i = 0; i < out->blocks; ++i) {
    const uint32_t entry = read_le<uint32_t>(out->directory + kEntryNbytes * size_t{i});
    total += entry & ~kRawBit;
    out->raw_blocks += (entry & kRawBit) != 0 ? 1 : 0;
  }
  if (total != nbytes) {
    return fail(why, FM_E_TRUNCATED, "blocks: %" PRIu64 " bytes are announced, %zu are there",
                total, nbytes);
  }
  return FM_OK;
}

}  // namespace

bool count_elements(const int64_t* dims, int rank, uint64_t* out) {
  uint64_t limit = 1, elements = 1;
  for (int i = 0; i < rank; ++i) {
    if (dims[i] < 0) return false;
    const uint64_t dim = static_cast<uint64_t>(dims[i]), at_least_one = dim > 0 ? dim : 1;
    if (at_least_one > (kMaxElements - 1) / limit) return false;
    limit *= at_least_one;
    elements *= dim;
  }
  *out = elements;
  return true;
}

int peek(const uint8_t* payload, size_t nbytes, PayloadInfo* out, Failure* why) {
  *out = PayloadInfo();
  if (payload == nullptr) nbytes = 0;
  if (const int code = check_fixed(payload, nbytes, out, why); code != FM_OK) return code;
  const size_t dims_nbytes = 8 * static_cast<size_t>(out->rank);
  const size_t extent_at = kFixedNbytes + dims_nbytes;
  const size_t text_nbytes = read_le<uint16_t>(payload + 12);
  const size_t text_at = extent_at + 4 * size_t{out->grid_rank};
  const size_t text_end = text_at + text_nbytes;
  if (const int code = check_extent(payload, nbytes, text_end, out, why); code != FM_OK) {
    return code;
  }
  const size_t checked = out->header_nbytes - 4;
  if (active_level().crc32c(payload, checked) != read_le<uint32_t>(payload + checked)) {
    return fail(why, FM_E_CHECKSUM, "header checksum: it does not match");
  }
  for (int i = 0; i < out->rank; ++i) {
    out->dims[i] = read_le<int64_t>(payload + kFixedNbytes + 8 * static_cast<size_t>(i));
  }
  if (!count_elements(out->dims, out->rank, &out->elements)) {
    return fail(why, FM_E_HEADER, "dims: more elements than memory has addresses");
  }
  const DType& type = *find_dtype(out->dtype);
  out->tensor_nbytes = static_cast<size_t>(tensor_nbytes(type, out->elements));
  out->words = out->tensor_nbytes / (word_type(type).bits / 8u);
  uint64_t extent = 1;
  for (uint32_t i = 0; i < out->grid_rank; ++i) {
    out->extents[i] = read_le<uint32_t>(payload + extent_at + 4 * size_t{i});
    extent = extent > kMaxBlockWords ? extent : extent * out->extents[i];
  }
  if (extent < 1 || extent > kMaxBlockWords) {
    return fail(why, FM_E_HEADER, "extents: a block of %" PRIu64 " words, not 1 to %u", extent,
                kMaxBlockWords);
  }
  out->block_words = static_cast<uint32_t>(extent);
  if (out->self_contained) {
    const char* text = reinterpret_cast<const char*>(payload + text_at);
    out->chain_text = std::string_view(text, text_nbytes);
  }
  return FM_OK;
}

}  // namespace fm
