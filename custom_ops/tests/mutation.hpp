// Structure-aware mutation of payloads, shared by the fuzzer, the stand-alone driver and the tests.
// Random bytes never pass two checksums; these do, so that the coders see them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace fm::tests {

// Recomputes header and block checksums where the lengths allow; leaves other bytes alone.
void repair_checksums(uint8_t* payload, size_t nbytes);

// Makes lengths agree too: magic, version, the last block's length, the digest of the chain text.
void repair(uint8_t* payload, size_t nbytes);

// Small payloads of every sample chain, self-contained.
std::vector<std::vector<uint8_t>> seed_payloads();

// Peeks and decodes at every SIMD level into exactly sized memory, and encodes again what decoded.
// True where it decoded. `problem` is set where levels disagree or a decoded tensor cannot be
// encoded.
bool examine(const std::vector<uint8_t>& payload, std::string* problem);

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}
  // One to four changes, then a repair most of the time.
  void mutate(std::vector<uint8_t>* payload);

 private:
  void change(std::vector<uint8_t>* payload);
  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  std::mt19937 random_;
};

}  // namespace fm::tests
