// From a word type known at run time to a function for one width.
#pragma once

#include "../stage.hpp"
#include "memory.hpp"

// function<uint8_t…uint64_t>(arguments…), by the width of `type`.
#define FM_BY_WIDTH(type, function, ...)                 \
  ((type).bits == 8    ? function<uint8_t>(__VA_ARGS__)  \
   : (type).bits == 16 ? function<uint16_t>(__VA_ARGS__) \
   : (type).bits == 32 ? function<uint32_t>(__VA_ARGS__) \
                       : function<uint64_t>(__VA_ARGS__))
