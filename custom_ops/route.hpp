// The way of one tensor through a chain: element types between stages, side data, words, blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "chain.hpp"
#include "grid.hpp"
#include "runner.hpp"
#include "simd/level.hpp"

namespace fm {

// Fixed by chain, element type and shape; encoder and decoder both follow it.
struct Route {
  const Chain* chain;
  const Level* level;
  Shape shape;
  const DType* types[Chain::kMaxStages];  // types[0] the tensor's, types[i] after transform i−1
  size_t side_begin[Chain::kMaxStages + 1];  // of transform i in the side data; then the total
  WordType word;
  size_t word_nbytes;
  size_t words;
  size_t block_words;  // of a flat coder; the extent of a block is `grid`'s where it is a map coder
  size_t blocks;
  const MapCoder* map_coder;  // or null
  Grid grid;

  const Transform& transform(size_t i) const {
    return *level->stages[chain->transform(i).stage]->transform;
  }
  const Coder& coder() const { return *level->stages[chain->coder().stage]->coder; }
  const Params& coder_params() const { return chain->coder().params; }
  const DType& last_type() const { return *types[chain->transforms()]; }
  // Whether the last transform works on a block at a time, next to the coder.
  bool per_block() const {
    return map_coder == nullptr && chain->transforms() > 0 &&
           transform(chain->transforms() - 1).elementwise;
  }
  // Words of all blocks before this one.
  size_t words_before(size_t block) const {
    if (map_coder != nullptr) return grid.words_before(block);
    return block < blocks ? block * block_words : words;
  }
  size_t words_of(size_t block) const { return words_before(block + 1) - words_before(block); }
  // No code of the block is shorter.
  size_t least_nbytes(size_t block) const;

  // Elements of the last type that words [first, first + count) hold.
  void elements_of(size_t first, size_t count, size_t* begin, size_t* elements) const;

  // Transform i over the whole tensor, in parallel where it is elementwise.
  void forward(size_t i, const uint8_t* side, const uint8_t* data, uint8_t* integers,
               const Runner& runner) const;
  void inverse(size_t i, const uint8_t* side, const uint8_t* integers, uint8_t* data,
               const Runner& runner) const;
};

// Words of a block where the caller does not say.
uint32_t default_block_words(const Chain& chain);

// The chain must have passed Chain::check for this type and rank; `dims` must outlive the route.
// `extents` are those of a payload: three for a map coder, else one; null lets a map coder choose
// its own for `block_words`.
Route plan_route(const Chain& chain, int dtype, const int64_t* dims, int rank, uint64_t elements,
                 uint32_t block_words, const uint32_t* extents);

// Calls body(i) for every i < count through the runner.
template <class Body>
void run_parallel(const Runner& runner, size_t count, Body& body) {
  runner.run([](void* context, size_t index) { (*static_cast<Body*>(context))(index); }, count,
             &body);
}

}  // namespace fm
