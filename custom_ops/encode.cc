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
#include "scratch.hpp"

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
  Buffer slots;                    // one for each block, as large as its words; kept
  size_t slots_nbytes = 0;
  Resident fitted;                 // the model of a map coder that was not given one
  const uint8_t* opened = nullptr;
  ScratchPool scratch;
  bool measured = false;           // blocks are coded by write()
  std::vector<uint32_t> lengths;   // with kRawBit
  std::vector<uint64_t> offsets;   // in the payload; one more than blocks: the end

  int transform(const uint8_t* data, const Runner& runner, Failure* why);
  int model(const Resident* resident, Failure* why);
  int fit(Failure* why);
  bool code_block(size_t block, const uint8_t* data);
  bool code_tile(size_t block, const uint8_t* data);
  void drop_model(const uint8_t* data);
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
    if (i + 1 == count && route.per_block()) break;
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

// The model of a map coder, and the side data that tells the decoder of it.
int Encoder::State::model(const Resident* resident, Failure* why) {
  opened = nullptr;
  const MapCoder* coder = route.map_coder;
  if (coder == nullptr || coder->open == nullptr) {
    if (resident == nullptr) return FM_OK;
    return fail(why, FM_E_CHAIN, "resident data: the coder of %s takes none",
                chain.canonical().c_str());
  }
  if (route.words == 0) return FM_OK;
  if (resident == nullptr) {
    if (const int code = fit(why); code != FM_OK) return code;
  }
  const Resident& used = resident != nullptr ? *resident : fitted;
  opened = used.opened();
  if (!coder->serves(opened, route.grid.view.channels)) {
    return fail(why, FM_E_CHAIN, "resident data: it is not for maps of %zu channels",
                route.grid.view.channels);
  }
  if (resident != nullptr && !self_contained) {
    side.resize(side.size() + kResidentNbytes);
    uint8_t* at = side.data() + side.size() - kResidentNbytes;
    write_le<uint8_t>(at, kModelResident);
    write_le<uint32_t>(at, resident->checksum());
  } else {
    side.push_back(kModelInside);
    side.insert(side.end(), used.data().begin(), used.data().end());
  }
  return side.size() <= UINT32_MAX ? FM_OK : fail(why, FM_E_CAPACITY, "side bytes: too many");
}

int Encoder::State::fit(Failure* why) {
  const MapCoder& coder = *route.map_coder;
  const MapView& view = route.grid.view;
  const auto narrow = [](size_t n) { return static_cast<uint32_t>(n < UINT32_MAX ? n : UINT32_MAX); };
  const Tile whole = {0,
                      narrow(view.channels),
                      narrow(view.rows),
                      narrow(view.columns),
                      view.channel_stride,
                      view.row_stride,
                      view.column_stride};
  const Params& params = route.coder_params();
  std::vector<uint8_t> fitted_model(coder.model_nbytes(params, route.last_type(), whole));
  const ScratchPool::Piece piece(&scratch,
                                 coder.fit_scratch_nbytes(params, route.last_type(), whole));
  if (piece.data() == nullptr) return fail(why, FM_E_MEMORY, "no memory to fit a model");
  fitted_model.resize(coder.fit(params, route.last_type(), words, whole, view.maps, view.map_stride,
                                piece.data(), fitted_model.data()));
  return Resident::open(chain, route.types[0]->onnx, fitted_model.data(), fitted_model.size(),
                        &fitted, why);
}

bool Encoder::State::code_tile(size_t block, const uint8_t* data) {
  const MapCoder& coder = *route.map_coder;
  size_t begin = 0;
  const Tile tile = route.grid.tile(block, &begin);
  const uint8_t* from = data + begin * route.word_nbytes;
  const size_t raw_nbytes = route.words_of(block) * route.word_nbytes;
  uint8_t* slot = slots.get() + route.words_before(block) * route.word_nbytes;
  const Params& params = route.coder_params();
  const ScratchPool::Piece piece(&scratch, coder.scratch_nbytes(params, route.last_type(), tile));
  if (piece.data() == nullptr) return false;
  const size_t nbytes = coder.encode(params, route.last_type(), opened, from, tile, piece.data(),
                                     slot, raw_nbytes - 1);
  if (nbytes == kNoFit) gather_tile(from, tile, route.word_nbytes, slot);
  lengths[block] = static_cast<uint32_t>(nbytes != kNoFit ? nbytes : raw_nbytes | kRawBit);
  return true;
}

