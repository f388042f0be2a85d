// Kernels that see feature maps, by themselves: bounds of every span, sizes foretold, strides.
#include <cstring>
#include <memory>
#include <new>

#include "chain.hpp"
#include "levels.hpp"
#include "samples.hpp"
#include "simd/level.hpp"
#include "test.hpp"

using namespace fm::tests;

namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint8_t kGuard = 0xA5;
constexpr std::align_val_t kAlignment{64};

// Memory of exactly so many bytes, aligned as scratch is, so that the sanitizers see what is beyond.
struct Aligned {
  uint8_t* data;
  explicit Aligned(size_t nbytes)
      : data(static_cast<uint8_t*>(::operator new(nbytes > 0 ? nbytes : 1, kAlignment))) {
    std::memset(data, kGuard, nbytes);
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  ~Aligned() { ::operator delete(data, kAlignment); }
};

std::unique_ptr<uint8_t[]> exactly(const Bytes& bytes) {
  std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
  if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
  return copy;
}

struct MapCase {
  std::string about;
  fm::Chain chain;
  const fm::DType* type;
  fm::Tile tile;
  Bytes words;
  Bytes opened;  // the model of these words, where there is one

  const fm::MapCoder& coder() const {
    return *fm::active_level().stages[chain.coder().stage]->map_coder;
  }
  const fm::Params& params() const { return chain.coder().params; }
  const uint8_t* model() const { return opened.empty() ? nullptr : opened.data(); }
  size_t scratch() const { return coder().scratch_nbytes(params(), *type, tile); }

  size_t encode(uint8_t* code, size_t capacity) const {
    const Aligned scratch_memory(scratch());
    const auto from = exactly(words);
    return coder().encode(params(), *type, model(), from.get(), tile, scratch_memory.data, code,
                          capacity);
  }
  fm::Refusal decode(const uint8_t* code, size_t nbytes, uint8_t* to) const {
    const Aligned scratch_memory(scratch());
    return coder().decode(params(), *type, model(), code, nbytes, scratch_memory.data, to, tile);
  }
};

// Fits a model to the words and opens it.
void open_model(MapCase* c) {
  const fm::MapCoder& coder = c->coder();
  c->opened.clear();
  if (coder.open == nullptr) return;
  Bytes model(coder.model_nbytes(c->params(), *c->type, c->tile));
  const Aligned scratch(coder.fit_scratch_nbytes(c->params(), *c->type, c->tile));
  const auto from = exactly(c->words);
  const size_t nbytes = coder.fit(c->params(), *c->type, from.get(), c->tile, 1,
                                  c->words.size() / (c->type->bits / 8u), scratch.data, model.data());
  CHECK_FOR(nbytes <= model.size(), c->about);
  model.resize(nbytes);
  const auto exact = exactly(model);
  c->opened.resize(coder.opened_nbytes(c->params(), *c->type, exact.get(), nbytes));
  CHECK_FOR(coder.open(c->params(), *c->type, exact.get(), nbytes, c->opened.data()) == nullptr,
            c->about);
  CHECK_FOR(coder.serves(c->opened.data(), c->tile.channels), c->about);
}

fm::Tile tile_of(uint32_t channels, uint32_t rows, uint32_t columns, bool channels_last) {
  const size_t r = rows, w = columns, c = channels;
  return channels_last ? fm::Tile{0, channels, rows, columns, 1, w * c, c}
                       : fm::Tile{0, channels, rows, columns, r * w, w, 1};
}

template <class Body>
void for_every_case(const std::vector<std::vector<uint32_t>>& shapes, Body body) {
  for (const std::string& text : sample_chains()) {
    MapCase c;
    if (fm::Chain::parse(text.c_str(), &c.chain, nullptr) != FM_OK || c.chain.transforms() > 0 ||
        fm::active_level().stages[c.chain.coder().stage]->map_coder == nullptr) {
      continue;
    }
    for (const int dtype : {2, 3, 5, 1, 7, 10}) {
      if (c.chain.check(dtype, 3, nullptr) != FM_OK) continue;
      c.type = fm::find_dtype(dtype);
      for (const std::vector<uint32_t>& shape : shapes) {
        for (const Fill fill : {Fill::kZeros, Fill::kSparse, Fill::kSmooth, Fill::kRandom}) {
          for (const bool channels_last : {false, true}) {
            c.tile = tile_of(shape[0], shape[1], shape[2], channels_last);
            const Tensor tensor = make_tensor(dtype, {shape[0], shape[1], shape[2]}, fill, 11);
            c.words = tensor.data;
            c.about = text + " " + tensor.text() + (channels_last ? " channels last" : "");
            open_model(&c);
            body(c);
          }
        }
      }
    }
  }
}

Bytes encode_alone(const MapCase& c) {
  Bytes code(8 * c.words.size() + 16384);
  const size_t n = c.encode(code.data(), code.size());
  CHECK_FOR(n != fm::kNoFit, c.about);
  code.resize(n == fm::kNoFit ? 0 : n);
  return code;
}

}  // namespace

