// Kernels by themselves: bounds of every span, sizes foretold, golden bits.
#include <cstring>
#include <memory>
#include <random>

#include "chain.hpp"
#include "levels.hpp"
#include "samples.hpp"
#include "simd/level.hpp"
#include "test.hpp"

using namespace fm::tests;

namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint8_t kGuard = 0xA5;

// A copy in memory of exactly its size, so that the sanitizers see any read beyond it.
std::unique_ptr<uint8_t[]> exactly(const uint8_t* from, size_t nbytes) {
  std::unique_ptr<uint8_t[]> copy(new uint8_t[nbytes]);
  if (nbytes > 0) std::memcpy(copy.get(), from, nbytes);
  return copy;
}

struct CoderCase {
  std::string about;
  fm::Chain chain;
  fm::WordType type;
  std::vector<uint8_t> words;
  size_t count;

  const fm::Coder& coder() const { return *fm::active_level().stages[chain.coder().stage]->coder; }
  const fm::Params& params() const { return chain.coder().params; }
};

template <class Body>
void for_every_coder(const std::vector<int64_t>& counts, Body body) {
  for (const std::string& text : sample_chains()) {
    CoderCase c;
    if (fm::Chain::parse(text.c_str(), &c.chain, nullptr) != FM_OK || c.chain.transforms() > 0 ||
        fm::active_level().stages[c.chain.coder().stage]->coder == nullptr) {
      continue;
    }
    for (const int dtype : {2, 3, 5, 1, 7}) {
      if (c.chain.check(dtype, 1, nullptr) != FM_OK) continue;
      c.type = fm::word_type(*fm::find_dtype(dtype));
      for (const int64_t count : counts) {
        for (const Fill fill : {Fill::kZeros, Fill::kSparse, Fill::kSmooth, Fill::kRandom}) {
          const Tensor tensor = make_tensor(dtype, {count}, fill, 11);
          c.words = tensor.data;
          c.count = static_cast<size_t>(count);
          c.about = text + " " + tensor.text();
          body(c);
        }
      }
    }
  }
}

Bytes encode_alone(const CoderCase& c) {
  Bytes code(4 * c.words.size() + 64);
  const size_t n =
      c.coder().encode(c.params(), c.type, c.words.data(), c.count, code.data(), code.size());
  CHECK_FOR(n != fm::kNoFit, c.about);
  code.resize(n == fm::kNoFit ? 0 : n);
  return code;
}

}  // namespace

TEST(encoders_stay_inside_any_capacity) {
  for_every_level([](int) {
    for_every_coder({1, 9, 130}, [](const CoderCase& c) {
      const Bytes code = encode_alone(c);
      const size_t step = code.size() > 200 ? 7 : 1;
      for (size_t capacity = 0; capacity <= code.size(); capacity += step) {
        Bytes out(capacity + 64, kGuard);
        const auto words = exactly(c.words.data(), c.words.size());
        const size_t n =
            c.coder().encode(c.params(), c.type, words.get(), c.count, out.data(), capacity);
        CHECK_FOR(capacity < code.size() ? n == fm::kNoFit : n == code.size(), c.about);
        for (size_t i = capacity; i < out.size(); ++i) CHECK_FOR(out[i] == kGuard, c.about);
      }
    });
  });
}

TEST(decoders_stay_inside_code_and_words) {
  for_every_level([](int) {
    for_every_coder({1, 9, 64, 130, 200}, [](const CoderCase& c) {
      const Bytes code = encode_alone(c);
      const auto from = exactly(code.data(), code.size());
      Bytes out(c.words.size() + 64, kGuard);
      const fm::Refusal refusal =
          c.coder().decode(c.params(), c.type, from.get(), code.size(), out.data(), c.count);
      CHECK_FOR(refusal == nullptr, c.about);
      CHECK_FOR(std::memcmp(out.data(), c.words.data(), c.words.size()) == 0, c.about);
      for (size_t i = c.words.size(); i < out.size(); ++i) CHECK_FOR(out[i] == kGuard, c.about);
    });
  });
}

TEST(sizes_are_foretold) {
  for_every_level([](int) {
    for_every_coder({0, 1, 63, 300}, [](const CoderCase& c) {
      const size_t n = encode_alone(c).size();
      CHECK_FOR(c.coder().least_nbytes(c.params(), c.type, c.count) <= n, c.about);
      if (c.coder().measure != nullptr) {
        CHECK_FOR(c.coder().measure(c.params(), c.type, c.words.data(), c.count) == n, c.about);
      }
    });
  });
}

TEST(levels_code_alike) {
  std::vector<Bytes> codes;
  size_t next = 0;
  for_every_level([&](int level) {
    next = 0;
    for_every_coder({5, 64, 777}, [&](const CoderCase& c) {
      const Bytes code = encode_alone(c);
      if (level == 0) codes.push_back(code);
      CHECK_FOR(next < codes.size() && codes[next] == code, c.about);
      ++next;
    });
  });
}

TEST(truncated_codes_are_refused) {
  for_every_level([](int) {
    for_every_coder({40}, [](const CoderCase& c) {
      const Bytes code = encode_alone(c);
      for (size_t n = 0; n < code.size(); ++n) {
        const auto from = exactly(code.data(), n);
        Bytes out(c.words.size());
        CHECK_FOR(
            c.coder().decode(c.params(), c.type, from.get(), n, out.data(), c.count) != nullptr,
            c.about);
      }
    });
  });
}

TEST(bit_planes_of_published_examples) {
  // Sixteen sevens, and 1 … 16, in groups of eight 8-bit words.
  const auto code = [](const char* chain, const Bytes& words) {
    const Tensor tensor{3, {static_cast<int64_t>(words.size())}, words};
    CoderCase c;
    CHECK(fm::Chain::parse(chain, &c.chain, nullptr) == FM_OK);
    c.type = {8, true};
    c.words = words;
    c.count = words.size();
    return encode_alone(c);
  };
  Bytes ramp;
  for (uint8_t i = 1; i <= 16; ++i) ramp.push_back(i);
  for_every_level([&](int) {
    CHECK((code("ebpc", Bytes(16, 7)) == Bytes{0xFF, 0xFF, 0x07, 0x3C, 0x1C, 0xF0}));
    CHECK((code("ebpc", ramp) == Bytes{0xFF, 0xFF, 0x01, 0x00, 0x0D, 0x09, 0x00, 0x0D}));
    CHECK((code("bpc", ramp) == Bytes{0x01, 0x00, 0x0D, 0x09, 0x00, 0x0D}));
    CHECK((code("ebpc", Bytes(40, 0)) == Bytes{0x7B, 0xCE}));
  });
}

TEST(checksums_agree_with_the_published_value) {
  std::mt19937 random(3);
  Bytes bytes(3000);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
  std::vector<uint32_t> expected;
  for_every_level([&](int level) {
    const Bytes digits = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    CHECK(fm_crc32c(digits.data(), digits.size()) == 0xE3069283u);
    CHECK(fm_crc32c(digits.data(), 0) == 0);
    size_t next = 0;
    for (size_t n = 0; n < bytes.size(); n += n < 700 ? 1 : 97) {
      const auto exact = exactly(bytes.data(), n);
      const uint32_t crc = fm_crc32c(exact.get(), n);
      if (level == 0) expected.push_back(crc);
      CHECK(expected[next++] == crc);
    }
  });
}
