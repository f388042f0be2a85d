// The entry point that onnxruntime looks up in the library.
#include <list>
#include <mutex>
#include <string>

#include "c_api.h"
#include "ops/operators.hpp"

namespace fm::ops {
namespace {

namespace slot = ort::slot;

// What one runtime was given. Kept for ever: sessions hold pointers into it, and at process exit
// the runtime may be gone before this library.
struct Registered {
  Registered(const ort::ApiBase* owner, ort::Api api)
      : base(owner), compress(compress_operator(api)), decompress(decompress_operator(api)) {
    check(api.call<slot::CreateCustomOpDomain>(kDomain, &domain));
    check(api.call<slot::CustomOpDomain_Add>(domain, &compress));
    check(api.call<slot::CustomOpDomain_Add>(domain, &decompress));
  }

  const ort::ApiBase* base;
  Operator compress;
  Operator decompress;
  ort::CustomOpDomain* domain = nullptr;
};

// One domain for each runtime in the process, however many sessions it opens.
ort::CustomOpDomain* domain_of(const ort::ApiBase* base, ort::Api api) {
  static std::mutex mutex;
  static auto& all = *new std::list<Registered>;
  const std::scoped_lock lock(mutex);
  for (const Registered& one : all)
    if (one.base == base) return one.domain;
  return all.emplace_back(base, api).domain;
}

constexpr uint32_t kOldestMinor = 18;
constexpr const char* kRegisteredKey = "ai.fmpass.registered";

ort::Status* too_old(const ort::ApiBase* base, uint32_t minor) {
  const ort::Api api(minor > 0 ? base->GetApi(minor) : nullptr);
  if (!api) return nullptr;  // no way to say anything; the session will not find the operators
  return guarded(api, {}, [&] {
    refuse(kRuntimeCode, std::string("onnxruntime ") + base->GetVersionString() +
                             " is too old for fmpass · hint: install onnxruntime 1.18 or newer");
  });
}

}  // namespace
}  // namespace fm::ops

extern "C" FM_EXPORT fm::ort::Status* RegisterCustomOps(fm::ort::SessionOptions* options,
                                                        const fm::ort::ApiBase* base) {
  using namespace fm;
  using namespace fm::ops;
  // Asking for a version that a runtime does not have makes it print to stderr, so its version
  // string comes first.
  const uint32_t minor = ort::minor_of(base->GetVersionString());
  if (minor < kOldestMinor) return too_old(base, minor);
  const ort::Api api(base->GetApi(ort::kApiVersion));
  if (!api) return nullptr;
  return guarded(api, {}, [&] {
    // A domain that is added twice makes every session of these options fail, and people do
    // register twice: by hand and through fmpass.make_session.
    int registered = 0;
    check(api.call<ort::slot::HasSessionConfigEntry>(options, kRegisteredKey, &registered));
    if (registered != 0) return;
    check(api.call<ort::slot::AddCustomOpDomain>(options, domain_of(base, api)));
    check(api.call<ort::slot::AddSessionConfigEntry>(options, kRegisteredKey, "1"));
  });
}
