// libFuzzer target: peek and decode of arbitrary bytes. The custom mutator repairs lengths and
// checksums most of the time, so that mutations reach the coders behind them.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "mutation.hpp"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t nbytes, size_t max_nbytes);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t nbytes, size_t max_nbytes,
                                          unsigned int seed) {
  if (seed % 3 == 0) {  // changes that know where the blocks begin
    std::vector<uint8_t> payload(data, data + nbytes);
    fm::tests::Mutator(seed).mutate(&payload);
    if (payload.size() <= max_nbytes && !payload.empty()) {
      std::memcpy(data, payload.data(), payload.size());
      return payload.size();
    }
  }
  const size_t changed = LLVMFuzzerMutate(data, nbytes, max_nbytes);
  if (seed % 8 != 1) fm::tests::repair(data, changed);
  return changed;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t nbytes) {
  std::string problem;
  fm::tests::examine(std::vector<uint8_t>(data, data + nbytes), &problem);
  if (!problem.empty()) {
    std::fprintf(stderr, "%s\n", problem.c_str());
    std::abort();
  }
  return 0;
}
