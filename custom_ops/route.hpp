// The way of one tensor through a chain: element types between stages, side data, words, blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "chain.hpp"
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
  size_t block_words;
  size_t blocks;

  const Transform& transform(size_t i) const {
    return *level->stages[chain->transform(i).stage]->transform;
  }
  const Coder& coder() const { return *level->stages[chain->coder().stage]->coder; }
  const Params& coder_params() const { return chain->coder().params; }
  const DType& last_type() const { return *types[chain->transforms()]; }
  // Whether the last transform works on a block at a time, next to the coder.
  bool per_block() const {
    return chain->transforms() > 0 && transform(chain->transforms() - 1).elementwise;
  }
  size_t words_of(size_t block) const {
    const size_t left = words - block * block_words;
    return left < block_words ? left : block_words;
  }

  // Elements of the last type that words [first, first + count) hold.
  void elements_of(size_t first, size_t count, size_t* begin, size_t* elements) const;

  // Transform i over the whole tensor, in parallel where it is elementwise.
  void forward(size_t i, const uint8_t* side, const uint8_t* data, uint8_t* integers,
               const Runner& runner) const;
  void inverse(size_t i, const uint8_t* side, const uint8_t* integers, uint8_t* data,
               const Runner& runner) const;
};

// The chain must have passed Chain::check for this type and rank; `dims` must outlive the route.
Route plan_route(const Chain& chain, int dtype, const int64_t* dims, int rank, uint64_t elements,
                 uint32_t block_words);

// Calls body(i) for every i < count through the runner.
template <class Body>
void run_parallel(const Runner& runner, size_t count, Body& body) {
  runner.run([](void* context, size_t index) { (*static_cast<Body*>(context))(index); }, count,
             &body);
}

}  // namespace fm
