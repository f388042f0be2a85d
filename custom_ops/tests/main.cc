// Runs every test, or those whose name contains the first argument.
#include <cstring>

#include "test.hpp"

namespace fm::tests {
namespace {

const char* g_running = "";
int g_failures = 0;

}  // namespace

std::vector<Test>& all_tests() {
  static std::vector<Test> tests;
  return tests;
}

void note_failure(const char* file, int line, const std::string& what) {
  ++g_failures;
  if (g_failures > 20) return;  // of one test
  std::printf("%s:%d: %s: %s\n", file, line, g_running, what.c_str());
}

}  // namespace fm::tests

int main(int count, char** arguments) {
  using namespace fm::tests;
  int passed = 0, failed = 0;
  for (const Test& test : all_tests()) {
    if (count > 1 && std::strstr(test.name, arguments[1]) == nullptr) continue;
    g_running = test.name;
    g_failures = 0;
    test.body();
    (g_failures == 0 ? passed : failed) += 1;
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
