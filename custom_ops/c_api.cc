#include "c_api.h"

#include <cstring>
#include <new>
#include <string>

#include "buffer.hpp"
#include "chain.hpp"
#include "container.hpp"
#include "counters.hpp"
#include "json.hpp"
#include "simd/level.hpp"
#include "threads.hpp"

struct fm_buffer {
  fm::Buffer data;
  size_t nbytes;
};

struct fm_encoder {
  fm::Encoder encoder;
  fm::Resident resident;
  int threads = 1;
  bool ran = false;  // without a failure: there is something to write
};

namespace {

using fm::Failure;

// Copies and terminates; returns the size needed.
size_t give(std::string_view text, char* to, size_t cap) {
  if (to != nullptr && cap > 0) {
    const size_t n = text.size() < cap ? text.size() : cap - 1;
    std::memcpy(to, text.data(), n);
    to[n] = 0;
  }
  return text.size() + 1;
}

int tell(int code, const Failure& failure, char* why, size_t why_cap) {
  give(code == FM_OK ? "" : failure.text, why, why_cap);
  return code;
}

// No exception may cross the C ABI; the only one there can be is a lack of memory.
template <class Body>
int guarded(char* why, size_t why_cap, Body body) {
  Failure failure;
  try {
    return tell(body(&failure), failure, why, why_cap);
  } catch (const std::bad_alloc&) {
    give("no memory", why, why_cap);
    return FM_E_MEMORY;
  }
}

template <class Body>
size_t text_of(char* buf, size_t cap, Body body) {
  try {
    return give(body(), buf, cap);
  } catch (const std::bad_alloc&) {
    give("", buf, cap);
    return 0;
  }
}

void fill(const fm::PayloadInfo& from, size_t nbytes, fm_info* to) {
  *to = fm_info{};
  to->dtype = from.dtype;
  to->rank = from.rank;
  std::memcpy(to->dims, from.dims, sizeof to->dims);
  to->elements = from.elements;
  to->tensor_nbytes = from.tensor_nbytes;
  to->payload_nbytes = nbytes;
  to->header_nbytes = from.header_nbytes;
  to->side_nbytes = from.side_nbytes;
  to->blocks = from.blocks;
  to->raw_blocks = from.raw_blocks;
  to->block_words = from.block_words;
  to->grid_rank = from.grid_rank;
  std::memcpy(to->extents, from.extents, sizeof to->extents);
  to->chain_digest = from.chain_digest;
  to->self_contained = from.self_contained ? 1 : 0;
  to->chain = from.self_contained ? from.chain_text.data() : nullptr;
  to->chain_nbytes = static_cast<uint32_t>(from.chain_text.size());
}

// Null where none was given.
int open_resident(const fm::Chain& chain, int dtype, const fm_resident* given, fm::Resident* own,
                  const fm::Resident** out, Failure* why) {
  *out = nullptr;
  if (given == nullptr || given->data == nullptr) return FM_OK;
  *out = own;
  return fm::Resident::open(chain, dtype, given->data, given->nbytes, own, why);
}

int encode(fm_encoder* with, const char* chain, int dtype, const int64_t* dims, int rank,
           const void* data, uint32_t block_words, int flags, const fm_resident* resident,
           int threads, Failure* why) {
  with->ran = false;
  if ((flags & ~FM_FLAG_SELF_CONTAINED) != 0) {
    return fm::fail(why, FM_E_UNSUPPORTED, "flags: 0x%x has unknown bits", flags);
  }
  fm::Chain parsed;
  int code = fm::Chain::parse(chain, &parsed, why);
  if (code != FM_OK) return code;
  const fm::Resident* given = nullptr;
  code = open_resident(parsed, dtype, resident, &with->resident, &given, why);
  if (code != FM_OK) return code;
  with->threads = threads;
  fm::Threads pool(threads);
  code = with->encoder.run(parsed, dtype, dims, rank, data, block_words,
                           (flags & FM_FLAG_SELF_CONTAINED) != 0, given, pool.runner(), why);
  with->ran = code == FM_OK;
  return code;
}

}  // namespace

