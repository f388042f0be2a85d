#include "samples.hpp"

#include <cstring>
#include <random>

#include "container.hpp"
#include "numbers.hpp"
#include "simd/level.hpp"

namespace fm::tests {
namespace {

std::string number(const Field& field, const Value& value) {
  return field.type == FieldType::kFloat ? decimal_text(value.f) : std::to_string(value.i);
}

// The stage at its defaults, then with one field at a time at each of its extremes.
std::vector<std::string> variants(const Stage& stage) {
  const std::string name = stage.name;
  std::vector<std::string> found = {name};
  for (size_t i = 0; i < stage.field_count; ++i) {
    const Field& field = stage.fields[i];
    const auto with = [&](const std::string& value) {
      found.push_back(name + "{" + field.name + "=" + value + "}");
    };
    for (size_t c = 0; c < field.choice_count; ++c) with(std::to_string(field.choices[c]));
    if (field.type == FieldType::kBool) with(field.fallback.i != 0 ? "false" : "true");
    if (field.type == FieldType::kFloat) with("0.25");
    if (field.type == FieldType::kIntOrNone) {
      with("0");
      if (field.min.none) with("-1");
      with("3");
    }
    if (!field.min.none) with(number(field, field.min));
    if (!field.max.none) with(number(field, field.max));
  }
  return found;
}

}  // namespace

std::vector<std::string> sample_chains() {
  const Level& level = active_level();
  std::vector<std::string> coders, chains, transforms;
  for (size_t i = 0; i < level.stage_count; ++i) {
    const std::vector<std::string> found = variants(*level.stages[i]);
    std::vector<std::string>& to = level.stages[i]->transform != nullptr ? transforms : chains;
    to.insert(to.end(), found.begin(), found.end());
    if (level.stages[i]->transform == nullptr) coders.push_back(level.stages[i]->name);
  }
  const size_t alone = chains.size();
  for (const std::string& transform : transforms) {
    for (const std::string& coder : coders) chains.push_back(transform + "|" + coder);
  }
  if (!transforms.empty()) {
    chains.push_back(transforms[0] + "|" + transforms.back() + "|" + chains[alone - 1]);
  }
  return chains;
}

std::vector<int> sample_dtypes() {
  std::vector<int> found;
  for (int onnx = 0; onnx < 64; ++onnx) {
    if (find_dtype(onnx) != nullptr) found.push_back(onnx);
  }
  return found;
}

std::string Tensor::text() const {
  std::string out = find_dtype(dtype)->name;
  for (const int64_t dim : dims) out.append(" ").append(std::to_string(dim));
  return out;
}

Tensor make_tensor(int dtype, std::vector<int64_t> dims, Fill fill, uint32_t seed) {
  std::mt19937 random(seed);
  uint64_t elements = 1;
  for (const int64_t dim : dims) elements *= static_cast<uint64_t>(dim);
  const DType& type = *find_dtype(dtype);
  Tensor tensor{dtype, std::move(dims), {}};
  tensor.data.resize(static_cast<size_t>(tensor_nbytes(type, elements)));
  if (fill == Fill::kZeros) return tensor;
  const size_t width = word_type(type).bits / 8u;
  uint64_t walk = 100;
  for (size_t at = 0; at + width <= tensor.data.size(); at += width) {
    uint64_t word = uint64_t{random()} << 32 | random();
    const unsigned dice = static_cast<unsigned>(random() % 100);
    if (fill == Fill::kSparse && dice < 70) word = 0;
    if (fill == Fill::kDense && dice < 10) word = 0;
    if (fill == Fill::kSmooth) word = dice < 40 ? 0 : walk += dice % 5 - 2;
    std::memcpy(&tensor.data[at], &word, width);
  }
  return tensor;
}

std::vector<uint8_t> encode(const std::string& chain, const Tensor& tensor, uint32_t block_words,
                            bool self_contained, Failure* why) {
  Failure local;
  if (why == nullptr) why = &local;
  Chain parsed;
  if (Chain::parse(chain.c_str(), &parsed, why) != FM_OK) return {};
  Encoder encoder;
  const Runner runner;
  const int rank = static_cast<int>(tensor.dims.size());
  if (encoder.run(parsed, tensor.dtype, tensor.dims.data(), rank, tensor.data.data(), block_words,
                  self_contained, nullptr, runner, why) != FM_OK) {
    return {};
  }
  std::vector<uint8_t> payload(encoder.nbytes());
  encoder.write(payload.data(), runner);
  return payload;
}

std::vector<uint8_t> decode(const char* chain, const std::vector<uint8_t>& payload, size_t nbytes,
                            Failure* why) {
  Failure local;
  if (why == nullptr) why = &local;
  std::vector<uint8_t> out(nbytes);
  Chain parsed;
  if (chain != nullptr && Chain::parse(chain, &parsed, why) != FM_OK) return {};
  const int code = fm::decode(chain != nullptr ? &parsed : nullptr, payload.data(), payload.size(),
                              out.data(), nbytes, nullptr, Runner(), why);
  if (code != FM_OK) out.clear();
  return out;
}

}  // namespace fm::tests
