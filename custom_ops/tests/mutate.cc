// Byte mutations without a fuzzer: fmpass_mutate [count [seed]], or fmpass_mutate --corpus FOLDER
// to write the seeds that the fuzzer starts from.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "mutation.hpp"

namespace {

int write_corpus(const std::string& folder) {
  int written = 0;
  for (const std::vector<uint8_t>& payload : fm::tests::seed_payloads()) {
    std::ofstream file(folder + "/seed" + std::to_string(written++), std::ios::binary);
    file.write(reinterpret_cast<const char*>(payload.data()),
               static_cast<std::streamsize>(payload.size()));
    if (!file) {
      std::fprintf(stderr, "cannot write into %s\n", folder.c_str());
      return 1;
    }
  }
  std::printf("%d seeds\n", written);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 3 && std::strcmp(arguments[1], "--corpus") == 0) return write_corpus(arguments[2]);
  const long long rounds = count > 1 ? std::atoll(arguments[1]) : 100000;
  const uint32_t seed = count > 2 ? static_cast<uint32_t>(std::atoll(arguments[2])) : 1;
  const std::vector<std::vector<uint8_t>> seeds = fm::tests::seed_payloads();
  fm::tests::Mutator mutator(seed);
  long long decoded = 0, findings = 0;
  for (long long i = 0; i < rounds; ++i) {
    std::vector<uint8_t> payload = seeds[static_cast<size_t>(i) % seeds.size()];
    mutator.mutate(&payload);
    std::string problem;
    decoded += fm::tests::examine(payload, &problem) ? 1 : 0;
    if (!problem.empty()) {
      ++findings;
      std::printf("round %lld: %s\n", i, problem.c_str());
    }
  }
  std::printf("%lld mutations of %zu seeds, %lld still decoded, %lld findings\n", rounds,
              seeds.size(), decoded, findings);
  return findings == 0 ? 0 : 1;
}
