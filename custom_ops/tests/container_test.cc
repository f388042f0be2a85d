// Payloads: layout, round trips over every sample chain, type, shape and level.
#include "container.hpp"

#include <cstring>

#include "dtypes.hpp"
#include "levels.hpp"
#include "samples.hpp"
#include "test.hpp"

using namespace fm::tests;
using fm::Failure;

namespace {

using Bytes = std::vector<uint8_t>;

bool lossless(const std::string& chain) { return chain.find('|') == std::string::npos; }

const std::vector<std::vector<int64_t>> kShapes = {{},   {0},  {1},         {3, 0, 4},     {7},
                                                   {64}, {65}, {2, 3, 129}, {1, 5, 16, 16}};

}  // namespace

TEST(the_worked_example_of_the_format_is_byte_exact) {
  const Tensor tensor{2, {3, 4}, {0, 7, 0, 0, 0, 0, 255, 0, 1, 2, 3, 4}};
  const Bytes expected = {
      0x46, 0x4d, 0x50, 0x4b, 1,    1,    2,    2,    0x77, 0xf1, 0x0b, 0x2f, 3, 0,    1,
      0,    0,    0,    0,    0,    2,    0,    0,    0,    3,    0,    0,    0, 0,    0,
      0,    0,    4,    0,    0,    0,    0,    0,    0,    0,    8,    0,    0, 0,    0x7a,
      0x76, 0x63, 3,    0,    0,    0,    0xba, 0xeb, 0x7e, 0x3f, 4,    0,    0, 0x80, 0xf4,
      0x8c, 0x30, 0x29, 0x61, 0xe4, 0xee, 0x26, 0x42, 7,    0xff, 1,    2,    3, 4};
  for_every_level([&](int) {
    CHECK(encode("zvc", tensor, 8, true) == expected);
    CHECK(decode(nullptr, expected, 12) == tensor.data);
    CHECK(decode("zvc", expected, 12) == tensor.data);
  });
}

TEST(every_chain_restores_every_type_and_shape_for_every_level) {
  for (const std::string& chain : sample_chains()) {
    for (const int dtype : sample_dtypes()) {
      if (fm_chain_check(chain.c_str(), dtype, -1, nullptr, 0) != FM_OK) continue;
      for (size_t s = 0; s < kShapes.size(); ++s) {
        const Fill fill = static_cast<Fill>((s + static_cast<size_t>(dtype)) % 5);
        const Tensor tensor = make_tensor(dtype, kShapes[s], fill, static_cast<uint32_t>(s));
        const std::string about = chain + " " + tensor.text();
        Bytes first, restored;
        for_every_level([&](int level) {
          Failure why;
          const Bytes payload = encode(chain, tensor, 48, s % 2 == 0, &why);
          if (payload.empty()) {  // only an axis can be out of range for the rank
            CHECK_FOR(why.code == FM_E_DTYPE, about + why.text);
            return;
          }
          const Bytes again = decode(chain.c_str(), payload, tensor.data.size(), &why);
          CHECK_FOR(why.code == FM_OK, about + ": " + why.text);
          if (lossless(chain)) CHECK_FOR(again == tensor.data, about);
          if (level == 0) {
            first = payload;
            restored = again;
          }
          CHECK_FOR(payload == first, about + " at level " + std::to_string(level));
          CHECK_FOR(again == restored, about + " at level " + std::to_string(level));
        });
      }
    }
  }
}

TEST(payloads_never_expand_beyond_header_and_directory) {
  for (const std::string& chain : sample_chains()) {
    if (!lossless(chain) || fm_chain_check(chain.c_str(), 1, 1, nullptr, 0) != FM_OK) continue;
    const Tensor tensor = make_tensor(1, {1000}, Fill::kRandom, 5);
    const Bytes payload = encode(chain, tensor, 256, false);
    // A grid of tiles has three extents, and a coder with a model says that it is left out.
    const size_t more = payload.size() > 14 && payload[14] == 3 ? 8 + 1 : 0;
    CHECK_FOR(payload.size() <= tensor.data.size() + 24 + 8 + 4 + 4 * 8 + 4 + more, chain);
  }
}

TEST(an_encoder_can_be_used_again) {
  fm::Encoder encoder;
  const fm::Runner runner;
  CHECK(encoder.nbytes() == 0);
  for (const char* text : {"zvc", "ebpc", "quant|zvc", "raw", "quant|quant{bits=4}|zvc"}) {
    fm::Chain chain;
    CHECK(fm::Chain::parse(text, &chain, nullptr) == FM_OK);
    for (const int64_t n : {0, 100, 7}) {
      const Tensor tensor = make_tensor(1, {n}, Fill::kSparse, 3);
      CHECK(encoder.run(chain, 1, tensor.dims.data(), 1, tensor.data.data(), 32, false, nullptr, runner,
                        nullptr) == FM_OK);
      Bytes payload(encoder.nbytes());
      encoder.write(payload.data(), runner);
      CHECK(payload == encode(text, tensor, 32, false));
    }
  }
}

