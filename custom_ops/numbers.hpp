// Numbers of chain texts: the same characters as Python reads and prints.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fm {

// -?[0-9]+ within 64 bits.
bool parse_integer(std::string_view text, int64_t* out);

// -?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?, correctly rounded; infinity where it is too large.
// False also where a number other than zero is too small for any double but zero.
bool parse_decimal(std::string_view text, double* out);

// As Python's repr() of a finite number: the fewest digits that read back to the same.
std::string decimal_text(double value);

}  // namespace fm
