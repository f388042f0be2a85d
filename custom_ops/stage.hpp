// What a stage's kernel.hpp gives: its name, its fields, and plain functions over spans.
//
// Kernels neither allocate nor throw, and stay inside the spans that they are handed whatever the
// bytes are. They are compiled once for each SIMD level, with that level's instructions. Therefore
// nothing that a kernel includes may define a function with external linkage: the linker would keep
// one copy of it, perhaps the AVX-512 one, and the scalar level would run it. So: no std::
// templates, no member functions, no defaults in structs; free functions are static or anonymous.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dtypes.hpp"

namespace fm {

enum class FieldType : uint8_t { kInt, kFloat, kBool, kIntOrNone };

// A field's value: `i` for integers and booleans (0, 1), `f` for floats.
struct Value {
  bool none;
  int64_t i;
  double f;
};

struct Field {
  const char* name;
  FieldType type;
  Value fallback;  // the default
  Value min;       // inclusive; `none` where there is no limit
  Value max;
  const int64_t* choices;  // null, or the only values of an integer
  size_t choice_count;
};

static constexpr size_t kMaxFields = 8;

// Values in the order of the stage's fields.
struct Params {
  Value values[kMaxFields];
};

static constexpr Value int_value(int64_t i) { return {false, i, 0.0}; }
static constexpr Value float_value(double f) { return {false, 0, f}; }
static constexpr Value no_value() { return {true, 0, 0.0}; }

struct Shape {
  const int64_t* dims;
  int rank;
  size_t elements;
};

// Returned by Coder::encode where the code does not fit.
static constexpr size_t kNoFit = SIZE_MAX;

// Functions that can refuse return null when all is well, else a static text saying what is wrong.
using Refusal = const char*;

// Words in, bytes out, one block at a time. `words` are little-endian and need no alignment.
struct Coder {
  Refusal (*rejects)(const Params&, WordType);

  // Optional: the exact size of the code, where finding it costs far less than coding. The
  // container then codes straight into the payload instead of into scratch memory.
  size_t (*measure)(const Params&, WordType, const uint8_t* words, size_t count);

  // No code of `count` words is shorter. A reader asks before it allocates what a header claims.
  size_t (*least_nbytes)(const Params&, WordType, size_t count);

  // Returns the size, or kNoFit once the code passes `capacity` bytes; writes nothing beyond them.
  size_t (*encode)(const Params&, WordType, const uint8_t* words, size_t count, uint8_t* code,
                   size_t capacity);

  // Writes `count` words, or refuses any `code` that is not exactly one block of so many.
  Refusal (*decode)(const Params&, WordType, const uint8_t* code, size_t nbytes, uint8_t* words,
                    size_t count);
};

// Tensor in, integers of the same shape out, and side data that the decoder needs.
struct Transform {
  // rank −1: not known yet.
  Refusal (*rejects)(const Params&, const DType&, int rank);
  // TensorProto.DataType of the integers.
  int (*output_dtype)(const Params&, const DType&);
  size_t (*side_nbytes)(const Params&, const DType&, const Shape&);
  // Fills the side data from the whole tensor.
  void (*gather)(const Params&, const DType&, const Shape&, const uint8_t* data, uint8_t* side);
  // Refuses side data that no encoder writes; every other function may rely on it.
  Refusal (*check_side)(const Params&, const DType&, const Shape&, const uint8_t* side);

  // An elementwise transform is called for any run of elements [begin, begin + count), `data` and
  // `integers` pointing at its first one: it then works block by block in small scratch. One that
  // mixes elements (DCT, KLT, DWT) is called once with begin 0 and all elements. A kernel that
  // fuses a transform and a coder can stand in for forward+encode or decode+inverse of one block.
  bool elementwise;
  void (*forward)(const Params&, const DType&, const Shape&, const uint8_t* side,
                  const uint8_t* data, size_t begin, size_t count, uint8_t* integers);
  void (*inverse)(const Params&, const DType&, const Shape&, const uint8_t* side,
                  const uint8_t* integers, size_t begin, size_t count, uint8_t* data);
};

// A block of a feature map: channels × rows × columns of words that lie anywhere in a tensor.
struct Tile {
  uint32_t first_channel;  // of the map
  uint32_t channels;
  uint32_t rows;
  uint32_t columns;
  size_t channel_stride;  // in words
  size_t row_stride;
  size_t column_stride;
};

// Words of feature maps in, bytes out, one tile at a time: a coder that looks at neighbours, which a
// flat run of words does not show. What it knows beforehand is its model: calibrated, or fitted to
// the tensor and sent with it. One without a model leaves `fit` and `open` null.
struct MapCoder {
  // Channels that it takes at a time: a tile has a multiple of so many, or all there are.
  uint32_t lanes;
  // Words of a tile where the caller does not say.
  uint32_t block_words;
  // A tile of fewer channels takes as much memory as one of so many.
  uint32_t least_channels;

  Refusal (*rejects)(const Params&, const DType&);
  // The axis that holds the channels, counted from the last: −3, −2 or −1.
  int (*channel_axis)(const Params&);

  // The model of a whole tensor; `maps` says how many maps behind each other `tile` stands for.
  // Writes at most model_nbytes() bytes and returns how many.
  size_t (*model_nbytes)(const Params&, const DType&, const Tile&);
  size_t (*fit_scratch_nbytes)(const Params&, const DType&, const Tile&);
  size_t (*fit)(const Params&, const DType&, const uint8_t* words, const Tile&, size_t maps,
                size_t map_stride, uint8_t* scratch, uint8_t* model);
  // Checks any bytes and expands them into opened_nbytes(), which encode and decode read.
  size_t (*opened_nbytes)(const Params&, const DType&, const uint8_t* model, size_t nbytes);
  Refusal (*open)(const Params&, const DType&, const uint8_t* model, size_t nbytes,
                  uint8_t* opened);
  // Whether an opened model is one for maps of so many channels.
  bool (*serves)(const uint8_t* opened, size_t channels);

  size_t (*scratch_nbytes)(const Params&, const DType&, const Tile&);
  // As those of Coder. `scratch` is aligned to 64 bytes and holds anything.
  size_t (*least_nbytes)(const Params&, const DType&, const Tile&);
  size_t (*encode)(const Params&, const DType&, const uint8_t* opened, const uint8_t* words,
                   const Tile&, uint8_t* scratch, uint8_t* code, size_t capacity);
  Refusal (*decode)(const Params&, const DType&, const uint8_t* opened, const uint8_t* code,
                    size_t nbytes, uint8_t* scratch, uint8_t* words, const Tile&);
};

// One of `coder`, `transform` and `map_coder` is set.
struct Stage {
  const char* name;
  uint16_t format_id;
  const Field* fields;
  size_t field_count;
  const Coder* coder;
  const Transform* transform;
  const MapCoder* map_coder;
};

}  // namespace fm