TEST(peek_tells_what_was_written) {
  const Tensor tensor = make_tensor(10, {2, 3, 40}, Fill::kSparse, 9);
  const Bytes payload = encode("quant{axis=1}|zvc", tensor, 100, true);
  fm_info info;
  CHECK(fm_peek(payload.data(), payload.size(), &info, nullptr, 0) == FM_OK);
  CHECK(info.dtype == 10 && info.rank == 3 && info.dims[2] == 40 && info.elements == 240);
  CHECK(info.tensor_nbytes == 480 && info.blocks == 3 && info.block_words == 100);
  CHECK(info.side_nbytes == 36 && info.payload_nbytes == payload.size());
  CHECK(std::string(info.chain, info.chain_nbytes) == "quant{axis=1}|zvc");
  CHECK(decode(nullptr, payload, 480).size() == 480);
}

TEST(impossible_requests_are_refused) {
  const Tensor tensor = make_tensor(1, {4}, Fill::kDense, 1);
  fm_buffer* buffer = nullptr;
  char why[64];
  const int64_t negative[1] = {-1}, huge[3] = {1 << 30, 1 << 30, 4}, four[1] = {4};
  const auto code = [&](const char* chain, int dtype, const int64_t* dims, int rank, uint32_t block,
                        int flags) {
    return fm_encode(chain, dtype, dims, rank, tensor.data.data(), block, flags, nullptr, 1, &buffer, why,
                     sizeof why);
  };
  CHECK(code("zvc", 1, four, 1, 0, 0) == FM_OK && buffer != nullptr);
  fm_buffer_free(buffer);
  CHECK(code("zvc", 1, four, 33, 0, 0) == FM_E_CAPACITY);
  CHECK(code("zvc", 1, negative, 1, 0, 0) == FM_E_CAPACITY);
  CHECK(code("zvc", 1, huge, 3, 0, 0) == FM_E_CAPACITY && std::strstr(why, "dims") != nullptr);
  CHECK(code("zvc", 1, four, 1, (1u << 24) + 1, 0) == FM_E_CAPACITY);
  CHECK(code("zvc", 1, four, 1, 0, 2) == FM_E_UNSUPPORTED);
  CHECK(code("zvc", 8, four, 1, 0, 0) == FM_E_DTYPE);
  CHECK(code("zv", 1, four, 1, 0, 0) == FM_E_CHAIN && buffer == nullptr);
}

TEST(an_encoder_serves_again) {
  fm_encoder* encoder = fm_encoder_new();
  CHECK(encoder != nullptr);
  char why[64];
  size_t nbytes = 0;
  const auto run = [&](const char* chain, const Tensor& tensor) {
    const int code =
        fm_encoder_run(encoder, chain, tensor.dtype, tensor.dims.data(),
                       static_cast<int>(tensor.dims.size()), tensor.data.data(), 100, 0, nullptr, 2,
                       &nbytes, why, sizeof why);
    Bytes payload(nbytes);
    fm_encoder_write(encoder, payload.data());
    CHECK((code == FM_OK) == (nbytes > 0));
    return payload;
  };
  const Tensor large = make_tensor(1, {2000}, Fill::kSparse, 3), small = make_tensor(2, {300}, Fill::kDense, 4);
  for (const char* chain : {"huffman", "zvc"}) {
    CHECK(run(chain, small) == encode(chain, small, 100, false));
    CHECK(run(chain, large) == encode(chain, large, 100, false));
    CHECK(run("zv", large).empty());  // and nothing of the run before is written
    CHECK(run(chain, small) == encode(chain, small, 100, false));
  }
  fm_encoder_free(encoder);
}

TEST(quantised_values_do_not_depend_on_the_threads_float_mode) {
  // Denormal numbers under a step of their own size; a flushing thread would lose them all.
  Tensor tensor{1, {64}, Bytes(256)};
  for (uint32_t i = 0; i < 64; ++i) std::memcpy(&tensor.data[4 * i], &i, 4);
  for_every_level([&](int) {
    const Bytes payload = encode("quant|zvc", tensor, 0, false);
    const Bytes restored = decode("quant|zvc", payload, 256);
    CHECK(restored == tensor.data);
  });
}
