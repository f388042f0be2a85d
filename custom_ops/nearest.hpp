// The known name that a mistyped one most likely means.
#pragma once

#include <cstddef>
#include <string_view>

namespace fm {

// Number of insertions, deletions, substitutions and swaps of neighbours between two names
// (optimal string alignment). Names longer than 64 characters are compared by their first 64.
size_t name_distance(std::string_view a, std::string_view b);

}  // namespace fm
