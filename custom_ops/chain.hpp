// A chain: transforms and one coder with their field values, parsed from text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "failure.hpp"
#include "stage.hpp"

namespace fm {

class Chain {
 public:
  static constexpr size_t kMaxStages = 16;
  static constexpr size_t kMaxText = 65535;  // the format's u16

  struct Step {
    size_t stage = 0;  // index into the stage table, the same on every SIMD level
    Params params;
  };

  // Text as in docs/format.md. On failure `out` is unspecified and `why` names the stage or field
  // and the nearest known name.
  static int parse(const char* text, Chain* out, Failure* why);
  static int parse(const char* text, size_t nbytes, Chain* out, Failure* why);

  uint32_t digest() const { return digest_; }
  // No blanks, fields in declaration order, defaults left out.
  const std::string& canonical() const { return canonical_; }

  // Whether every stage takes what the stage before it gives, from tensors of this type on.
  // rank -1: not known yet.
  int check(int dtype, int rank, Failure* why) const;

  size_t transforms() const { return count_ - 1; }
  const Step& transform(size_t i) const { return steps_[i]; }
  const Step& coder() const { return steps_[count_ - 1]; }

 private:
  Step steps_[kMaxStages];
  size_t count_ = 0;
  uint32_t digest_ = 0;
  std::string canonical_;
};

}  // namespace fm