// Where tiles and their model would take as much as the words, all of them go raw without it.
void Encoder::State::drop_model(const uint8_t* data) {
  uint64_t nbytes = side.size() - route.side_begin[chain.transforms()] - 1;
  for (const uint32_t length : lengths) nbytes += length & ~kRawBit;
  if (nbytes < route.words * route.word_nbytes) return;
  for (size_t block = 0; block < route.blocks; ++block) {
    size_t begin = 0;
    const Tile tile = route.grid.tile(block, &begin);
    gather_tile(data + begin * route.word_nbytes, tile, route.word_nbytes,
                slots.get() + route.words_before(block) * route.word_nbytes);
    lengths[block] = static_cast<uint32_t>(route.words_of(block) * route.word_nbytes | kRawBit);
  }
  side.resize(route.side_begin[chain.transforms()]);
  side.push_back(kModelAbsent);
}

// Fills the block's entry in `lengths` and, unless it is measured or raw in `data`, its slot.
// False where memory runs out.
bool Encoder::State::code_block(size_t block, const uint8_t* data) {
  if (route.map_coder != nullptr) return code_tile(block, data);
  const size_t first = route.words_before(block), count = route.words_of(block);
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
  measured = route.map_coder == nullptr && !route.per_block() && route.coder().measure != nullptr;
  const size_t wanted = measured ? 0 : route.words * route.word_nbytes;
  if (slots == nullptr || slots_nbytes < wanted) {
    slots.reset();
    slots = allocate(wanted);
    if (slots == nullptr) return fail(why, FM_E_MEMORY, "no memory for %zu bytes", wanted);
    slots_nbytes = wanted;
  }
  std::atomic<bool> starved{false};
  auto body = [&](size_t block) {
    if (!code_block(block, data)) starved.store(true, std::memory_order_relaxed);
  };
  run_parallel(runner, route.blocks, body);
  if (starved.load()) return fail(why, FM_E_MEMORY, "no memory for a block");
  if (opened != nullptr) drop_model(data);
  return FM_OK;
}

size_t Encoder::State::header_nbytes() const {
  const size_t text_nbytes = self_contained ? chain.canonical().size() : 0;
  const size_t extents_nbytes = route.map_coder != nullptr ? 12 : 4;
  return kFixedNbytes + 8 * static_cast<size_t>(route.shape.rank) + extents_nbytes + text_nbytes +
         side.size() + kEntryNbytes * route.blocks + 4;
}

int Encoder::run(const Chain& chain, int dtype, const int64_t* dims, int rank, const void* data,
                 uint32_t block_words, bool self_contained, const Resident* resident,
                 const Runner& runner, Failure* why) {
  if (rank < 0 || rank > FM_MAX_RANK) {
    return fail(why, FM_E_CAPACITY, "rank: %d is not 0 to %d", rank, FM_MAX_RANK);
  }
  if (block_words == 0) block_words = default_block_words(chain);
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
    state.route = plan_route(state.chain, dtype, state.dims, rank, elements, block_words,
                             nullptr);
    if (state.route.blocks > UINT32_MAX) {
      return fail(why, FM_E_CAPACITY, "blocks: %zu do not fit into the header", state.route.blocks);
    }
    const uint8_t* from = static_cast<const uint8_t*>(data);
    if (const int code = state.transform(from, runner, why); code != FM_OK) return code;
    if (const int code = state.model(resident, why); code != FM_OK) return code;
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
  write_le<uint8_t>(out, route.map_coder != nullptr ? 3 : 1);  // grid rank
  write_le<uint8_t>(out, 0);
  write_le<uint32_t>(out, static_cast<uint32_t>(side.size()));
  write_le<uint32_t>(out, static_cast<uint32_t>(route.blocks));
  for (int i = 0; i < route.shape.rank; ++i) write_le<int64_t>(out, dims[i]);
  if (route.map_coder != nullptr) {
    for (const uint32_t extent : route.grid.extent) write_le<uint32_t>(out, extent);
  } else {
    write_le<uint32_t>(out, static_cast<uint32_t>(route.block_words));
  }
  if (self_contained) {
    std::memcpy(out, text.data(), text.size());
    out += text.size();
  }
  if (!side.empty()) std::memcpy(out, side.data(), side.size());
}

// The block's bytes and its directory entry.
void Encoder::State::write_block(size_t block, uint8_t* out) const {
  const size_t first = route.words_before(block), count = route.words_of(block);
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
