// How the operators fail: one exception inside, one OrtStatus at the border.
#pragma once

#include <cstdio>
#include <new>
#include <string>
#include <utility>

#include "../failure.hpp"
#include "../ort_abi.hpp"

namespace fm::ops {

// Codes that belong to a node rather than to a payload; payload failures are 300 + their FM_E_
// code.
inline constexpr int kNodeCode = 320;      // attributes or inputs that the operator cannot take
inline constexpr int kInternalCode = 321;  // a bug in this library
inline constexpr int kRuntimeCode = 503;   // the runtime is too old

// Thrown and caught inside this library only.
struct Refusal {
  int code = 0;
  std::string text;
  ort::Status* status = nullptr;  // a status of the runtime, passed on as it is
};

[[noreturn]] inline void refuse(int code, std::string text) {
  throw Refusal{code, std::move(text)};
}

[[noreturn]] inline void refuse(const Failure& why) { refuse(300 + why.code, why.text); }

// Lets errors of the runtime itself through unchanged.
inline void check(ort::Status* status) {
  if (status != nullptr) throw Refusal{0, {}, status};
}

inline std::string sentence(int code, const std::string& edge, const std::string& text) {
  char prefix[32];
  std::snprintf(prefix, sizeof prefix, "error[FM%03d]", code);
  return prefix + (edge.empty() ? std::string() : " at edge '" + edge + "'") + ": " + text;
}

// Runs `body` and turns whatever it throws into a status, so that nothing crosses the C ABI.
template <class Body>
ort::Status* guarded(ort::Api api, const std::string& edge, Body&& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const Refusal& refusal) {
    if (refusal.status != nullptr) return refusal.status;
    try {
      return api.call<ort::slot::CreateStatus>(
          refusal.code == kInternalCode ? ort::kRuntimeException : ort::kInvalidArgument,
          sentence(refusal.code, edge, refusal.text).c_str());
    } catch (...) {
    }
  } catch (const std::bad_alloc&) {
  } catch (...) {
    return api.call<ort::slot::CreateStatus>(ort::kRuntimeException,
                                             "error[FM321]: unexpected exception in an operator");
  }
  return api.call<ort::slot::CreateStatus>(ort::kFail,
                                           "error[FM310]: out of memory in an operator");
}

}  // namespace fm::ops