extern "C" {

uint32_t fm_abi_version(void) { return 2; }

const char* fm_version(void) { return FM_VERSION; }

int fm_simd_level(void) { return fm::active_level().number; }

int fm_set_simd_level(int level) {
  const fm::Level* found = fm::find_level(level);
  if (found == nullptr) return FM_E_UNSUPPORTED;
  fm::set_active_level(*found);
  return FM_OK;
}

const char* fm_simd_name(int level) { return fm::level_name(level); }

size_t fm_stages_json(char* buf, size_t cap) { return text_of(buf, cap, fm::stages_json); }

int fm_chain_check(const char* chain, int dtype, int rank, char* why, size_t why_cap) {
  return guarded(why, why_cap, [&](Failure* failure) {
    fm::Chain parsed;
    const int code = fm::Chain::parse(chain, &parsed, failure);
    return code != FM_OK ? code : parsed.check(dtype, rank, failure);
  });
}

uint32_t fm_chain_digest(const char* chain, int* error) {
  uint32_t digest = 0;
  const int code = guarded(nullptr, 0, [&](Failure* failure) {
    fm::Chain parsed;
    const int parsing = fm::Chain::parse(chain, &parsed, failure);
    digest = parsing == FM_OK ? parsed.digest() : 0;
    return parsing;
  });
  if (error != nullptr) *error = code;
  return digest;
}

size_t fm_chain_canonical(const char* chain, char* buf, size_t cap) {
  try {
    fm::Chain parsed;
    if (fm::Chain::parse(chain, &parsed, nullptr) == FM_OK) {
      return give(parsed.canonical(), buf, cap);
    }
  } catch (const std::bad_alloc&) {
  }
  give("", buf, cap);
  return 0;
}

int fm_encode(const char* chain, int dtype, const int64_t* dims, int rank, const void* data,
              uint32_t block_words, int flags, const fm_resident* resident, int threads,
              fm_buffer** out, char* why, size_t why_cap) {
  return guarded(why, why_cap, [&](Failure* failure) -> int {
    if (out == nullptr) return fm::fail(failure, FM_E_UNSUPPORTED, "out: it is NULL");
    *out = nullptr;
    fm_encoder own;
    const int code = encode(&own, chain, dtype, dims, rank, data, block_words, flags, resident,
                            threads, failure);
    if (code != FM_OK) return code;
    auto buffer = std::make_unique<fm_buffer>();
    buffer->nbytes = own.encoder.nbytes();
    buffer->data = fm::allocate(buffer->nbytes);
    if (buffer->data == nullptr) {
      return fm::fail(failure, FM_E_MEMORY, "no memory for %zu bytes", buffer->nbytes);
    }
    fm_encoder_write(&own, buffer->data.get());
    *out = buffer.release();
    return FM_OK;
  });
}

const uint8_t* fm_buffer_data(const fm_buffer* buffer) { return buffer->data.get(); }

size_t fm_buffer_nbytes(const fm_buffer* buffer) { return buffer->nbytes; }

void fm_buffer_free(fm_buffer* buffer) { delete buffer; }

fm_encoder* fm_encoder_new(void) { return new (std::nothrow) fm_encoder; }

int fm_encoder_run(fm_encoder* encoder, const char* chain, int dtype, const int64_t* dims, int rank,
                   const void* data, uint32_t block_words, int flags, const fm_resident* resident,
                   int threads, size_t* nbytes, char* why, size_t why_cap) {
  return guarded(why, why_cap, [&](Failure* failure) {
    *nbytes = 0;
    const int code = encode(encoder, chain, dtype, dims, rank, data, block_words, flags, resident,
                            threads, failure);
    if (code == FM_OK) *nbytes = encoder->encoder.nbytes();
    return code;
  });
}

void fm_encoder_write(const fm_encoder* encoder, void* out) {
  if (!encoder->ran) return;
  fm::Threads pool(encoder->threads);
  encoder->encoder.write(static_cast<uint8_t*>(out), pool.runner());
}

void fm_encoder_free(fm_encoder* encoder) { delete encoder; }

int fm_peek(const uint8_t* payload, size_t nbytes, fm_info* out, char* why, size_t why_cap) {
  return guarded(why, why_cap, [&](Failure* failure) {
    fm::PayloadInfo info;
    const int code = fm::peek(payload, nbytes, &info, failure);
    if (code == FM_OK) fill(info, nbytes, out);
    return code;
  });
}

int fm_decode(const char* chain, const uint8_t* payload, size_t nbytes, void* out,
              size_t out_nbytes, const fm_resident* resident, int threads, char* why,
              size_t why_cap) {
  return guarded(why, why_cap, [&](Failure* failure) {
    fm::Chain parsed;
    fm::Resident own;
    const fm::Resident* given = nullptr;
    fm::PayloadInfo info;
    if (resident != nullptr && resident->data != nullptr) {
      int code = fm::peek(payload, nbytes, &info, failure);
      if (code == FM_OK && chain == nullptr) {
        code = fm::fail(failure, FM_E_CHAIN, "resident data: it needs the chain that it is for");
      }
      if (code == FM_OK) code = fm::Chain::parse(chain, &parsed, failure);
      if (code == FM_OK) {
        code = open_resident(parsed, info.dtype, resident, &own, &given, failure);
      }
      if (code != FM_OK) return code;
    }
    if (chain != nullptr) {
      const int code = fm::Chain::parse(chain, &parsed, failure);
      if (code != FM_OK) return code;
    }
    fm::Threads pool(threads);
    return fm::decode(chain != nullptr ? &parsed : nullptr, payload, nbytes, out, out_nbytes, given,
                      pool.runner(), failure);
  });
}

uint32_t fm_crc32c(const uint8_t* data, size_t nbytes) {
  return fm::active_level().crc32c(data, nbytes);
}

void fm_counters_enable(int mode) { fm::set_counters_mode(mode); }

void fm_counters_reset(void) { fm::reset_counters(); }

size_t fm_counters_json(char* buf, size_t cap) { return text_of(buf, cap, fm::counters_json); }

}  // extern "C"
