#include "mutation.hpp"

#include <cstring>

#include "bytes.hpp"
#include "chain.hpp"
#include "container.hpp"
#include "header.hpp"
#include "levels.hpp"
#include "samples.hpp"

namespace fm::tests {
namespace {

constexpr size_t kLargestTensor = size_t{1} << 20;

// Where header and directory of bytes that need not be a payload would end; 0 if beyond them.
size_t directory_of(const uint8_t* p, size_t nbytes, size_t* blocks) {
  if (nbytes < kFixedNbytes + 8) return 0;
  *blocks = read_le<uint32_t>(p + 20);
  const size_t before =
      kFixedNbytes + 8 * size_t{p[7]} + 4 * size_t{p[14]} + read_le<uint16_t>(p + 12) +
      read_le<uint32_t>(p + 16);
  return before + kEntryNbytes * *blocks + 4 <= nbytes ? before : 0;
}

}  // namespace

void repair_checksums(uint8_t* p, size_t nbytes) {
  size_t blocks = 0;
  const size_t directory = directory_of(p, nbytes, &blocks);
  if (directory == 0) return;
  const size_t checked = directory + kEntryNbytes * blocks;
  size_t at = checked + 4;
  for (size_t i = 0; i < blocks; ++i) {
    uint8_t* entry = p + directory + kEntryNbytes * i;
    const size_t length = read_le<uint32_t>(entry) & ~kRawBit;
    if (length > nbytes - at) break;
    entry += 4;
    write_le<uint32_t>(entry, fm_crc32c(p + at, length));
    at += length;
  }
  uint8_t* checksum = p + checked;
  write_le<uint32_t>(checksum, fm_crc32c(p, checked));
}

void repair(uint8_t* p, size_t nbytes) {
  if (nbytes < kFixedNbytes) return;
  std::memcpy(p, kMagic, sizeof kMagic);
  p[4] = kVersion;
  p[5] &= FM_FLAG_SELF_CONTAINED;
  p[14] = p[14] == 3 ? 3 : 1;
  p[15] = 0;
  size_t blocks = 0;
  const size_t directory = directory_of(p, nbytes, &blocks);
  if (directory == 0) return;
  const size_t text_nbytes = read_le<uint16_t>(p + 12);
  const size_t text_at = kFixedNbytes + 8 * size_t{p[7]} + 4 * size_t{p[14]};
  Chain chain;
  if (Chain::parse(reinterpret_cast<const char*>(p + text_at), text_nbytes, &chain, nullptr) ==
      FM_OK) {
    uint8_t* digest = p + 8;
    write_le<uint32_t>(digest, chain.digest());
  }
  size_t room = nbytes - (directory + kEntryNbytes * blocks + 4);
  for (size_t i = 0; i < blocks; ++i) {
    uint8_t* entry = p + directory + kEntryNbytes * i;
    const uint32_t length = read_le<uint32_t>(entry);
    size_t fitting = length & ~kRawBit;
    if (fitting > room || i + 1 == blocks) fitting = room;
    room -= fitting;
    write_le<uint32_t>(entry, static_cast<uint32_t>(fitting) | (length & kRawBit));
  }
  repair_checksums(p, nbytes);
}

std::vector<std::vector<uint8_t>> seed_payloads() {
  std::vector<std::vector<uint8_t>> found;
  const std::vector<int> dtypes = sample_dtypes();
  uint32_t seed = 0;
  for (const std::string& chain : sample_chains()) {
    for (size_t tries = 0; tries < 6; ++tries, ++seed) {
      const int dtype = dtypes[(seed * 7 + tries) % dtypes.size()];
      const Fill fill = static_cast<Fill>(seed % 5);
      const int64_t width = 5 + static_cast<int64_t>(seed * 13 % 90);
      std::vector<uint8_t> payload =
          encode(chain, make_tensor(dtype, {2, width}, fill, seed), 70, true);
      if (!payload.empty()) found.push_back(std::move(payload));
    }
  }
  return found;
}

bool examine(const std::vector<uint8_t>& payload, std::string* problem) {
  fm_info info;
  char why[240];
  if (fm_peek(payload.data(), payload.size(), &info, why, sizeof why) != FM_OK) return false;
  if (info.tensor_nbytes > kLargestTensor) return false;
  int first_code = -1;
  std::vector<uint8_t> first;
  for_every_level([&](int level) {
    std::vector<uint8_t> out(info.tensor_nbytes);
    out.shrink_to_fit();
    const int code =
        fm_decode(nullptr, payload.data(), payload.size(), out.data(), out.size(), nullptr, 1, why, sizeof why);
    if (code != FM_OK) out.clear();
    if (first_code < 0) {
      first_code = code;
      first = out;
    }
    if (code != first_code || out != first) {
      *problem = std::string("level ") + fm_simd_name(level) + " decodes differently: " + why;
    }
  });
  if (first_code != FM_OK) return false;
  fm_buffer* again = nullptr;
  const std::string chain(info.chain, info.chain_nbytes);
  const int code = fm_encode(chain.c_str(), info.dtype, info.dims, info.rank, first.data(),
                             info.block_words, 0, nullptr, 1, &again, why, sizeof why);
  if (code != FM_OK) {
    *problem = std::string("a decoded tensor cannot be encoded: ") + why;
    return true;
  }
  std::vector<uint8_t> out(first.size());
  if (fm_decode(chain.c_str(), fm_buffer_data(again), fm_buffer_nbytes(again), out.data(),
                out.size(), nullptr, 1, why, sizeof why) != FM_OK) {
    *problem = std::string("what was encoded again does not decode: ") + why;
  } else if (chain.find('|') == std::string::npos && out != first) {
    *problem = "a lossless chain changed a tensor";
  }
  fm_buffer_free(again);
  return true;
}

void Mutator::change(std::vector<uint8_t>* payload) {
  std::vector<uint8_t>& p = *payload;
  size_t blocks = 0, from = 0;
  const size_t directory = directory_of(p.data(), p.size(), &blocks);
  // Blocks most of the time, else anywhere.
  if (directory != 0 && below(4) != 0) from = directory + kEntryNbytes * blocks + 4;
  if (from >= p.size()) from = 0;
  if (p.empty()) return;
  const size_t at = from + below(p.size() - from);
  switch (below(8)) {
    case 0:
      p.resize(at);
      break;
    case 1:
      p.insert(p.begin() + static_cast<std::ptrdiff_t>(at), 1 + below(9),
               static_cast<uint8_t>(random_()));
      break;
    case 2:
      p[at] = static_cast<uint8_t>(random_());
      break;
    case 3:
      p[at] = below(2) == 0 ? 0 : 0xFF;
      break;
    case 4:
      p.erase(p.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    default:
      p[at] = static_cast<uint8_t>(p[at] ^ (1u << below(8)));
      break;
  }
}

void Mutator::mutate(std::vector<uint8_t>* payload) {
  for (size_t changes = 1 + below(4); changes > 0; --changes) change(payload);
  if (below(8) != 0) repair(payload->data(), payload->size());
}

}  // namespace fm::tests
