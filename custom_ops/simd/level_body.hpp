// The body of one level's translation unit: every stage's kernel, compiled with that level's
// instructions inside an anonymous namespace. See stage.hpp for why nothing here may have external
// linkage but the one table at the end.
//
// Before including it a unit defines FM_LEVEL_SYMBOL, FM_LEVEL_NUMBER, FM_LEVEL_NAME and one of
// FM_SCALAR, FM_AVX2, FM_AVX512 (which implies FM_AVX2) and FM_NEON.
#pragma once

#include "crc32c.hpp"
#include "fm_stage_kernels.inc"  // generated: #include of every kernel.hpp
#include "level.hpp"

namespace fm {
namespace {

constexpr const Stage* kStages[] = {
#define FM_STAGE(name) &name::kStage,
#include "fm_stage_list.inc"  // generated: FM_STAGE(name) of every folder
#undef FM_STAGE
};

}  // namespace

extern const Level FM_LEVEL_SYMBOL = {FM_LEVEL_NUMBER, FM_LEVEL_NAME, kStages,
                                      sizeof kStages / sizeof kStages[0], &crc32c};

}  // namespace fm
