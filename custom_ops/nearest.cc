#include "nearest.hpp"

#include <algorithm>

namespace fm {

size_t name_distance(std::string_view a, std::string_view b) {
  constexpr size_t kMost = 64;
  a = a.substr(0, kMost);
  b = b.substr(0, kMost);
  size_t rows[3][kMost + 1];
  size_t *before = rows[0], *last = rows[1], *now = rows[2];
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitution = last[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    size_t* const spare = before;
    before = last;
    last = now;
    now = spare;
  }
  return last[b.size()];
}

}  // namespace fm
