#include "numbers.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace fm {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The position after the digits from `at` on; npos where there is none.
size_t after_digits(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end == at ? std::string_view::npos : end;
}

bool is_decimal(std::string_view text) {
  size_t at = after_digits(text, !text.empty() && text[0] == '-' ? 1 : 0);
  if (at == std::string_view::npos) return false;
  if (at < text.size() && text[at] == '.') at = after_digits(text, at + 1);
  if (at == std::string_view::npos) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const bool sign = at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-');
    at = after_digits(text, at + (sign ? 2 : 1));
  }
  return at == text.size();
}

#if !defined(__cpp_lib_to_chars)
// Standard libraries without floating-point <charconv>: the "C" locale is assumed, as in any
// process that has not called setlocale.
std::string shortest_scientific(double value) {
  char text[40];
  for (int digits = 0; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*e", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}
#else
std::string shortest_scientific(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  return std::string(text, end.ptr);
}
#endif

}  // namespace

bool parse_integer(std::string_view text, int64_t* out) {
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *out);
  return result.ec == std::errc() && result.ptr == end;
}

bool parse_decimal(std::string_view text, double* out) {
  if (!is_decimal(text)) return false;
#if defined(__cpp_lib_to_chars)
  const auto result = std::from_chars(text.data(), text.data() + text.size(), *out);
  if (result.ec == std::errc::result_out_of_range) {
    // Too large, or too small for any double: strtod tells which.
    *out = std::strtod(std::string(text).c_str(), nullptr);
  }
#else
  *out = std::strtod(std::string(text).c_str(), nullptr);
#endif
  const std::string_view mantissa = text.substr(0, text.find_first_of("eE"));
  return *out != 0.0 || mantissa.find_first_of("123456789") == std::string_view::npos;
}

std::string decimal_text(double value) {
  const std::string scientific = shortest_scientific(value);
  const size_t e = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + e + 1);
  std::string digits;
  for (size_t i = 0; i < e; ++i) {
    if (is_digit(scientific[i])) digits += scientific[i];
  }
  std::string text = value < 0 ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    text.append(digits, 0, 1);
    if (digits.size() > 1) text.append(".").append(digits, 1);
    text.append(exponent < 0 ? "e-" : "e+");
    if (std::abs(exponent) < 10) text.append("0");
    return text.append(std::to_string(std::abs(exponent)));
  }
  if (exponent < 0) {
    return text.append("0.").append(static_cast<size_t>(-exponent) - 1, '0').append(digits);
  }
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    return text.append(digits).append(whole - digits.size(), '0').append(".0");
  }
  return text.append(digits, 0, whole).append(".").append(digits, whole);
}

}  // namespace fm
