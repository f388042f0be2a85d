#include "dtypes.hpp"

namespace fm {
namespace {

constexpr DType kDTypes[] = {
    {1, "float32", 32, Kind::kFloat},
    {2, "uint8", 8, Kind::kUint},
    {3, "int8", 8, Kind::kInt},
    {4, "uint16", 16, Kind::kUint},
    {5, "int16", 16, Kind::kInt},
    {6, "int32", 32, Kind::kInt},
    {7, "int64", 64, Kind::kInt},
    {9, "bool", 8, Kind::kBool},
    {10, "float16", 16, Kind::kFloat},
    {11, "float64", 64, Kind::kFloat},
    {12, "uint32", 32, Kind::kUint},
    {13, "uint64", 64, Kind::kUint},
    {16, "bfloat16", 16, Kind::kFloat},
    {17, "float8e4m3fn", 8, Kind::kFloat},
    {18, "float8e4m3fnuz", 8, Kind::kFloat},
    {19, "float8e5m2", 8, Kind::kFloat},
    {20, "float8e5m2fnuz", 8, Kind::kFloat},
    {21, "uint4", 4, Kind::kUint},
    {22, "int4", 4, Kind::kInt},
};

}  // namespace

const DType* find_dtype(int onnx) {
  for (const DType& type : kDTypes) {
    if (type.onnx == onnx) return &type;
  }
  return nullptr;
}

}  // namespace fm
