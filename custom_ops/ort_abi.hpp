// onnxruntime's C ABI as far as fmpass uses it, declared here because its wheels carry no header.
//
// OrtApi is a table of function pointers that only ever grows at its end, so a function is its
// index. Each `Slot` below is one entry: index and type. tests/runtime/test_abi.py compares every
// index, and the field order of `CustomOp`, with the official header wherever one is installed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fm::ort {

// Opaque to us, as in the official header.
struct Allocator;
struct CustomOpDomain;
struct Env;
struct KernelContext;
struct KernelInfo;
struct MemoryInfo;
struct OpAttr;
struct RunOptions;
struct Session;
struct SessionOptions;
struct ShapeInferContext;
struct Status;
struct TensorInfo;  // OrtTensorTypeAndShapeInfo
struct TypeInfo;
struct Value;
struct CustomOp;

// Numbers of the enums that are used. Element types are those of TensorProto.DataType.
inline constexpr int kFail = 1, kInvalidArgument = 2, kRuntimeException = 6, kInvalidGraph = 10;
inline constexpr int kUndefinedType = 0, kUint8 = 2;
inline constexpr int kRequired = 0, kOptional = 1, kVariadic = 2;
inline constexpr int kAttrInt = 1, kAttrInts = 2;
inline constexpr int kArenaAllocator = 1, kMemTypeDefault = 0, kLogWarning = 2;

template <int Index, class Function>
struct Slot {
  static constexpr int index = Index;
  using Type = Function;
};

namespace slot {
// Errors.
using CreateStatus = Slot<0, Status*(int code, const char* text)>;
using GetErrorMessage = Slot<2, const char*(const Status*)>;
using ReleaseStatus = Slot<93, void(Status*)>;
// Registration of operators.
using CreateCustomOpDomain = Slot<26, Status*(const char* name, CustomOpDomain** out)>;
using CustomOpDomain_Add = Slot<27, Status*(CustomOpDomain*, const CustomOp*)>;
using AddCustomOpDomain = Slot<28, Status*(SessionOptions*, CustomOpDomain*)>;
using ReleaseCustomOpDomain = Slot<101, void(CustomOpDomain*)>;
using AddSessionConfigEntry =
    Slot<130, Status*(SessionOptions*, const char* key, const char* value)>;
using HasSessionConfigEntry = Slot<237, Status*(const SessionOptions*, const char* key, int* out)>;
// Tensors.
using CreateTensorAsOrtValue =
    Slot<48, Status*(Allocator*, const int64_t* dims, size_t rank, int type, Value** out)>;
using GetTensorMutableData = Slot<51, Status*(Value*, void** out)>;
using CreateTensorTypeAndShapeInfo = Slot<57, Status*(TensorInfo** out)>;
using SetTensorElementType = Slot<58, Status*(TensorInfo*, int type)>;
using SetDimensions = Slot<59, Status*(TensorInfo*, const int64_t* dims, size_t rank)>;
using GetTensorElementType = Slot<60, Status*(const TensorInfo*, int* out)>;
using GetDimensionsCount = Slot<61, Status*(const TensorInfo*, size_t* out)>;
using GetDimensions = Slot<62, Status*(const TensorInfo*, int64_t* dims, size_t rank)>;
using GetTensorShapeElementCount = Slot<64, Status*(const TensorInfo*, size_t* out)>;
using GetTensorTypeAndShape = Slot<65, Status*(const Value*, TensorInfo** out)>;
using SetSymbolicDimensions = Slot<271, Status*(TensorInfo*, const char** names, size_t rank)>;
using ReleaseTensorTypeAndShapeInfo = Slot<99, void(TensorInfo*)>;
using CastTypeInfoToTensorInfo = Slot<55, Status*(const TypeInfo*, const TensorInfo** out)>;
using ReleaseTypeInfo = Slot<98, void(TypeInfo*)>;
using ReleaseValue = Slot<96, void(Value*)>;
// A node while its kernel is made. For strings and arrays `*size` is the room in, the need out.
using KernelInfoGetAttribute_int64 =
    Slot<86, Status*(const KernelInfo*, const char* name, int64_t*)>;
using KernelInfoGetAttribute_string =
    Slot<87, Status*(const KernelInfo*, const char* name, char* out, size_t* size)>;
using KernelInfoGetAttributeArray_int64 =
    Slot<163, Status*(const KernelInfo*, const char* name, int64_t* out, size_t* size)>;
using KernelInfo_GetInputCount = Slot<230, Status*(const KernelInfo*, size_t* out)>;
using KernelInfo_GetInputName =
    Slot<232, Status*(const KernelInfo*, size_t index, char* out, size_t* size)>;
using KernelInfo_GetInputTypeInfo =
    Slot<234, Status*(const KernelInfo*, size_t index, TypeInfo** out)>;
using KernelInfo_GetNodeName = Slot<244, Status*(const KernelInfo*, char* out, size_t* size)>;
// A kernel while it runs. Absent optional inputs and outputs give a null value.
using KernelContext_GetInputCount = Slot<88, Status*(const KernelContext*, size_t* out)>;
using KernelContext_GetOutputCount = Slot<89, Status*(const KernelContext*, size_t* out)>;
using KernelContext_GetInput =
    Slot<90, Status*(const KernelContext*, size_t index, const Value** out)>;
using KernelContext_GetOutput =
    Slot<91, Status*(KernelContext*, size_t index, const int64_t* dims, size_t rank, Value** out)>;
using KernelContext_ParallelFor =
    Slot<274, Status*(const KernelContext*, void (*task)(void*, size_t), size_t count,
                      size_t batches, void*)>;
// Shape inference.
using ShapeInferContext_GetAttribute =
    Slot<269, Status*(const ShapeInferContext*, const char* name, const OpAttr** out)>;
using ShapeInferContext_SetOutputTypeShape =
    Slot<270, Status*(ShapeInferContext*, size_t index, const TensorInfo*)>;
using ReadOpAttr =
    Slot<272, Status*(const OpAttr*, int type, void* out, size_t nbytes, size_t* needed)>;
// Sessions: used by programs that embed onnxruntime without its header (examples/cpp).
using CreateEnv = Slot<3, Status*(int log_level, const char* log_id, Env** out)>;
#ifdef _WIN32
using PathChar = wchar_t;
#else
using PathChar = char;
#endif
using CreateSession =
    Slot<7, Status*(const Env*, const PathChar* model, const SessionOptions*, Session** out)>;
using Run = Slot<9, Status*(Session*, const RunOptions*, const char* const* input_names,
                            const Value* const* inputs, size_t input_count,
                            const char* const* output_names, size_t output_count, Value** out)>;
using CreateSessionOptions = Slot<10, Status*(SessionOptions** out)>;
using SetIntraOpNumThreads = Slot<24, Status*(SessionOptions*, int threads)>;
using SessionGetInputCount = Slot<30, Status*(const Session*, size_t* out)>;
using SessionGetOutputCount = Slot<31, Status*(const Session*, size_t* out)>;
using SessionGetInputTypeInfo = Slot<33, Status*(const Session*, size_t index, TypeInfo** out)>;
using SessionGetInputName = Slot<36, Status*(const Session*, size_t index, Allocator*, char** out)>;
using SessionGetOutputName =
    Slot<37, Status*(const Session*, size_t index, Allocator*, char** out)>;
using AllocatorFree = Slot<76, Status*(Allocator*, void*)>;
using GetAllocatorWithDefaultOptions = Slot<78, Status*(Allocator** out)>;
using ReleaseEnv = Slot<92, void(Env*)>;
using ReleaseSession = Slot<95, void(Session*)>;
using ReleaseSessionOptions = Slot<100, void(SessionOptions*)>;
using RegisterCustomOpsLibrary_V2 = Slot<228, Status*(SessionOptions*, const PathChar* library)>;
}  // namespace slot

