// Payloads that are not: every check of docs/format.md has its code, and names field or block.
#include <cstring>

#include "bytes.hpp"
#include "container.hpp"
#include "mutation.hpp"
#include "samples.hpp"
#include "test.hpp"

using namespace fm::tests;
using fm::Failure;

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kTensorNbytes = 4 * 6 * 50;

Bytes good(const char* chain = "zvc") {
  return encode(chain, make_tensor(1, {6, 50}, Fill::kSparse, 4), 128, true);
}

// The code of decoding, and whether the message mentions `what`.
bool fails(const Bytes& payload, int code, const char* what) {
  Failure why;
  decode(nullptr, payload, kTensorNbytes, &why);
  const bool right = why.code == code && std::strstr(why.text, what) != nullptr;
  if (!right) std::printf("  got %d: %s\n", why.code, why.text);
  return right;
}

// A good payload with one field overwritten, checksums repaired.
template <class T>
Bytes with(size_t offset, T value, const char* chain = "zvc") {
  Bytes payload = good(chain);
  std::memcpy(&payload[offset], &value, sizeof value);
  repair_checksums(payload.data(), payload.size());
  return payload;
}

}  // namespace

TEST(every_header_field_is_checked) {
  CHECK(!decode(nullptr, good(), kTensorNbytes).empty());
  CHECK(fails(with<uint8_t>(0, 'X'), FM_E_MAGIC, "magic"));
  CHECK(fails(with<uint8_t>(4, 2), FM_E_VERSION, "version"));
  CHECK(fails(with<uint8_t>(5, 3), FM_E_HEADER, "flags"));
  CHECK(fails(with<uint8_t>(5, 0), FM_E_HEADER, "text bytes"));
  CHECK(fails(with<uint8_t>(6, 8), FM_E_DTYPE, "dtype"));
  CHECK(fails(with<uint8_t>(7, 33), FM_E_HEADER, "rank"));
  CHECK(fails(with<uint32_t>(8, 1), FM_E_CHAIN, "digest"));
  CHECK(fails(with<uint8_t>(14, 2), FM_E_HEADER, "grid rank"));
  CHECK(fails(with<uint8_t>(15, 1), FM_E_HEADER, "reserved"));
  CHECK(fails(with<uint32_t>(16, 0xFFFFFFFF), FM_E_TRUNCATED, "header"));
  CHECK(fails(with<uint32_t>(20, 0xFFFFFFFF), FM_E_TRUNCATED, "header"));
  CHECK(fails(with<uint32_t>(20, 2), FM_E_TRUNCATED, "blocks"));
  CHECK(fails(with<uint64_t>(24, uint64_t{1} << 63), FM_E_HEADER, "dims"));
  CHECK(fails(with<uint64_t>(24, uint64_t{1} << 57), FM_E_HEADER, "dims"));
  CHECK(fails(with<uint64_t>(24, 7), FM_E_CAPACITY, "dims"));
  CHECK(fails(with<uint32_t>(40, 0), FM_E_HEADER, "extents"));
  CHECK(fails(with<uint32_t>(40, (1u << 24) + 1), FM_E_HEADER, "extents"));
  CHECK(fails(with<uint32_t>(40, 99), FM_E_HEADER, "blocks"));
  CHECK(fails(with<uint8_t>(44, 'Z'), FM_E_CHAIN, "stage"));
  CHECK(fails(with<uint8_t>(44, 0xFF), FM_E_CHAIN, "stage"));
}

TEST(a_payload_of_another_chain_or_size_is_refused) {
  Failure why;
  CHECK(decode("zrle", good(), kTensorNbytes, &why).empty() && why.code == FM_E_CHAIN);
  CHECK(decode("zvc", good(), kTensorNbytes - 4, &why).empty() && why.code == FM_E_CAPACITY);
  const Bytes bare = encode("zvc", make_tensor(1, {6, 50}, Fill::kSparse, 4), 128, false);
  CHECK(fails(bare, FM_E_CHAIN, "no chain was given"));
  CHECK(decode("zvc", bare, kTensorNbytes).size() == kTensorNbytes);
}

TEST(every_truncation_and_extension_is_refused) {
  const Bytes payload = good("ebpc");
  for (size_t n = 0; n < payload.size(); ++n) {
    Failure why;
    const Bytes cut(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK(decode(nullptr, cut, kTensorNbytes, &why).empty() && why.text[0] != 0);
  }
  Bytes longer = payload;
  longer.push_back(0);
  CHECK(fails(longer, FM_E_TRUNCATED, "blocks"));
}

TEST(every_flipped_bit_is_refused) {
  const Bytes payload = good();
  for (size_t bit = 0; bit < 8 * payload.size(); ++bit) {
    Bytes damaged = payload;
    damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ (1u << (bit % 8)));
    Failure why;
    CHECK(decode(nullptr, damaged, kTensorNbytes, &why).empty() && why.code != FM_OK);
  }
}

TEST(damaged_blocks_are_named) {
  Bytes payload = good();
  payload.back() ^= 1;
  CHECK(fails(payload, FM_E_CHECKSUM, "block 2"));
  repair_checksums(payload.data(), payload.size());
  CHECK(!decode(nullptr, payload, kTensorNbytes).empty());  // only a value changed

  const size_t directory = 47;  // 24 fixed, 16 dims, 4 extent, 3 text
  payload = good();
  const uint32_t length = fm::read_le<uint32_t>(&payload[directory]);
  const uint32_t next = fm::read_le<uint32_t>(&payload[directory + 8]);
  const auto lengths = [&](uint32_t first, uint32_t second) {
    Bytes changed = payload;
    std::memcpy(&changed[directory], &first, 4);
    std::memcpy(&changed[directory + 8], &second, 4);
    repair_checksums(changed.data(), changed.size());
    return changed;
  };
  CHECK(fails(lengths(length + 4, next - 4), FM_E_CORRUPT, "block 0: length does not agree"));
  CHECK(fails(lengths(1, next + length - 1), FM_E_CORRUPT, "block 0: 1 bytes, but 128 words"));
  CHECK(fails(lengths(length | 1u << 31, next), FM_E_CORRUPT, "block 0"));
}

TEST(side_data_is_checked_before_use) {
  const size_t side = 24 + 16 + 4 + std::strlen("quant|zvc");
  for (const double step : {0.0, -1.0, 1.0 / 0.0, 0.0 / 0.0}) {
    CHECK(fails(with<double>(side, step, "quant|zvc"), FM_E_CORRUPT, "side data of quant"));
  }
  CHECK(fails(with<int32_t>(side + 8, 1, "quant|zvc"), FM_E_CORRUPT, "zero point"));
}

TEST(seeded_mutations_never_do_harm) {
  // Under the sanitizers, any read or write outside is found here; `examine` compares the levels.
  std::vector<Bytes> seeds = seed_payloads();
  CHECK(seeds.size() > 50);
  Mutator mutator(20240607);
  size_t decoded = 0;
  for (int i = 0; i < 20000; ++i) {
    Bytes payload = seeds[static_cast<size_t>(i) % seeds.size()];
    mutator.mutate(&payload);
    std::string problem;
    decoded += examine(payload, &problem) ? 1 : 0;
    CHECK_FOR(problem.empty(), problem);
  }
  CHECK(decoded > 1000);  // the repaired ones do reach the coders
}
