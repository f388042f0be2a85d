#include <atomic>
#include <cstring>
#include <new>
#include <vector>

#include "buffer.hpp"
#include "bytes.hpp"
#include "container.hpp"
#include "float_mode.hpp"
#include "header.hpp"
#include "route.hpp"

namespace fm {

// Between run() and write(). A block's bytes are, by its `Source`, still to be coded from `words`,
// or already in its slot of `slots`.
struct Encoder::State {
  Chain chain;
  Route route{};
  int64_t dims[FM_MAX_RANK] = {};
  bool self_contained = false;
  std::vector<uint8_t> side;
  const uint8_t* words = nullptr;  // or, where the last transform works per block, its input
  Buffer integers, before;         // of transforms over the whole tensor
  Buffer slots;                    // one of block_words words for each block
  bool measured = false;           // blocks are coded by write()
  std::vector<uint32_t> lengths;   // with kRawBit
  std::vector<uint64_t> offsets;   // in the payload; one more than blocks: the end

  int transform(const uint8_t* data, const Runner& runner, Failure* why);
  bool code_block(size_t block, const uint8_t* data);
  int code(const uint8_t* data, const Runner& runner, Failure* why);
  size_t header_nbytes() const;
  void write_fixed(uint8_t* out) const;
  void write_block(size_t block, uint8_t* out) const;
};

Encoder::Encoder() = default;
Encoder::~Encoder() = default;

// Gathers side data; leaves in `words` what the blocks are made of, unless that is done per block.
int Encoder::State::transform(const uint8_t* data, const Runner& runner, Failure* why) {
  const StandardFloatMode mode;
  const size_t count = chain.transforms();
  const size_t total = route.side_begin[count];
  if (total > UINT32_MAX) {
    return fail(why, FM_E_CAPACITY, "side bytes: %zu do not fit into the header", total);
  }
  side.assign(total, 0);
  for (size_t i = 0; i < count; ++i) {
    const Transform& step = route.transform(i);
    if (step.gather != nullptr) {
      step.gather(chain.transform(i).params, *route.types[i], route.shape, data,
                  side.data() + route.side_begin[i]);
    }
    if (i + 1 == count && step.elementwise) break;
    const size_t nbytes = tensor_nbytes(*route.types[i + 1], route.shape.elements);
    before = std::move(integers);
    integers = allocate(nbytes);
    if (integers == nullptr) return fail(why, FM_E_MEMORY, "no memory for %zu bytes", nbytes);
    route.forward(i, side.data(), data, integers.get(), runner);
    data = integers.get();
  }
  before.reset();
  words = data;
  return FM_OK;
}

// Fills the block's entry in `lengths` and, unless it is measured or raw in `data`, its slot.
// False where memory runs out.
bool Encoder::State::code_block(size_t block, const uint8_t* data) {
  const size_t first = block * route.block_words, count = route.words_of(block);
  const size_t raw_nbytes = count * route.word_nbytes;
  const uint8_t* from = data + first * route.word_nbytes;
  const Coder& coder = route.coder();
  const Params& params = route.coder_params();
  if (measured) {
    const size_t nbytes = coder.measure(params, route.word, from, count);
    lengths[block] = static_cast<uint32_t>(nbytes < raw_nbytes ? nbytes : raw_nbytes | kRawBit);
    return true;
  }
  Buffer levels;
  if (route.per_block()) {
    levels = allocate(raw_nbytes);
    if (levels == nullptr) return false;
    const StandardFloatMode mode;
    const size_t last = chain.transforms() - 1;
    const DType& type = *route.types[last];
    size_t begin = 0, elements = 0;
    route.elements_of(first, count, &begin, &elements);
    route.transform(last).forward(chain.transform(last).params, type, route.shape,
                                  side.data() + route.side_begin[last],
                                  data + tensor_nbytes(type, begin), begin, elements, levels.get());
    from = levels.get();
  }
  uint8_t* slot = slots.get() + first * route.word_nbytes;
  const size_t nbytes = coder.encode(params, route.word, from, count, slot, raw_nbytes - 1);
  if (nbytes == kNoFit) std::memcpy(slot, from, raw_nbytes);
  lengths[block] = static_cast<uint32_t>(nbytes != kNoFit ? nbytes : raw_nbytes | kRawBit);
  return true;
}

int Encoder::State::code(const uint8_t* data, const Runner& runner, Failure* why) {
  lengths.assign(route.blocks, 0);
  measured = !route.per_block() && route.coder().measure != nullptr;
  slots.reset();
  if (!measured) {
    slots = allocate(route.words * route.word_nbytes);
    if (slots == nullptr) {
      return fail(why, FM_E_MEMORY, "no memory for %zu bytes", route.words * route.word_nbytes);
    }
  }
  std::atomic<bool> starved{false};
  auto body = [&](size_t block) {
    if (!code_block(block, data)) starved.store(true, std::memory_order_relaxed);
  };
  run_parallel(runner, route.blocks, body);
  if (starved.load()) return fail(why, FM_E_MEMORY, "no memory for a block");
  return FM_OK;
}

size_t Encoder::State::header_nbytes() const {
  const size_t text_nbytes = self_contained ? chain.canonical().size() : 0;
  return kFixedNbytes + 8 * static_cast<size_t>(route.shape.rank) + 4 + text_nbytes + side.size() +
         kEntryNbytes * route.blocks + 4;
}

int Encoder::run(const Chain& chain, int dtype, const int64_t* dims, int rank, const void* data,
                 uint32_t block_words, bool self_contained, const Runner& runner, Failure* why) {
  if (rank < 0 || rank > FM_MAX_RANK) {
    return fail(why, FM_E_CAPACITY, "rank: %d is not 0 to %d", rank, FM_MAX_RANK);
  }
  if (block_words == 0) block_words = FM_DEFAULT_BLOCK_WORDS;
  if (block_words > kMaxBlockWords) {
    return fail(why, FM_E_CAPACITY, "block: %u words, not 1 to %u", block_words, kMaxBlockWords);
  }
  if (const int code = chain.check(dtype, rank, why); code != FM_OK) return code;
  uint64_t elements = 0;
  if (!count_elements(dims, rank, &elements)) {
    return fail(why, FM_E_CAPACITY, "dims: negative, or more elements than memory has addresses");
  }
  try {
    if (state_ == nullptr) state_ = std::make_unique<State>();
    State& state = *state_;
    state.chain = chain;
    for (int i = 0; i < rank; ++i) state.dims[i] = dims[i];
    state.self_contained = self_contained;
    state.route = plan_route(state.chain, dtype, state.dims, rank, elements, block_words);
    if (state.route.blocks > UINT32_MAX) {
      return fail(why, FM_E_CAPACITY, "blocks: %zu do not fit into the header", state.route.blocks);
    }
    const uint8_t* from = static_cast<const uint8_t*>(data);
    if (const int code = state.transform(from, runner, why); code != FM_OK) return code;
    if (const int code = state.code(state.words, runner, why); code != FM_OK) return code;
    state.offsets.resize(state.route.blocks + 1);
    uint64_t at = state.header_nbytes();
    for (size_t i = 0; i < state.route.blocks; ++i) {
      state.offsets[i] = at;
      at += state.lengths[i] & ~kRawBit;
    }
    state.offsets[state.route.blocks] = at;
  } catch (const std::bad_alloc&) {
    return fail(why, FM_E_MEMORY, "no memory for the block directory");
  }
  return FM_OK;
}

size_t Encoder::nbytes() const {
  return state_ == nullptr || state_->offsets.empty() ? 0
                                                      : static_cast<size_t>(state_->offsets.back());
}

// Everything before the directory.
void Encoder::State::write_fixed(uint8_t* out) const {
  const std::string& text = chain.canonical();
  std::memcpy(out, kMagic, sizeof kMagic);
  out += sizeof kMagic;
  write_le<uint8_t>(out, kVersion);
  write_le<uint8_t>(out, self_contained ? FM_FLAG_SELF_CONTAINED : 0);
  write_le<uint8_t>(out, static_cast<uint8_t>(route.types[0]->onnx));
  write_le<uint8_t>(out, static_cast<uint8_t>(route.shape.rank));
  write_le<uint32_t>(out, chain.digest());
  write_le<uint16_t>(out, static_cast<uint16_t>(self_contained ? text.size() : 0));
  write_le<uint8_t>(out, 1);  // grid rank
  write_le<uint8_t>(out, 0);
  write_le<uint32_t>(out, static_cast<uint32_t>(side.size()));
  write_le<uint32_t>(out, static_cast<uint32_t>(route.blocks));
  for (int i = 0; i < route.shape.rank; ++i) write_le<int64_t>(out, dims[i]);
  write_le<uint32_t>(out, static_cast<uint32_t>(route.block_words));
  if (self_contained) {
    std::memcpy(out, text.data(), text.size());
    out += text.size();
  }
  if (!side.empty()) std::memcpy(out, side.data(), side.size());
}

// The block's bytes and its directory entry.
void Encoder::State::write_block(size_t block, uint8_t* out) const {
  const size_t first = block * route.block_words, count = route.words_of(block);
  uint8_t* to = out + offsets[block];
  const uint32_t length = lengths[block], nbytes = length & ~kRawBit;
  const uint8_t* slot = (measured ? words : slots.get()) + first * route.word_nbytes;
  if (measured && (length & kRawBit) == 0) {
    route.coder().encode(route.coder_params(), route.word, slot, count, to, nbytes);
  } else {
    std::memcpy(to, slot, nbytes);
  }
  uint8_t* entry = out + header_nbytes() - 4 - kEntryNbytes * (route.blocks - block);
  write_le<uint32_t>(entry, length);
  write_le<uint32_t>(entry, route.level->crc32c(to, nbytes));
}

void Encoder::write(uint8_t* out, const Runner& runner) const {
  if (nbytes() == 0) return;
  const State& state = *state_;
  state.write_fixed(out);
  auto body = [&](size_t block) { state.write_block(block, out); };
  run_parallel(runner, state.route.blocks, body);
  const size_t checked = state.header_nbytes() - 4;
  uint8_t* at = out + checked;
  write_le<uint32_t>(at, state.route.level->crc32c(out, checked));
}

}  // namespace fm
