#include "node.hpp"

#include <cstring>

#include "../simd/level.hpp"

namespace fm::ops {
namespace slot = ort::slot;

// The ABI has no "is there such an attribute", only a getter that fails. The text of a failure
// tells an attribute of another type from an absent one; both spellings are those of all known
// runtimes.
bool Attributes::absent(ort::Status* status, const char* name) const {
  if (status == nullptr) return false;
  const char* message = api_.call<slot::GetErrorMessage>(status);
  const bool other_type =
      std::strstr(message, "type") != nullptr && std::strstr(message, "match") != nullptr;
  api_.call<slot::ReleaseStatus>(status);
  if (other_type) refuse(kNodeCode, std::string("attribute '") + name + "' has the wrong type");
  return true;
}

std::optional<std::string> Attributes::text(const char* name) const {
  size_t size = 0;
  if (absent(api_.call<slot::KernelInfoGetAttribute_string>(info_, name, nullptr, &size), name))
    return std::nullopt;
  std::string value(size, '\0');
  check(api_.call<slot::KernelInfoGetAttribute_string>(info_, name, value.data(), &size));
  value.resize(size > 0 ? size - 1 : 0);  // the terminator is counted
  return value;
}

std::optional<int64_t> Attributes::integer(const char* name) const {
  int64_t value = 0;
  if (absent(api_.call<slot::KernelInfoGetAttribute_int64>(info_, name, &value), name))
    return std::nullopt;
  return value;
}

std::optional<std::vector<int64_t>> Attributes::integers(const char* name) const {
  size_t size = 0;
  if (absent(api_.call<slot::KernelInfoGetAttributeArray_int64>(info_, name, nullptr, &size), name))
    return std::nullopt;
  std::vector<int64_t> values(size);
  if (size > 0)
    check(api_.call<slot::KernelInfoGetAttributeArray_int64>(info_, name, values.data(), &size));
  return values;
}

std::string edge_of(ort::Api api, const ort::KernelInfo* info) {
  if (auto edge = Attributes(api, info).text("edge"); edge && !edge->empty()) return *edge;
  size_t size = 0;
  if (ort::Status* status = api.call<slot::KernelInfo_GetNodeName>(info, nullptr, &size)) {
    api.call<slot::ReleaseStatus>(status);
    return {};
  }
  std::string name(size, '\0');
  check(api.call<slot::KernelInfo_GetNodeName>(info, name.data(), &size));
  name.resize(size > 0 ? size - 1 : 0);
  return name;
}

Chain chain_of(const Attributes& attributes, int dtype, int rank) {
  const auto text = attributes.text("chain");
  if (!text) refuse(kNodeCode, "attribute 'chain' is missing");
  Chain chain;
  Failure why;
  if (Chain::parse(text->c_str(), text->size(), &chain, &why) != FM_OK)
    refuse(kChainCode, "chain '" + *text + "': " + why.text);
  if (dtype != ort::kUndefinedType && chain.check(dtype, rank, &why) != FM_OK)
    refuse(kChainCode, "chain '" + *text + "': " + why.text);
  return chain;
}

int resident_input(ort::Api api, const ort::KernelInfo* info, size_t first, const Chain& chain) {
  size_t count = 0;
  check(api.call<slot::KernelInfo_GetInputCount>(info, &count));
  int found = -1;
  for (size_t i = first; i < count; ++i) {
    size_t size = 0;
    check(api.call<slot::KernelInfo_GetInputName>(info, i, nullptr, &size));
    if (size <= 1) continue;  // one is the terminator of "", an input left out
    if (found >= 0) refuse(kNodeCode, "it has more than one input of resident data");
    found = static_cast<int>(i);
  }
  const MapCoder* coder = active_level().stages[chain.coder().stage]->map_coder;
  if (found >= 0 && (coder == nullptr || coder->open == nullptr))
    refuse(kNodeCode, "input " + std::to_string(found) +
                          " carries resident data, which no stage of the chain takes");
  return found;
}

int input_type(ort::Api api, const ort::KernelInfo* info, size_t index) {
  ort::TypeInfo* type = nullptr;
  if (ort::Status* status = api.call<slot::KernelInfo_GetInputTypeInfo>(info, index, &type)) {
    api.call<slot::ReleaseStatus>(status);
    return ort::kUndefinedType;
  }
  const ort::TensorInfo* tensor = nullptr;
  int dtype = ort::kUndefinedType;
  ort::Status* status = api.call<slot::CastTypeInfoToTensorInfo>(type, &tensor);
  if (status == nullptr && tensor != nullptr)
    status = api.call<slot::GetTensorElementType>(tensor, &dtype);
  if (status != nullptr) api.call<slot::ReleaseStatus>(status);
  api.call<slot::ReleaseTypeInfo>(type);
  return dtype;
}

}  // namespace fm::ops
