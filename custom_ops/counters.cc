#include "counters.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <new>
#include <string>

#include "c_api.h"
#include "json.hpp"

namespace fm {
namespace {

struct Count {
  std::string chain;
  uint64_t calls = 0;
  uint64_t elements = 0;
  uint64_t payload_nbytes = 0;
  uint64_t mismatches = 0;
};

struct Counts {
  std::mutex mutex;
  std::map<std::string, Count, std::less<>> by_edge;  // sorted
};

// Never destroyed: a runtime's threads may still count while the process exits.
Counts& counts() {
  static Counts* const kept = new Counts;
  return *kept;
}

std::atomic<int> g_mode{0};

}  // namespace

int counters_mode() { return g_mode.load(std::memory_order_relaxed); }

void count_call(std::string_view edge, std::string_view chain, uint64_t elements,
                uint64_t payload_nbytes, bool mismatch) {
  try {
    auto& [mutex, by_edge] = counts();
    const std::lock_guard<std::mutex> lock(mutex);
    auto found = by_edge.find(edge);
    if (found == by_edge.end()) found = by_edge.emplace(std::string(edge), Count()).first;
    Count& count = found->second;
    if (count.chain != chain) count.chain = chain;
    count.calls += 1;
    count.elements += elements;
    count.payload_nbytes += payload_nbytes;
    count.mismatches += mismatch ? 1 : 0;
  } catch (const std::bad_alloc&) {
    // Counting is a service; the run goes on without it.
  }
}

std::string counters_json() {
  auto& [mutex, by_edge] = counts();
  const std::lock_guard<std::mutex> lock(mutex);
  std::string out = "[";
  for (const auto& [edge, count] : by_edge) {
    if (out.size() > 1) out += ',';
    out += "{\"edge\":" + json_string(edge) + ",\"chain\":" + json_string(count.chain) +
           ",\"calls\":" + std::to_string(count.calls) +
           ",\"elements\":" + std::to_string(count.elements) +
           ",\"payload_nbytes\":" + std::to_string(count.payload_nbytes) +
           ",\"mismatches\":" + std::to_string(count.mismatches) + "}";
  }
  return out + "]";
}

void set_counters_mode(int mode) { g_mode.store(mode, std::memory_order_relaxed); }

void reset_counters() {
  auto& [mutex, by_edge] = counts();
  const std::lock_guard<std::mutex> lock(mutex);
  by_edge.clear();
}

}  // namespace fm
