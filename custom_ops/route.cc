#include "route.hpp"

#include "c_api.h"
#include "float_mode.hpp"

namespace fm {
namespace {

constexpr size_t kRunElements = 65536;  // of one task when a transform runs over a whole tensor

}  // namespace

uint32_t default_block_words(const Chain& chain) {
  const MapCoder* map_coder = active_level().stages[chain.coder().stage]->map_coder;
  return map_coder != nullptr ? map_coder->block_words : uint32_t{FM_DEFAULT_BLOCK_WORDS};
}

Route plan_route(const Chain& chain, int dtype, const int64_t* dims, int rank, uint64_t elements,
                 uint32_t block_words, const uint32_t* extents) {
  Route route{};
  route.chain = &chain;
  route.level = &active_level();
  route.shape = {dims, rank, static_cast<size_t>(elements)};
  route.types[0] = find_dtype(dtype);
  for (size_t i = 0; i < chain.transforms(); ++i) {
    const Params& params = chain.transform(i).params;
    const DType& type = *route.types[i];
    route.side_begin[i + 1] =
        route.side_begin[i] + route.transform(i).side_nbytes(params, type, route.shape);
    route.types[i + 1] = find_dtype(route.transform(i).output_dtype(params, type));
  }
  route.word = word_type(route.last_type());
  route.word_nbytes = route.word.bits / 8u;
  route.words = tensor_nbytes(route.last_type(), route.shape.elements) / route.word_nbytes;
  route.map_coder = route.level->stages[chain.coder().stage]->map_coder;
  if (route.map_coder == nullptr) {
    route.block_words = block_words;
    route.blocks = (route.words + block_words - 1) / block_words;
    return route;
  }
  const MapView view =
      view_of(dims, rank, route.words, route.map_coder->channel_axis(route.coder_params()));
  uint32_t chosen[3];
  if (extents == nullptr) choose_extents(view, *route.map_coder, block_words, chosen);
  route.grid = grid_of(view, extents != nullptr ? extents : chosen);
  route.blocks = route.grid.tiles;
  return route;
}

size_t Route::least_nbytes(size_t block) const {
  if (map_coder == nullptr) return coder().least_nbytes(coder_params(), word, words_of(block));
  size_t begin = 0;
  return map_coder->least_nbytes(coder_params(), last_type(), grid.tile(block, &begin));
}

void Route::elements_of(size_t first, size_t count, size_t* begin, size_t* elements) const {
  const size_t per_word = word.bits / last_type().bits;
  *begin = first * per_word;
  const size_t left = shape.elements - *begin;
  *elements = count * per_word < left ? count * per_word : left;
}

void Route::forward(size_t i, const uint8_t* side, const uint8_t* data, uint8_t* integers,
                    const Runner& runner) const {
  const DType &from = *types[i], &to = *types[i + 1];
  const size_t run = transform(i).elementwise ? kRunElements : shape.elements;
  auto body = [&](size_t index) {
    const StandardFloatMode mode;
    const size_t begin = index * run, left = shape.elements - begin;
    transform(i).forward(chain->transform(i).params, from, shape, side + side_begin[i],
                         data + tensor_nbytes(from, begin), begin, left < run ? left : run,
                         integers + tensor_nbytes(to, begin));
  };
  if (shape.elements > 0) run_parallel(runner, (shape.elements + run - 1) / run, body);
}

void Route::inverse(size_t i, const uint8_t* side, const uint8_t* integers, uint8_t* data,
                    const Runner& runner) const {
  const DType &from = *types[i + 1], &to = *types[i];
  const size_t run = transform(i).elementwise ? kRunElements : shape.elements;
  auto body = [&](size_t index) {
    const StandardFloatMode mode;
    const size_t begin = index * run, left = shape.elements - begin;
    transform(i).inverse(chain->transform(i).params, to, shape, side + side_begin[i],
                         integers + tensor_nbytes(from, begin), begin, left < run ? left : run,
                         data + tensor_nbytes(to, begin));
  };
  if (shape.elements > 0) run_parallel(runner, (shape.elements + run - 1) / run, body);
}

}  // namespace fm
