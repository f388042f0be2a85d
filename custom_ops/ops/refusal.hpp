// How the operators fail: one exception inside, one OrtStatus at the border.
#pragma once

#include <cstdio>
#include <new>
#include <string>
#include <utility>

#include "../failure.hpp"
#include "../ort_abi.hpp"

namespace fm::ops {

// Codes of docs/errors.md for what belongs to a node or to the runtime.
inline constexpr int kNodeCode = 146;   // attributes or inputs that the operator cannot take
inline constexpr int kChainCode = 147;  // the chain is not known here, or does not take the type
inline constexpr int kUnexpectedCode = 309;  // a sound payload, but not of the declared tensor
inline constexpr int kRuntimeCode = 540;     // the runtime is too old

// The code of docs/errors.md for an FM_E_ code, the same as in fmpass/codecs/native.py.
inline int code_of(int error) {
  if (error == FM_E_MEMORY) return 524;
  if (error == FM_E_UNSUPPORTED) return 523;
  return 300 + error;
}

// Thrown and caught inside this library only.
struct Refusal {
  int code = 0;
  std::string text;
  ort::Status* status = nullptr;  // a status of the runtime, passed on as it is
};

[[noreturn]] inline void refuse(int code, std::string text) {
  throw Refusal{code, std::move(text)};
}

[[noreturn]] inline void refuse(const Failure& why) { refuse(code_of(why.code), why.text); }

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
      const std::string text = sentence(refusal.code, edge, refusal.text);
      return api.call<ort::slot::CreateStatus>(ort::kInvalidArgument, text.c_str());
    } catch (const std::bad_alloc&) {
    }
  } catch (const std::bad_alloc&) {
  } catch (...) {
    return api.call<ort::slot::CreateStatus>(ort::kRuntimeException,
                                             "unexpected exception in an operator of fmpass");
  }
  return api.call<ort::slot::CreateStatus>(ort::kFail,
                                           "error[FM524]: out of memory in an operator");
}

}  // namespace fm::ops
