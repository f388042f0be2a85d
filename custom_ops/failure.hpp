// Why something failed: a code of c_api.h and a sentence for people.
#pragma once

#include <cstdarg>
#include <cstdio>

#include "c_api.h"

#if defined(__GNUC__)
#define FM_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#else
#define FM_PRINTF(format_index, first)
#endif

namespace fm {

// `text` names the field, stage or block at fault; empty while code is FM_OK.
struct Failure {
  int code = FM_OK;
  char text[240] = {};
};

// Fills `why` (which may be null) and returns `code`, so that a check reads `return fail(…)`.
FM_PRINTF(3, 4) inline int fail(Failure* why, int code, const char* format, ...) {
  if (why != nullptr) {
    why->code = code;
    va_list args;
    va_start(args, format);
    std::vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
  }
  return code;
}

}  // namespace fm
