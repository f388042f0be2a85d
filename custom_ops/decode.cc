#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include "buffer.hpp"
#include "bytes.hpp"
#include "container.hpp"
#include "float_mode.hpp"
#include "header.hpp"
#include "route.hpp"
#include "scratch.hpp"

namespace fm {
namespace {

// The first block, by number, at which parallel decoding failed.
class FirstFailure {
 public:
  void note(size_t block, int code, Refusal text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (code_ != FM_OK && block_ < block) return;
    block_ = block;
    code_ = code;
    text_ = text;
  }
  int report(Failure* why) const {
    return code_ == FM_OK ? FM_OK : fail(why, code_, "block %zu: %s", block_, text_);
  }

 private:
  std::mutex mutex_;
  size_t block_ = 0;
  int code_ = FM_OK;
  Refusal text_ = nullptr;
};

struct Reading {
  const PayloadInfo& info;
  const uint8_t* payload;
  Route route;
  std::vector<uint64_t> offsets;
  Resident own;  // the model that the payload carries
  const uint8_t* opened = nullptr;
  mutable ScratchPool scratch;

  Reading(const PayloadInfo& header, const uint8_t* bytes, const Chain& chain)
      : info(header), payload(bytes) {
    route = plan_route(chain, header.dtype, header.dims, header.rank, header.elements,
                       header.block_words, header.extents);
  }

  uint32_t entry(size_t block, size_t field) const {
    return read_le<uint32_t>(info.directory + kEntryNbytes * block + 4 * field);
  }
  uint32_t nbytes(size_t block) const { return entry(block, 0) & ~kRawBit; }
  bool raw(size_t block) const { return (entry(block, 0) & kRawBit) != 0; }

