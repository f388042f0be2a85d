#include "json.hpp"

#include <cstdio>

#include "numbers.hpp"
#include "simd/level.hpp"

namespace fm {
namespace {

const char* type_name(FieldType type) {
  switch (type) {
    case FieldType::kInt:
      return "int";
    case FieldType::kFloat:
      return "float";
    case FieldType::kBool:
      return "bool";
    case FieldType::kIntOrNone:
      return "int|none";
  }
  return "";
}

std::string value_json(FieldType type, const Value& value) {
  if (value.none) return "null";
  if (type == FieldType::kFloat) return decimal_text(value.f);
  if (type == FieldType::kBool) return value.i != 0 ? "true" : "false";
  return std::to_string(value.i);
}

void append_field(const Field& field, std::string* out) {
  out->append("{\"name\":").append(json_string(field.name));
  out->append(",\"type\":").append(json_string(type_name(field.type)));
  out->append(",\"default\":").append(value_json(field.type, field.fallback));
  out->append(",\"min\":").append(value_json(field.type, field.min));
  out->append(",\"max\":").append(value_json(field.type, field.max)).append(",\"choices\":[");
  for (size_t i = 0; i < field.choice_count; ++i) {
    out->append(i > 0 ? "," : "").append(std::to_string(field.choices[i]));
  }
  out->append("]}");
}

void append_stage(const Stage& stage, std::string* out) {
  out->append("{\"name\":").append(json_string(stage.name));
  out->append(",\"format_id\":").append(std::to_string(stage.format_id));
  out->append(",\"kind\":").append(stage.transform == nullptr ? "\"coder\"" : "\"transform\"");
  out->append(",\"fields\":[");
  for (size_t i = 0; i < stage.field_count; ++i) {
    if (i > 0) out->append(",");
    append_field(stage.fields[i], out);
  }
  out->append("]}");
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string stages_json() {
  const Level& level = active_level();
  std::string out = "[";
  for (size_t i = 0; i < level.stage_count; ++i) {
    if (i > 0) out.append(",");
    append_stage(*level.stages[i], &out);
  }
  return out.append("]");
}

}  // namespace fm
