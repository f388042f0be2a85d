// Chain texts: what parses, how it is printed, what a mistake is told.
#include "chain.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "nearest.hpp"
#include "numbers.hpp"
#include "samples.hpp"
#include "test.hpp"

using fm::Chain;
using fm::Failure;

namespace {

std::string canonical(const char* text) {
  Chain chain;
  return Chain::parse(text, &chain, nullptr) == FM_OK ? chain.canonical() : "";
}

std::string problem(const char* text) {
  Chain chain;
  Failure why;
  return Chain::parse(text, &chain, &why) == FM_E_CHAIN ? why.text : "";
}

bool mentions(const std::string& text, const char* what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST(canonical_text_leaves_out_blanks_and_defaults) {
  CHECK(canonical("zvc") == "zvc");
  CHECK(canonical(" quant { bits = 8 , signed=true } | zvc\t") == "quant|zvc");
  CHECK(canonical("quant{dead_zone=0.25,bits=4}|ebpc{max_zero_run=16}") ==
        "quant{bits=4,dead_zone=0.25}|ebpc");
  CHECK(canonical("quant{axis=-1}|raw") == "quant{axis=-1}|raw");
  CHECK(canonical("quant{axis=none,step=-0.0}|raw") == "quant|raw");
  CHECK(canonical("quant{step=1e-05}|raw") == "quant{step=1e-05}|raw");
  CHECK(canonical("quant{step=3}|raw") == "quant{step=3.0}|raw");
}

TEST(digest_is_that_of_the_values_and_not_of_the_text) {
  Chain a, b, c;
  CHECK(Chain::parse("zvc", &a, nullptr) == FM_OK);
  CHECK(a.digest() == 0x2F0BF177u);  // the worked example of docs/format.md
  CHECK(Chain::parse("quant{bits=8}|zvc", &b, nullptr) == FM_OK);
  CHECK(Chain::parse("quant|zvc", &c, nullptr) == FM_OK);
  CHECK(b.digest() == c.digest());
  CHECK(Chain::parse("quant{bits=7}|zvc", &c, nullptr) == FM_OK);
  CHECK(b.digest() != c.digest());
}

TEST(canonical_text_of_every_sample_reads_back) {
  for (const std::string& text : fm::tests::sample_chains()) {
    Chain once, again;
    CHECK_FOR(Chain::parse(text.c_str(), &once, nullptr) == FM_OK, text);
    CHECK_FOR(Chain::parse(once.canonical().c_str(), &again, nullptr) == FM_OK, text);
    CHECK_FOR(once.canonical() == again.canonical() && once.digest() == again.digest(), text);
  }
}

TEST(mistakes_are_named_with_what_was_meant) {
  CHECK(mentions(problem("zcv"), "unknown stage 'zcv'; nearest: zvc"));
  CHECK(mentions(problem("quant{bit=8}|zvc"), "unknown field 'bit' of quant; nearest: bits"));
  CHECK(mentions(problem("zvc{a=1}"), "has no fields"));
  CHECK(mentions(problem("quant{bits=17}|zvc"), "bits"));
  CHECK(mentions(problem("quant{bits=17}|zvc"), "16"));
  CHECK(mentions(problem("quant{bits=8.0}|zvc"), "not an integer"));
  CHECK(mentions(problem("quant{bits=8,bits=8}|zvc"), "twice"));
  CHECK(mentions(problem("quant{step=1e999}|zvc"), "not finite"));
  CHECK(mentions(problem("ebpc{block=7}"), "none of 4, 8, 16, 32"));
  CHECK(mentions(problem("quant"), "last stage must be a coder"));
  CHECK(mentions(problem("zvc|zvc"), "only the last stage"));
}

TEST(texts_that_are_no_chain_are_refused) {
  for (const char* text : {"",
                           "|",
                           "zvc|",
                           "|zvc",
                           "zvc{}",
                           "quant{|zvc",
                           "quant}|zvc",
                           "quant{bits}|zvc",
                           "quant{bits=}|zvc",
                           "quant{=8}|zvc",
                           "quant{bits=8}}|zvc",
                           "quant{bits=8}x|zvc",
                           "quant{bits=8,}|zvc",
                           "quant{bits=0x8}|zvc",
                           "quant{bits=+8}|zvc",
                           "quant{bits=1_0}|zvc",
                           "quant{bits=99999999999999999999}|zvc",
                           "quant{step=nan}|zvc",
                           "quant{step=inf}|zvc",
                           "quant{step=.5}|zvc",
                           "quant{step=1.}|zvc",
                           "quant{signed=1}|zvc",
                           "quant{bits=none}|zvc",
                           "zv\xC3\xA9",
                           "z vc"}) {
    CHECK_FOR(!problem(text).empty(), text);
  }
  CHECK(!problem(std::string(70000, 'z').c_str()).empty());
  std::string many = "zvc";
  for (int i = 0; i < 16; ++i) many.insert(0, "quant|");
  CHECK(mentions(problem(many.c_str()), "more than 16 stages"));
  CHECK(Chain::parse(nullptr, nullptr, nullptr) == FM_E_CHAIN);
}

TEST(messages_are_printable_whatever_the_text) {
  std::string text = "quant{\x01\xFF\"\\=1}|zvc";
  for (const char c : problem(text.c_str())) CHECK(c >= ' ' && c <= '~');
}

TEST(chains_are_checked_against_type_and_rank) {
  Chain chain;
  Failure why;
  CHECK(Chain::parse("bpc{block=16}", &chain, nullptr) == FM_OK);
  CHECK(chain.check(1, -1, &why) == FM_OK);
  CHECK(chain.check(2, -1, &why) == FM_E_DTYPE && mentions(why.text, "bpc does not take uint8"));
  CHECK(chain.check(8, -1, &why) == FM_E_DTYPE);
  CHECK(Chain::parse("quant{axis=2}|zvc", &chain, nullptr) == FM_OK);
  CHECK(chain.check(1, -1, &why) == FM_OK && chain.check(1, 3, &why) == FM_OK);
  CHECK(chain.check(1, 2, &why) == FM_E_DTYPE && mentions(why.text, "axis"));
  CHECK(chain.check(6, 3, &why) == FM_E_DTYPE);
}

TEST(decimals_are_printed_as_python_does) {
  const double inf = std::numeric_limits<double>::infinity();
  double read = 0;
  CHECK(fm::decimal_text(0.0) == "0.0" && fm::decimal_text(1.0) == "1.0");
  CHECK(fm::decimal_text(0.1) == "0.1" && fm::decimal_text(-2.5) == "-2.5");
  CHECK(fm::decimal_text(0.0001) == "0.0001" && fm::decimal_text(0.00001) == "1e-05");
  CHECK(fm::decimal_text(1e15) == "1000000000000000.0" && fm::decimal_text(1e16) == "1e+16");
  CHECK(fm::decimal_text(2.5e20) == "2.5e+20" && fm::decimal_text(1e-310) == "1e-310");
  CHECK(fm::decimal_text(123456.789) == "123456.789");
  CHECK(fm::parse_decimal("1e400", &read) && read == inf);
  CHECK(!fm::parse_decimal("1e-400", &read));
  CHECK(fm::parse_decimal("0e-400", &read) && read == 0.0);
  CHECK(!fm::parse_decimal("1e", &read) && !fm::parse_decimal("-", &read));
}

TEST(distances_count_edits_and_swaps) {
  CHECK(fm::name_distance("", "abc") == 3 && fm::name_distance("abc", "") == 3);
  CHECK(fm::name_distance("zvc", "zvc") == 0 && fm::name_distance("zcv", "zvc") == 1);
  CHECK(fm::name_distance("bit", "bits") == 1 && fm::name_distance("kitten", "sitting") == 3);
}
