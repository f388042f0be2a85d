// The little JSON that the C ABI answers with.
#pragma once

#include <string>
#include <string_view>

namespace fm {

// A JSON string literal. Bytes are passed on as they are but for those that JSON escapes.
std::string json_string(std::string_view text);

// Every stage of the active level, as fm_stages_json.
std::string stages_json();

}  // namespace fm
