// Per-edge counters that the operators keep while fm_counters_enable() has them on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fm {

// 0 off, 1 count, 2 audit. Cheap enough to ask on every run of an operator.
int counters_mode();
void set_counters_mode(int mode);

// One run of FmCompress on `edge`. `mismatch`: audit decoded the payload to other bytes.
// Never throws; a call that cannot be recorded for want of memory is dropped.
void count_call(std::string_view edge, std::string_view chain, uint64_t elements,
                uint64_t payload_nbytes, bool mismatch);

void reset_counters();

// As fm_counters_json. Throws std::bad_alloc.
std::string counters_json();

}  // namespace fm
