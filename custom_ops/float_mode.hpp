// Transforms compute in IEEE doubles; onnxruntime's threads may flush denormals to zero.
#pragma once

#include <cstdint>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#define FM_FLOAT_MODE_X86 1
#endif

namespace fm {

// While it lives, this thread rounds to nearest even and keeps denormals.
class StandardFloatMode {
 public:
#if defined(FM_FLOAT_MODE_X86)
  StandardFloatMode() : before_(_mm_getcsr()) { _mm_setcsr(0x1F80); }  // the state after reset
  ~StandardFloatMode() { _mm_setcsr(before_); }
#elif defined(__aarch64__) && defined(__GNUC__)
  StandardFloatMode() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
    __asm__ volatile("msr fpcr, %0" : : "r"(uint64_t{0}));
  }
  ~StandardFloatMode() { __asm__ volatile("msr fpcr, %0" : : "r"(uint64_t{before_})); }
#else
  StandardFloatMode() {}
  ~StandardFloatMode() {}
#endif
  StandardFloatMode(const StandardFloatMode&) = delete;
  StandardFloatMode& operator=(const StandardFloatMode&) = delete;

 private:
#if defined(FM_FLOAT_MODE_X86)
  unsigned before_;
#elif defined(__aarch64__) && defined(__GNUC__)
  uint64_t before_;
#endif
};

}  // namespace fm
