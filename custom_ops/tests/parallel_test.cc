// Blocks on several threads, encoders side by side, counters under contention.
#include <atomic>
#include <cstring>
#include <thread>

#include "container.hpp"
#include "counters.hpp"
#include "samples.hpp"
#include "test.hpp"

using namespace fm::tests;

namespace {

using Bytes = std::vector<uint8_t>;

struct Threads {
  size_t count;
};

// Three threads take blocks from one counter.
void run_on_threads(void* self, void (*task)(void* context, size_t index), size_t count,
                    void* context) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) task(context, i);
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < static_cast<Threads*>(self)->count; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST(threads_write_the_same_bytes) {
  Threads threads = {3};
  const fm::Runner runner(run_on_threads, &threads);
  const Tensor tensor = make_tensor(1, {3, 7001}, Fill::kSparse, 2);
  for (const char* text : {"zvc", "ebpc", "quant|zvc", "quant|quant{bits=3}|zvc"}) {
    fm::Chain chain;
    fm::Failure why;
    CHECK(fm::Chain::parse(text, &chain, &why) == FM_OK);
    fm::Encoder encoder;
    CHECK(encoder.run(chain, 1, tensor.dims.data(), 2, tensor.data.data(), 1000, false, nullptr, runner,
                      &why) == FM_OK);
    Bytes payload(encoder.nbytes()), out(tensor.data.size());
    encoder.write(payload.data(), runner);
    CHECK(payload == encode(text, tensor, 1000, false));
    CHECK(fm::decode(&chain, payload.data(), payload.size(), out.data(), out.size(), nullptr, runner,
                     &why) == FM_OK);
    CHECK(out == decode(text, payload, out.size()));
  }
}

TEST(the_first_bad_block_is_reported_whatever_the_order) {
  Threads threads = {3};
  const fm::Runner runner(run_on_threads, &threads);
  fm::Chain chain;
  CHECK(fm::Chain::parse("zvc", &chain, nullptr) == FM_OK);
  const Tensor tensor = make_tensor(1, {4000}, Fill::kSparse, 2);
  Bytes payload = encode("zvc", tensor, 100, false);
  fm::PayloadInfo info;
  CHECK(fm::peek(payload.data(), payload.size(), &info, nullptr) == FM_OK);
  for (size_t i = info.header_nbytes + 900; i < payload.size(); ++i) payload[i] ^= 0x10;
  fm::Failure serial, parallel;
  Bytes out(tensor.data.size());
  CHECK(fm::decode(&chain, payload.data(), payload.size(), out.data(), out.size(), nullptr, fm::Runner(),
                   &serial) == FM_E_CHECKSUM);
  CHECK(fm::decode(&chain, payload.data(), payload.size(), out.data(), out.size(), nullptr, runner,
                   &parallel) == FM_E_CHECKSUM);
  CHECK(std::strcmp(serial.text, parallel.text) == 0);
}

TEST(encoders_on_several_threads_do_not_meet) {
  const Tensor tensor = make_tensor(10, {500}, Fill::kSparse, 8);
  const Bytes expected = encode("ebpc", tensor, 64, true);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        if (t == 0) fm_set_simd_level(i % 3);  // chains and payloads outlive a change of level
        if (encode("ebpc", tensor, 64, true) != expected) ++wrong;
        if (decode(nullptr, expected, 1000) != tensor.data) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong.load() == 0);
}

TEST(counters_add_up) {
  fm_counters_reset();
  fm_counters_enable(2);
  CHECK(fm::counters_mode() == 2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 100; ++i) {
        fm::count_call(t % 2 == 0 ? "b" : "a\"\n", "zvc", 10, 7, i == 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  fm_counters_enable(0);
  char json[400];
  const size_t needed = fm_counters_json(json, sizeof json);
  CHECK(needed == std::strlen(json) + 1);
  CHECK(std::string(json) ==
        "[{\"edge\":\"a\\\"\\u000a\",\"chain\":\"zvc\",\"calls\":200,\"elements\":2000,"
        "\"payload_nbytes\":1400,\"mismatches\":2},"
        "{\"edge\":\"b\",\"chain\":\"zvc\",\"calls\":200,\"elements\":2000,"
        "\"payload_nbytes\":1400,\"mismatches\":2}]");
  CHECK(fm_counters_json(json, 5) == needed && std::strlen(json) == 4);
  fm_counters_reset();
  CHECK(fm_counters_json(nullptr, 0) == 3);
}
