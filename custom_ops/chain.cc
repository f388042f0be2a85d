#include "chain.hpp"

#include <cmath>
#include <cstring>
#include <string_view>

#include "bytes.hpp"
#include "nearest.hpp"
#include "numbers.hpp"
#include "simd/level.hpp"

namespace fm {
namespace {

using Text = std::string_view;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

Text trim(Text text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// A text from a stranger as it may stand in a message: not too long, printable ASCII only.
class Shown {
 public:
  explicit Shown(Text text) {
    size_t n = 0;
    for (const char c : text.substr(0, sizeof text_ - 1))
      text_[n++] = c >= ' ' && c <= '~' ? c : '?';
  }
  const char* text() const { return text_; }

 private:
  char text_[49] = {};
};

// Splits off what comes before the next `mark`; false at the end of the text.
bool next_piece(Text& rest, char mark, bool& more, Text* piece) {
  if (!more) return false;
  const size_t at = rest.find(mark);
  more = at != Text::npos;
  *piece = rest.substr(0, at);
  rest = more ? rest.substr(at + 1) : Text();
  return true;
}

template <class Item>
const char* nearest_name(Text wanted, const Item& items, size_t count) {
  const char* best = "";
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < count; ++i) {
    const char* name = items(i).name;
    const size_t distance = name_distance(wanted, name);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

int find_stage(Text name, size_t* index, Failure* why) {
  const Level& level = active_level();
  for (size_t i = 0; i < level.stage_count; ++i) {
    if (name == level.stages[i]->name) {
      *index = i;
      return FM_OK;
    }
  }
  const auto stage = [&level](size_t i) -> const Stage& { return *level.stages[i]; };
  return fail(why, FM_E_CHAIN, "unknown stage '%s'; nearest: %s", Shown(name).text(),
              nearest_name(name, stage, level.stage_count));
}

bool parse_value(const Field& field, Text text, Value* out) {
  *out = int_value(0);
  switch (field.type) {
    case FieldType::kFloat:
      if (!parse_decimal(text, &out->f)) return false;
      out->f += 0.0;  // −0.0 would give the same chain a second digest
      return true;
    case FieldType::kBool:
      out->i = text == "true" ? 1 : 0;
      return text == "true" || text == "false";
    case FieldType::kIntOrNone:
      if (text == "none") {
        out->none = true;
        return true;
      }
      [[fallthrough]];
    case FieldType::kInt:
      return parse_integer(text, &out->i);
  }
  return false;
}

const char* type_name(FieldType type) {
  switch (type) {
    case FieldType::kInt:
      return "an integer";
    case FieldType::kFloat:
      return "a number";
    case FieldType::kBool:
      return "true or false";
    case FieldType::kIntOrNone:
      return "an integer or none";
  }
  return "";
}

std::string value_text(const Field& field, const Value& value) {
  if (value.none) return "none";
  if (field.type == FieldType::kFloat) return decimal_text(value.f);
  if (field.type == FieldType::kBool) return value.i != 0 ? "true" : "false";
  return std::to_string(value.i);
}

bool below(const Field& field, const Value& a, const Value& b) {
  return field.type == FieldType::kFloat ? a.f < b.f : a.i < b.i;
}

int check_value(const Stage& stage, const Field& field, const Value& value, Failure* why) {
  if (value.none) return FM_OK;
  if (field.type == FieldType::kFloat && !std::isfinite(value.f)) {
    return fail(why, FM_E_CHAIN, "field '%s' of %s is not finite", field.name, stage.name);
  }
  const std::string text = value_text(field, value);
  if (field.choices != nullptr) {
    std::string listed;
    for (size_t i = 0; i < field.choice_count; ++i) {
      if (field.choices[i] == value.i) return FM_OK;
      listed += (i > 0 ? ", " : "") + std::to_string(field.choices[i]);
    }
    return fail(why, FM_E_CHAIN, "field '%s' of %s: %s is none of %s", field.name, stage.name,
                text.c_str(), listed.c_str());
  }
  if (!field.min.none && below(field, value, field.min)) {
    return fail(why, FM_E_CHAIN, "field '%s' of %s: %s is below the least value %s", field.name,
                stage.name, text.c_str(), value_text(field, field.min).c_str());
  }
  if (!field.max.none && below(field, field.max, value)) {
    return fail(why, FM_E_CHAIN, "field '%s' of %s: %s is above the greatest value %s", field.name,
                stage.name, text.c_str(), value_text(field, field.max).c_str());
  }
  return FM_OK;
}

int parse_field(const Stage& stage, Text assignment, Params* params, bool* given, Failure* why) {
  const size_t equals = assignment.find('=');
  const Text name = trim(assignment.substr(0, equals));
  const Text text = equals == Text::npos ? Text() : trim(assignment.substr(equals + 1));
  if (name.empty() || text.empty()) {
    const Text whole = trim(assignment);
    return fail(why, FM_E_CHAIN, "'%s' in the braces of %s is not field=value", Shown(whole).text(),
                stage.name);
  }
  for (size_t i = 0; i < stage.field_count; ++i) {
    const Field& field = stage.fields[i];
    if (name != field.name) continue;
    if (given[i]) {
      return fail(why, FM_E_CHAIN, "field '%s' of %s is given twice", field.name, stage.name);
    }
    given[i] = true;
    if (!parse_value(field, text, &params->values[i])) {
      return fail(why, FM_E_CHAIN, "field '%s' of %s: '%s' is not %s", field.name, stage.name,
                  Shown(text).text(), type_name(field.type));
    }
    return check_value(stage, field, params->values[i], why);
  }
  if (stage.field_count == 0) {
    return fail(why, FM_E_CHAIN, "unknown field '%s' of %s, which has no fields",
                Shown(name).text(), stage.name);
  }
  const auto field = [&stage](size_t i) -> const Field& { return stage.fields[i]; };
  return fail(why, FM_E_CHAIN, "unknown field '%s' of %s; nearest: %s", Shown(name).text(),
              stage.name, nearest_name(name, field, stage.field_count));
}

int parse_stage(Text text, Chain::Step* step, Failure* why) {
  const size_t brace = text.find('{');
  const Text name = trim(text.substr(0, brace));
  if (name.empty()) return fail(why, FM_E_CHAIN, "a stage of the chain has no name");
  if (const int code = find_stage(name, &step->stage, why); code != FM_OK) return code;
  const Stage& stage = *active_level().stages[step->stage];
  step->params = Params{};
  for (size_t i = 0; i < stage.field_count; ++i) step->params.values[i] = stage.fields[i].fallback;
  if (brace == Text::npos) return FM_OK;
  Text rest = trim(text.substr(brace + 1));
  if (rest.empty() || rest.find_first_of("{}") != rest.size() - 1 || rest.back() != '}') {
    return fail(why, FM_E_CHAIN, "the braces of %s do not match", stage.name);
  }
  rest.remove_suffix(1);
  bool given[kMaxFields] = {}, more = true;
  for (Text piece; next_piece(rest, ',', more, &piece);) {
    const int code = parse_field(stage, piece, &step->params, given, why);
    if (code != FM_OK) return code;
  }
  return FM_OK;
}

void append_canonical(const Stage& stage, const Params& params, std::string* out) {
  if (!out->empty()) *out += '|';
  *out += stage.name;
  char mark = '{';
  for (size_t i = 0; i < stage.field_count; ++i) {
    const Field& field = stage.fields[i];
    const Value &value = params.values[i], &fallback = field.fallback;
    if (value.none == fallback.none && value.i == fallback.i && value.f == fallback.f) continue;
    *out += mark;
    *out += field.name;
    *out += '=';
    *out += value_text(field, value);
    mark = ',';
  }
  if (mark == ',') *out += '}';
}

void append_digested(const Stage& stage, const Params& params, std::string* out) {
  append_le<uint16_t>(out, stage.format_id);
  append_le<uint8_t>(out, static_cast<uint8_t>(stage.field_count));
  for (size_t i = 0; i < stage.field_count; ++i) {
    const Value& value = params.values[i];
    if (value.none) {
      *out += 'n';
    } else if (stage.fields[i].type == FieldType::kFloat) {
      *out += 'f';
      append_le<double>(out, value.f);
    } else if (stage.fields[i].type == FieldType::kBool) {
      *out += 'b';
      append_le<uint8_t>(out, static_cast<uint8_t>(value.i));
    } else {
      *out += 'i';
      append_le<int64_t>(out, value.i);
    }
  }
}

}  // namespace

int Chain::parse(const char* text, Chain* out, Failure* why) {
  if (text == nullptr) return fail(why, FM_E_CHAIN, "there is no chain text");
  return parse(text, std::strlen(text), out, why);
}

int Chain::parse(const char* text, size_t nbytes, Chain* out, Failure* why) {
  if (nbytes > kMaxText) {
    return fail(why, FM_E_CHAIN, "the chain text is longer than %zu bytes", kMaxText);
  }
  *out = Chain();
  Text rest(text, nbytes);
  bool more = true;
  for (Text piece; next_piece(rest, '|', more, &piece);) {
    if (out->count_ == kMaxStages) {
      return fail(why, FM_E_CHAIN, "the chain has more than %zu stages", kMaxStages);
    }
    const int code = parse_stage(piece, &out->steps_[out->count_++], why);
    if (code != FM_OK) return code;
  }
  std::string digested;
  const Level& level = active_level();
  for (size_t i = 0; i < out->count_; ++i) {
    const Stage& stage = *level.stages[out->steps_[i].stage];
    const bool last = i + 1 == out->count_;
    if (last && stage.transform != nullptr) {
      return fail(why, FM_E_CHAIN, "%s is a transform, but the last stage must be a coder",
                  stage.name);
    }
    if (!last && stage.transform == nullptr) {
      return fail(why, FM_E_CHAIN, "%s is a coder, but only the last stage may be one", stage.name);
    }
    append_canonical(stage, out->steps_[i].params, &out->canonical_);
    append_digested(stage, out->steps_[i].params, &digested);
  }
  out->digest_ = level.crc32c(reinterpret_cast<const uint8_t*>(digested.data()), digested.size());
  return FM_OK;
}

int Chain::check(int dtype, int rank, Failure* why) const {
  const DType* type = find_dtype(dtype);
  if (type == nullptr) {
    return fail(why, FM_E_DTYPE, "dtype %d is not a type that travels", dtype);
  }
  if (rank > FM_MAX_RANK) return fail(why, FM_E_CAPACITY, "rank %d is above %d", rank, FM_MAX_RANK);
  const Level& level = active_level();
  for (size_t i = 0; i < count_; ++i) {
    const Stage& stage = *level.stages[steps_[i].stage];
    const Params& params = steps_[i].params;
    const Refusal refusal = stage.transform != nullptr ? stage.transform->rejects(params, *type, rank)
                            : stage.coder != nullptr ? stage.coder->rejects(params, word_type(*type))
                                                     : stage.map_coder->rejects(params, *type);
    if (refusal != nullptr) {
      return fail(why, FM_E_DTYPE, "%s does not take %s: %s", stage.name, type->name, refusal);
    }
    if (stage.transform != nullptr) type = find_dtype(stage.transform->output_dtype(params, *type));
  }
  return FM_OK;
}

}  // namespace fm
