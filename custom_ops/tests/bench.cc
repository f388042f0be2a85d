// Throughput of one core: fmpass_bench [MiB [chain]]. GB/s of the tensor's bytes, best of several
// runs, memcpy of the same tensor in the same run beside it.
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "c_api.h"
#include "container.hpp"
#include "simd/level.hpp"

namespace {

constexpr int kRuns = 9;

// Processor time of this thread: other work on the machine disturbs it less than wall time.
double seconds() {
#if defined(CLOCK_THREAD_CPUTIME_ID)
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
#else
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
#endif
}

template <class Body>
double best_seconds(Body body) {
  double best = 1e9;
  for (int i = 0; i < kRuns; ++i) {
    const double start = seconds();
    body();
    const double took = seconds() - start;
    if (took < best) best = took;
  }
  return best;
}

struct Case {
  const char* chain;
  int dtype;
  const char* type;
  int zeros;  // percent
};

std::vector<uint8_t> tensor(size_t nbytes, int dtype, int zeros) {
  std::mt19937_64 random(1);
  std::vector<uint8_t> data(nbytes);
  const size_t width = dtype == 1 ? 4 : dtype == 10 ? 2 : 1;
  std::normal_distribution<float> normal(0.0f, 24.0f);
  for (size_t i = 0; i < nbytes / width; ++i) {
    if (static_cast<int>(random() % 100) < zeros) continue;
    const float value = std::abs(normal(random)) + 1.0f;
    if (width == 4) {
      std::memcpy(&data[4 * i], &value, 4);
    } else if (width == 2) {
      const uint16_t word = static_cast<uint16_t>(static_cast<int>(value * 16.0f) | 1);
      std::memcpy(&data[2 * i], &word, 2);
    } else {
      data[i] = static_cast<uint8_t>(value < 127.0f ? value : 127.0f);
    }
  }
  return data;
}

void run(const Case& c, size_t nbytes, int level) {
  const size_t width = c.dtype == 1 ? 4 : c.dtype == 10 ? 2 : 1;
  const std::vector<uint8_t> data = tensor(nbytes, c.dtype, c.zeros);
  std::vector<uint8_t> copy(nbytes), payload(2 * nbytes + 65536);
  const int64_t dims[1] = {static_cast<int64_t>(nbytes / width)};
  const fm::Runner runner;
  fm::Failure why;
  fm::Chain chain;
  if (fm::Chain::parse(c.chain, &chain, &why) != FM_OK) std::exit(1);
  auto encoder = std::make_unique<fm::Encoder>();
  const double memory = best_seconds([&] { std::memcpy(copy.data(), data.data(), nbytes); });
  const double encode = best_seconds([&] {
    if (encoder->run(chain, c.dtype, dims, 1, data.data(), 0, false, nullptr, runner, &why) != FM_OK) {
      std::fprintf(stderr, "%s\n", why.text);
      std::exit(1);
    }
    encoder->write(payload.data(), runner);
  });
  const size_t size = encoder->nbytes();
  const double decode = best_seconds([&] {
    if (fm::decode(&chain, payload.data(), size, copy.data(), nbytes, nullptr, runner, &why) != FM_OK) {
      std::fprintf(stderr, "%s\n", why.text);
      std::exit(1);
    }
  });
  const double gb = static_cast<double>(nbytes) / 1e9;
  std::printf(
      "%-14s %-8s %-7s %3d %%  b/v %5.2f  memcpy %5.1f  encode %6.2f (%.2f)  decode %6.2f (%.2f)\n",
      c.chain, c.type, fm_simd_name(level), c.zeros,
      8.0 * static_cast<double>(size) / static_cast<double>(dims[0]), gb / memory, gb / encode,
      memory / encode, gb / decode, memory / decode);
}

}  // namespace

int main(int count, char** arguments) {
  const size_t nbytes = (count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 32) << 20;
  const Case cases[] = {
      {"zvc", 1, "float32", 50},        {"zvc", 1, "float32", 70},
      {"zvc", 1, "float32", 90},        {"zvc", 10, "float16", 70},
      {"zvc", 2, "uint8", 50},          {"zvc", 2, "uint8", 70},
      {"zvc", 2, "uint8", 90},          {"zrle", 2, "uint8", 70},
      {"zrle", 1, "float32", 70},       {"bpc", 2, "uint8", 50},
      {"ebpc", 3, "int8", 50},          {"ebpc", 3, "int8", 70},
      {"ebpc", 1, "float32", 70},       {"width", 2, "uint8", 50},
      {"width", 2, "uint8", 70},        {"width", 10, "float16", 70},
      {"huffman", 2, "uint8", 50},      {"huffman", 2, "uint8", 70},
      {"huffman", 10, "float16", 70},   {"seg", 2, "uint8", 50},
      {"seg", 2, "uint8", 70},          {"quant|raw", 1, "float32", 70},
      {"quant|zvc", 1, "float32", 70},  {"quant|ebpc", 1, "float32", 70},
      {"quant|zvc", 10, "float16", 70}, {"raw", 1, "float32", 50},
  };
  for (int level = 0; level < 4; ++level) {
    if (fm_set_simd_level(level) != FM_OK) continue;
    std::vector<uint8_t> bytes(1 << 20, 7);
    volatile uint32_t sink = 0;
    const double crc = best_seconds([&] {
      for (int i = 0; i < 16; ++i) sink = fm_crc32c(bytes.data(), bytes.size());
    });
    std::printf("crc32c                  %-7s        %6.2f GB/s\n", fm_simd_name(level),
                16.0 * static_cast<double>(bytes.size()) / 1e9 / crc);
    for (const Case& c : cases) {
      if (count < 3 || std::strstr(c.chain, arguments[2]) != nullptr) run(c, nbytes, level);
    }
  }
  return 0;
}