TEST(map_encoders_stay_inside_any_capacity) {
  for_every_level([](int) {
    for_every_case({{1, 1, 1}, {5, 3, 4}}, [](const MapCase& c) {
      const size_t full = encode_alone(c).size(), step = full > 60 ? 13 : 1;
      for (size_t capacity = full + 1; capacity-- > 0; capacity -= capacity > step ? step - 1 : 0) {
        Bytes out(capacity + 64, kGuard);
        const size_t n = c.encode(out.data(), capacity);
        CHECK_FOR(capacity < full ? n == fm::kNoFit : n == full, c.about);
        for (size_t i = capacity; i < out.size(); ++i) CHECK_FOR(out[i] == kGuard, c.about);
      }
    });
  });
}

TEST(map_decoders_stay_inside_code_and_words) {
  for_every_level([](int) {
    for_every_case({{1, 1, 1}, {3, 4, 1}, {1, 2, 70}, {9, 5, 7}}, [](const MapCase& c) {
      const Bytes code = encode_alone(c);
      CHECK_FOR(c.coder().least_nbytes(c.params(), *c.type, c.tile) <= code.size(), c.about);
      const auto from = exactly(code);
      const auto to = exactly(Bytes(c.words.size(), kGuard));
      CHECK_FOR(c.decode(from.get(), code.size(), to.get()) == nullptr, c.about);
      CHECK_FOR(std::memcmp(to.get(), c.words.data(), c.words.size()) == 0, c.about);
    });
  });
}

TEST(tiles_are_the_same_wherever_their_words_lie) {
  Bytes planar;
  for_every_case({{5, 3, 4}}, [&](const MapCase& c) {
    if (c.tile.column_stride == 1) {
      MapCase other = c;
      other.tile = tile_of(c.tile.channels, c.tile.rows, c.tile.columns, true);
      const size_t width = c.type->bits / 8u, pixels = size_t{c.tile.rows} * c.tile.columns;
      for (size_t i = 0; i < pixels; ++i) {
        for (size_t k = 0; k < c.tile.channels; ++k) {
          std::memcpy(&other.words[(i * c.tile.channels + k) * width],
                      &c.words[(k * pixels + i) * width], width);
        }
      }
      open_model(&other);
      CHECK_FOR(encode_alone(c) == encode_alone(other), c.about);
    }
  });
}

TEST(map_levels_code_alike) {
  std::vector<Bytes> codes;
  for_every_level([&](int level) {
    size_t next = 0;
    for_every_case({{2, 3, 5}, {9, 8, 33}}, [&](const MapCase& c) {
      const Bytes code = encode_alone(c);
      if (level == 0) codes.push_back(code);
      CHECK_FOR(next < codes.size() && codes[next] == code, c.about);
      ++next;
    });
  });
}

TEST(truncated_map_codes_are_refused) {
  for_every_level([](int) {
    for_every_case({{3, 2, 5}}, [](const MapCase& c) {
      const Bytes code = encode_alone(c);
      Bytes out(c.words.size());
      for (size_t n = 0; n < code.size(); n += n > 40 ? 5 : 1) {
        const auto from = exactly(Bytes(code.begin(), code.begin() + static_cast<std::ptrdiff_t>(n)));
        CHECK_FOR(c.decode(from.get(), n, out.data()) != nullptr, c.about);
      }
    });
  });
}

TEST(any_bytes_are_decoded_or_refused) {
  uint32_t seed = 1;
  for_every_level([&](int) {
    for_every_case({{6, 3, 9}}, [&](const MapCase& c) {
      for (int i = 0; i < 20; ++i) {
        Bytes code = encode_alone(c);
        for (int change = 0; change < 3 && !code.empty(); ++change) {
          seed = seed * 1664525u + 1013904223u;
          code[(seed >> 8) % code.size()] = static_cast<uint8_t>(seed >> 24);
        }
        const auto from = exactly(code);
        const auto to = exactly(c.words);
        (void)c.decode(from.get(), code.size(), to.get());
      }
    });
  });
}
