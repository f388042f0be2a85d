#include <new>

#include "container.hpp"
#include "simd/level.hpp"

namespace fm {

int Resident::open(const Chain& chain, int dtype, const uint8_t* data, size_t nbytes, Resident* out,
                   Failure* why) {
  const Level& level = active_level();
  const Stage& stage = *level.stages[chain.coder().stage];
  if (stage.map_coder == nullptr || stage.map_coder->open == nullptr) {
    return fail(why, FM_E_CHAIN, "resident data: %s takes none", stage.name);
  }
  const DType* type = find_dtype(dtype);
  for (size_t i = 0; i < chain.transforms() && type != nullptr; ++i) {
    const Transform& step = *level.stages[chain.transform(i).stage]->transform;
    type = find_dtype(step.output_dtype(chain.transform(i).params, *type));
  }
  if (type == nullptr) return fail(why, FM_E_DTYPE, "dtype %d is not a type that travels", dtype);
  const Params& params = chain.coder().params;
  try {
    out->data_.assign(data, data + nbytes);
  } catch (const std::bad_alloc&) {
    return fail(why, FM_E_MEMORY, "no memory for %zu bytes", nbytes);
  }
  out->checksum_ = level.crc32c(data, nbytes);
  out->opened_ = allocate(stage.map_coder->opened_nbytes(params, *type, data, nbytes));
  if (out->opened_ == nullptr) return fail(why, FM_E_MEMORY, "no memory for the model");
  const Refusal refusal = stage.map_coder->open(params, *type, data, nbytes, out->opened_.get());
  if (refusal != nullptr) return fail(why, FM_E_CORRUPT, "model: %s", refusal);
  return FM_OK;
}

}  // namespace fm