  bool has_model() const {
    return route.map_coder != nullptr && route.map_coder->open != nullptr && route.words > 0;
  }
  int check_side(const Resident* resident, Failure* why);
  int check_model(const Resident* resident, Failure* why);
  int check_directory(Failure* why);
  Refusal words(size_t block, uint8_t* to, int* code) const;
  Refusal tile(size_t block, const uint8_t* from, uint8_t* to, int* code) const;
  int blocks(uint8_t* to, const Runner& runner, Failure* why) const;
};

int Reading::check_side(const Resident* resident, Failure* why) {
  const size_t count = route.chain->transforms();
  if (info.grid_rank != (route.map_coder != nullptr ? 3 : 1)) {
    return fail(why, FM_E_HEADER, "grid rank: %u is not that of the coder", info.grid_rank);
  }
  if (has_model() ? info.side_nbytes < route.side_begin[count]
                : info.side_nbytes != route.side_begin[count]) {
    return fail(why, FM_E_HEADER, "side bytes: %u, but the chain needs %zu", info.side_nbytes,
                route.side_begin[count]);
  }
  for (size_t i = 0; i < count; ++i) {
    const Transform& step = route.transform(i);
    if (step.check_side == nullptr) continue;
    const Refusal refusal = step.check_side(route.chain->transform(i).params, *route.types[i],
                                            route.shape, info.side + route.side_begin[i]);
    if (refusal != nullptr) {
      const char* name = route.level->stages[route.chain->transform(i).stage]->name;
      return fail(why, FM_E_CORRUPT, "side data of %s: %s", name, refusal);
    }
  }
  return has_model() ? check_model(resident, why) : FM_OK;
}

int Reading::check_model(const Resident* resident, Failure* why) {
  const size_t begin = route.side_begin[route.chain->transforms()];
  const size_t nbytes = info.side_nbytes - begin;
  const uint8_t* model = info.side + begin;
  if (nbytes == 1 && model[0] == kModelAbsent) return FM_OK;
  if (nbytes > 0 && model[0] == kModelInside) {
    const int code = Resident::open(*route.chain, info.dtype, model + 1, nbytes - 1, &own, why);
    if (code != FM_OK) return code;
    opened = own.opened();
  } else if (nbytes == kResidentNbytes && model[0] == kModelResident) {
    if (resident == nullptr) {
      return fail(why, FM_E_CHAIN, "resident data: the payload needs it, and none is given");
    }
    if (read_le<uint32_t>(model + 1) != resident->checksum()) {
      return fail(why, FM_E_CHAIN, "resident data: it is not what the payload was written with");
    }
    opened = resident->opened();
  } else {
    return fail(why, FM_E_CORRUPT, "side data: it is no model of the coder");
  }
  if (!route.map_coder->serves(opened, route.grid.view.channels)) {
    return fail(why, FM_E_CORRUPT, "side data: its model is not for maps of %zu channels",
                route.grid.view.channels);
  }
  return FM_OK;
}

// Whether every block's length is possible for its words, before anything is allocated for them.
int Reading::check_directory(Failure* why) {
  if (info.blocks != route.blocks) {
    return fail(why, FM_E_HEADER, "blocks: %u blocks of %u words for %zu words", info.blocks,
                info.block_words, route.words);
  }
  offsets.resize(route.blocks);
  uint64_t at = info.header_nbytes;
  for (size_t i = 0; i < route.blocks; ++i) {
    offsets[i] = at;
    at += nbytes(i);
    const size_t count = route.words_of(i);
    if (raw(i)) {
      if (nbytes(i) != count * route.word_nbytes) {
        return fail(why, FM_E_CORRUPT, "block %zu: %u raw bytes for %zu words of %zu", i, nbytes(i),
                    count, route.word_nbytes);
      }
      continue;
    }
    if (has_model() && opened == nullptr) {
      return fail(why, FM_E_CORRUPT, "block %zu: it is coded, but there is no model", i);
    }
    const size_t least = route.least_nbytes(i);
    if (nbytes(i) < least) {
      return fail(why, FM_E_CORRUPT, "block %zu: %u bytes, but %zu words need at least %zu", i,
                  nbytes(i), count, least);
    }
  }
  return FM_OK;
}

Refusal Reading::words(size_t block, uint8_t* to, int* code) const {
  const uint8_t* from = payload + offsets[block];
  const size_t length = nbytes(block);
  if (route.level->crc32c(from, length) != entry(block, 1)) {
    *code = FM_E_CHECKSUM;
    return "its checksum does not match";
  }
  *code = FM_E_CORRUPT;
  if (route.map_coder != nullptr) return tile(block, from, to, code);
  if (raw(block)) {
    std::memcpy(to, from, length);
    return nullptr;
  }
  return route.coder().decode(route.coder_params(), route.word, from, length, to,
                              route.words_of(block));
}

// `to` is the whole tensor's.
Refusal Reading::tile(size_t block, const uint8_t* from, uint8_t* to, int* code) const {
  const MapCoder& coder = *route.map_coder;
  const Params& params = route.coder_params();
  size_t begin = 0;
  const Tile place = route.grid.tile(block, &begin);
  to += begin * route.word_nbytes;
  if (raw(block)) {
    scatter_tile(from, place, route.word_nbytes, to);
    return nullptr;
  }
  const ScratchPool::Piece piece(&scratch, coder.scratch_nbytes(params, route.last_type(), place));
  if (piece.data() == nullptr) {
    *code = FM_E_MEMORY;
    return "no memory for its scratch";
  }
  return coder.decode(params, route.last_type(), opened, from, nbytes(block), piece.data(), to,
                      place);
}

// Every block, and the inverse of the last transform where that works per block.
int Reading::blocks(uint8_t* to, const Runner& runner, Failure* why) const {
  FirstFailure failure;
  auto body = [&](size_t block) {
    const size_t first = route.map_coder != nullptr ? 0 : route.words_before(block);
    const size_t count = route.words_of(block);
    int code = FM_OK;
    if (!route.per_block()) {
      const Refusal refusal = words(block, to + first * route.word_nbytes, &code);
      if (refusal != nullptr) failure.note(block, code, refusal);
      return;
    }
    const Buffer integers = allocate(count * route.word_nbytes);
    if (integers == nullptr) return failure.note(block, FM_E_MEMORY, "no memory for its words");
    const Refusal refusal = words(block, integers.get(), &code);
    if (refusal != nullptr) return failure.note(block, code, refusal);
    const StandardFloatMode mode;
    const size_t last = route.chain->transforms() - 1;
    const DType& type = *route.types[last];
    size_t begin = 0, elements = 0;
    route.elements_of(first, count, &begin, &elements);
    route.transform(last).inverse(route.chain->transform(last).params, type, route.shape,
                                  info.side + route.side_begin[last], integers.get(), begin,
                                  elements, to + tensor_nbytes(type, begin));
  };
  run_parallel(runner, route.blocks, body);
  return failure.report(why);
}

// The caller's chain, or the payload's own parsed into `own`; null after a failure.
const Chain* resolve(const Chain* given, const PayloadInfo& info, Chain* own, Failure* why) {
  if (given == nullptr) {
    if (!info.self_contained) {
      fail(why, FM_E_CHAIN, "chain text: there is none, and no chain was given");
      return nullptr;
    }
    if (Chain::parse(info.chain_text.data(), info.chain_text.size(), own, why) != FM_OK) {
      return nullptr;
    }
    if (own->canonical() != info.chain_text) {
      fail(why, FM_E_CHAIN, "chain text: it is not canonical");
      return nullptr;
    }
    given = own;
  }
  if (given->digest() != info.chain_digest) {
    fail(why, FM_E_CHAIN, "chain digest: it is not that of %.150s", given->canonical().c_str());
    return nullptr;
  }
  return given->check(info.dtype, info.rank, why) == FM_OK ? given : nullptr;
}

int decode_checked(const Chain& chain, const PayloadInfo& info, const uint8_t* payload,
                   uint8_t* out, const Resident* resident, const Runner& runner, Failure* why) {
  Reading reading(info, payload, chain);
  const Route& route = reading.route;
  if (const int code = reading.check_side(resident, why); code != FM_OK) return code;
  if (const int code = reading.check_directory(why); code != FM_OK) return code;

  // Transforms left to invert once the blocks are done; each needs a whole tensor in between.
  size_t left = chain.transforms() - (route.per_block() ? 1 : 0);
  uint8_t* at = nullptr;  // null too for an output of 0 bytes
  const auto find_target = [&](Buffer* buffer) {
    at = out;
    if (left == 0) return true;
    *buffer = allocate(static_cast<size_t>(tensor_nbytes(*route.types[left], info.elements)));
    at = buffer->get();
    return at != nullptr;
  };
  Buffer now, next;
  if (!find_target(&now)) return fail(why, FM_E_MEMORY, "no memory for the integers");
  if (const int code = reading.blocks(at, runner, why); code != FM_OK) return code;
  while (left > 0) {
    const uint8_t* from = at;
    --left;
    if (!find_target(&next)) return fail(why, FM_E_MEMORY, "no memory for the integers");
    route.inverse(left, info.side, from, at, runner);
    now = std::move(next);
  }
  return FM_OK;
}

}  // namespace

int plausible(const Chain& chain, const uint8_t* payload, const PayloadInfo& info,
              const Resident* resident, Failure* why) {
  try {
    Failure local;
    if (resolve(&chain, info, nullptr, &local) == nullptr) {
      if (why != nullptr) *why = local;
      return local.code;
    }
    Reading reading(info, payload, chain);
    if (const int code = reading.check_side(resident, why); code != FM_OK) return code;
    return reading.check_directory(why);
  } catch (const std::bad_alloc&) {
    return fail(why, FM_E_MEMORY, "no memory for the block directory");
  }
}

int decode(const Chain* chain, const uint8_t* payload, size_t nbytes, void* out, size_t out_nbytes,
           const Resident* resident, const Runner& runner, Failure* why) {
  PayloadInfo info;
  if (const int code = peek(payload, nbytes, &info, why); code != FM_OK) return code;
  if (info.tensor_nbytes != out_nbytes) {
    return fail(why, FM_E_CAPACITY, "dims: a tensor of %zu bytes, but the output has %zu",
                info.tensor_nbytes, out_nbytes);
  }
  try {
    Chain own;
    Failure local;
    chain = resolve(chain, info, &own, &local);
    if (chain == nullptr) {
      if (why != nullptr) *why = local;
      return local.code;
    }
    return decode_checked(*chain, info, payload, static_cast<uint8_t*>(out), resident, runner, why);
  } catch (const std::bad_alloc&) {
    return fail(why, FM_E_MEMORY, "no memory for the block directory");
  }
}

}  // namespace fm