// The table for one API version. `api.call<slot::Name>(…)` is typed; a wrong argument does not
// compile.
class Api {
 public:
  Api() = default;
  explicit Api(const void* table) : table_(static_cast<const Entry*>(table)) {}
  explicit operator bool() const { return table_ != nullptr; }

  template <class S, class... Arguments>
  auto call(Arguments... arguments) const {
    return reinterpret_cast<typename S::Type*>(table_[S::index])(arguments...);
  }

 private:
  using Entry = void (*)();
  const Entry* table_ = nullptr;
};

// What OrtGetApiBase() returns. GetApi gives null, after a line on stderr, for a version newer than
// the runtime.
struct ApiBase {
  const void* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

// The newest API version whose slots are used; every later runtime still serves it.
inline constexpr uint32_t kApiVersion = 18;

// Minor number of a version string "1.MINOR.…", 0 where it reads differently; a later major counts
// as newest.
inline uint32_t minor_of(const char* version) {
  if (version == nullptr || *version < '1' || *version > '9') return 0;
  if (version[0] != '1' || version[1] != '.') return kApiVersion;
  uint32_t minor = 0;
  for (const char* digit = version + 2; *digit >= '0' && *digit <= '9' && minor < 100000; ++digit)
    minor = minor * 10 + static_cast<uint32_t>(*digit - '0');
  return minor;
}

// OrtCustomOp with the fields of version 18. The comment says from which `version` a runtime reads
// the fields below it.
struct CustomOp {
  uint32_t version;
  void* (*CreateKernel)(const CustomOp*, const void* api, const KernelInfo*);
  const char* (*GetName)(const CustomOp*);
  const char* (*GetExecutionProviderType)(const CustomOp*);
  int (*GetInputType)(const CustomOp*, size_t);
  size_t (*GetInputTypeCount)(const CustomOp*);
  int (*GetOutputType)(const CustomOp*, size_t);
  size_t (*GetOutputTypeCount)(const CustomOp*);
  void (*KernelCompute)(void* kernel, KernelContext*);
  void (*KernelDestroy)(void* kernel);
  int (*GetInputCharacteristic)(const CustomOp*, size_t);  // 8
  int (*GetOutputCharacteristic)(const CustomOp*, size_t);
  int (*GetInputMemoryType)(const CustomOp*, size_t);  // 13
  int (*GetVariadicInputMinArity)(const CustomOp*);    // 14
  int (*GetVariadicInputHomogeneity)(const CustomOp*);
  int (*GetVariadicOutputMinArity)(const CustomOp*);
  int (*GetVariadicOutputHomogeneity)(const CustomOp*);
  Status* (*CreateKernelV2)(const CustomOp*, const void* api, const KernelInfo*,
                            void** kernel);  // 16
  Status* (*KernelComputeV2)(void* kernel, KernelContext*);
  Status* (*InferOutputShapeFn)(const CustomOp*, ShapeInferContext*);  // 17
  int (*GetStartVersion)(const CustomOp*);
  int (*GetEndVersion)(const CustomOp*);
  size_t (*GetMayInplace)(int** inputs, int** outputs);  // 18
  void (*ReleaseMayInplace)(int* inputs, int* outputs);
  size_t (*GetAliasMap)(int** inputs, int** outputs);
  void (*ReleaseAliasMap)(int* inputs, int* outputs);
};

}  // namespace fm::ort
