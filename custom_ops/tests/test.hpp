// As much of a test framework as these tests need.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace fm::tests {

struct Test {
  const char* name;
  void (*body)();
};

// All tests of the program, in the order of linking.
std::vector<Test>& all_tests();

struct Register {
  Register(const char* name, void (*body)()) { all_tests().push_back({name, body}); }
};

// Notes a failure of the running test; the test goes on.
void note_failure(const char* file, int line, const std::string& what);

}  // namespace fm::tests

#define TEST(name)                                        \
  static void name();                                     \
  static const fm::tests::Register name##_(#name, &name); \
  static void name()

#define CHECK(condition)                                                                    \
  do {                                                                                      \
    if (!(condition)) fm::tests::note_failure(__FILE__, __LINE__, std::string(#condition)); \
  } while (false)

// With what it was about.
#define CHECK_FOR(condition, about)                                                           \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      fm::tests::note_failure(__FILE__, __LINE__, std::string(#condition " for ") + (about)); \
    }                                                                                         \
  } while (false)
