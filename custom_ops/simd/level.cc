#include "level.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace fm {
namespace {

constexpr const char* kNames[] = {"scalar", "avx2", "avx512", "neon"};
constexpr int kLevels = 4;

#ifdef FM_HAVE_X86_LEVELS
bool has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
         __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.2");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("vpclmulqdq");
}
#endif

const Level* choose() {
  const char* wanted = std::getenv("FMPASS_SIMD");
  for (int i = 0; wanted != nullptr && i < kLevels; ++i) {
    const Level* level = find_level(i);
    if (level != nullptr && std::strcmp(wanted, kNames[i]) == 0) return level;
  }
  for (int i : {3, 2, 1}) {
    if (const Level* level = find_level(i)) return level;
  }
  return &kScalarLevel;
}

std::atomic<const Level*> g_active{nullptr};

}  // namespace

const Level* find_level(int number) {
  switch (number) {
    case 0:
      return &kScalarLevel;
#ifdef FM_HAVE_X86_LEVELS
    case 1:
      return has_avx2() ? &kAvx2Level : nullptr;
    case 2:
      return has_avx512() ? &kAvx512Level : nullptr;
#endif
#ifdef FM_HAVE_NEON_LEVEL
    case 3:
      return &kNeonLevel;  // part of every AArch64 machine
#endif
    default:
      return nullptr;
  }
}

const Level& active_level() {
  const Level* level = g_active.load(std::memory_order_acquire);
  if (level == nullptr) {
    // Two threads that meet here choose alike; a level set meanwhile must not be overwritten.
    const Level* chosen = choose();
    if (g_active.compare_exchange_strong(level, chosen)) level = chosen;
  }
  return *level;
}

void set_active_level(const Level& level) { g_active.store(&level, std::memory_order_release); }

const char* level_name(int number) {
  return number >= 0 && number < kLevels ? kNames[number] : nullptr;
}

}  // namespace fm
