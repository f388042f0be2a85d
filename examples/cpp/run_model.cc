// Runs an ONNX model with fmpass operators from plain C++, without onnxruntime's headers.
//
//   run_model LIBONNXRUNTIME LIBFMPASS_OPS MODEL.onnx [SEED]
//
// Opens the two shared libraries, feeds zeros (or, with a seed, small random numbers) and prints
// each output's type, shape and a checksum of its bytes. Dimensions that the model leaves open
// become 1. Build:
//
//   c++ -std=c++20 -I custom_ops examples/cpp/run_model.cc -ldl -o run_model
#include <dlfcn.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "ort_abi.hpp"

namespace ort = fm::ort;
namespace slot = fm::ort::slot;

namespace {

ort::Api api;

void check(ort::Status* status) {
  if (status == nullptr) return;
  const std::string text = api.call<slot::GetErrorMessage>(status);
  api.call<slot::ReleaseStatus>(status);
  throw std::runtime_error(text);
}

// Calls a getter whose last argument is where the result goes.
template <class Result, class S, class... Arguments>
Result get(Arguments... arguments) {
  Result result{};
  check(api.call<S>(arguments..., &result));
  return result;
}

const ort::ApiBase* open_runtime(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  auto* base = reinterpret_cast<const ort::ApiBase* (*)()>(dlsym(library, "OrtGetApiBase"));
  if (base == nullptr)
    throw std::runtime_error(std::string(path) + " does not export OrtGetApiBase");
  return base();
}

struct Tensor {
  int type = 0;
  std::vector<int64_t> dims;
};

Tensor describe(const ort::TensorInfo* info) {
  Tensor tensor;
  tensor.type = get<int, slot::GetTensorElementType>(info);
  tensor.dims.resize(get<size_t, slot::GetDimensionsCount>(info));
  check(api.call<slot::GetDimensions>(info, tensor.dims.data(), tensor.dims.size()));
  return tensor;
}

uint8_t* bytes_of(ort::Value* value) {
  return static_cast<uint8_t*>(get<void*, slot::GetTensorMutableData>(value));
}

// Bits of an element by TensorProto.DataType; 0 for types that this example does not feed or print.
unsigned bits_of(int type) {
  static constexpr unsigned kBits[] = {0,  32, 8, 8, 16, 16, 32, 64, 0, 8, 16, 64,
                                       32, 64, 0, 0, 16, 8,  8,  8,  8, 4, 4};
  return type >= 0 && type < static_cast<int>(sizeof kBits / sizeof *kBits) ? kBits[type] : 0;
}

size_t nbytes_of(const Tensor& tensor) {
  size_t elements = 1;
  for (const int64_t dim : tensor.dims) elements *= static_cast<size_t>(dim);
  return (elements * bits_of(tensor.type) + 7) / 8;
}

// Multiples of 1/8 between -1 and 1 for float32, else zeros and ones; a seed of 0 leaves zeros.
void fill(const Tensor& tensor, uint8_t* data, uint32_t seed) {
  std::memset(data, 0, nbytes_of(tensor));
  if (seed == 0) return;
  const size_t width = bits_of(tensor.type) / 8;
  for (size_t i = 0; width > 0 && i < nbytes_of(tensor) / width; ++i) {
    seed = seed * 1664525u + 1013904223u;
    const auto random = static_cast<int>(seed >> 28);
    if (tensor.type == 1) {
      const float value = static_cast<float>(random - 8) / 8.0f;
      std::memcpy(data + i * width, &value, width);
    } else if (tensor.type != 10 && tensor.type != 11 && tensor.type < 14) {
      data[i * width] = static_cast<uint8_t>(random & 1);
    }
  }
}

uint64_t fnv1a(const uint8_t* data, size_t nbytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < nbytes; ++i) hash = (hash ^ data[i]) * 0x100000001b3u;
  return hash;
}

template <class S>
std::string name_of(const ort::Session* session, size_t index, ort::Allocator* allocator) {
  char* name = get<char*, S>(session, index, allocator);
  const std::string copy = name;
  check(api.call<slot::AllocatorFree>(allocator, static_cast<void*>(name)));
  return copy;
}

