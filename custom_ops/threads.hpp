// A Runner over threads of its own, for hosts that have no pool: they live as long as one call.
#pragma once

#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

#include "runner.hpp"

namespace fm {

class Threads {
 public:
  explicit Threads(int count) : count_(count < 1 ? 1 : count) {}
  Runner runner() { return {&Threads::parallel, this}; }

 private:
  static void parallel(void* self, void (*task)(void* context, size_t index), size_t count,
                       void* context) {
    std::atomic<size_t> next{0};
    const auto work = [&] {
      for (size_t i = next++; i < count; i = next++) task(context, i);
    };
    std::vector<std::thread> helpers;
    const auto wanted = static_cast<size_t>(static_cast<const Threads*>(self)->count_ - 1);
    helpers.reserve(wanted);
    for (size_t i = 0; i < wanted && i + 1 < count; ++i) {
      try {
        helpers.emplace_back(work);
      } catch (const std::system_error&) {  // no more threads here: fewer do the work
        break;
      }
    }
    work();
    for (std::thread& helper : helpers) helper.join();
  }

  int count_;
};

}  // namespace fm