ort::Value* make_input(const ort::Session* session, size_t index, ort::Allocator* allocator,
                       uint32_t seed) {
  ort::TypeInfo* type = get<ort::TypeInfo*, slot::SessionGetInputTypeInfo>(session, index);
  Tensor tensor = describe(get<const ort::TensorInfo*, slot::CastTypeInfoToTensorInfo>(
      static_cast<const ort::TypeInfo*>(type)));
  api.call<slot::ReleaseTypeInfo>(type);
  for (int64_t& dim : tensor.dims) dim = dim < 0 ? 1 : dim;
  auto* value = get<ort::Value*, slot::CreateTensorAsOrtValue>(
      allocator, static_cast<const int64_t*>(tensor.dims.data()), tensor.dims.size(), tensor.type);
  fill(tensor, bytes_of(value), seed);
  return value;
}

void print(const std::string& name, ort::Value* value) {
  auto* info =
      get<ort::TensorInfo*, slot::GetTensorTypeAndShape>(static_cast<const ort::Value*>(value));
  const Tensor tensor = describe(info);
  api.call<slot::ReleaseTensorTypeAndShapeInfo>(info);
  std::string shape;
  for (const int64_t dim : tensor.dims) shape += (shape.empty() ? "" : ",") + std::to_string(dim);
  const uint64_t sum = fnv1a(bytes_of(value), nbytes_of(tensor));
  std::printf("%s type=%d shape=[%s] fnv1a=%016" PRIx64 "\n", name.c_str(), tensor.type,
              shape.c_str(), sum);
}

void run(const char* library, const char* model, uint32_t seed) {
  auto* env = get<ort::Env*, slot::CreateEnv>(ort::kLogWarning, "fmpass");
  auto* options = get<ort::SessionOptions*, slot::CreateSessionOptions>();
  check(api.call<slot::RegisterCustomOpsLibrary_V2>(options, library));
  auto* session = get<ort::Session*, slot::CreateSession>(env, model, options);
  auto* allocator = get<ort::Allocator*, slot::GetAllocatorWithDefaultOptions>();

  std::vector<std::string> names;
  std::vector<const ort::Value*> inputs;
  const size_t input_count = get<size_t, slot::SessionGetInputCount>(session);
  for (size_t i = 0; i < input_count; ++i) {
    names.push_back(name_of<slot::SessionGetInputName>(session, i, allocator));
    inputs.push_back(make_input(session, i, allocator, seed));
  }
  const size_t output_count = get<size_t, slot::SessionGetOutputCount>(session);
  for (size_t i = 0; i < output_count; ++i)
    names.push_back(name_of<slot::SessionGetOutputName>(session, i, allocator));
  std::vector<const char*> raw;
  for (const std::string& name : names) raw.push_back(name.c_str());
  std::vector<ort::Value*> outputs(output_count, nullptr);
  check(api.call<slot::Run>(session, nullptr, raw.data(), inputs.data(), input_count,
                            raw.data() + input_count, output_count, outputs.data()));
  for (size_t i = 0; i < output_count; ++i) print(names[input_count + i], outputs[i]);

  for (const ort::Value* value : inputs)
    api.call<slot::ReleaseValue>(const_cast<ort::Value*>(value));
  for (ort::Value* value : outputs) api.call<slot::ReleaseValue>(value);
  api.call<slot::ReleaseSession>(session);
  api.call<slot::ReleaseSessionOptions>(options);
  api.call<slot::ReleaseEnv>(env);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: %s LIBONNXRUNTIME LIBFMPASS_OPS MODEL.onnx [SEED]\n", argv[0]);
    return 2;
  }
  try {
    const ort::ApiBase* base = open_runtime(argv[1]);
    const uint32_t minor = ort::minor_of(base->GetVersionString());
    if (minor < ort::kApiVersion)
      throw std::runtime_error(std::string("onnxruntime ") + base->GetVersionString() +
                               " is too old");
    api = ort::Api(base->GetApi(ort::kApiVersion));
    std::printf("onnxruntime %s\n", base->GetVersionString());
    run(argv[2], argv[3],
        argc == 5 ? static_cast<uint32_t>(std::strtoul(argv[4], nullptr, 10)) : 0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
