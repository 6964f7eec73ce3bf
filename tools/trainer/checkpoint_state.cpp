#include <stint/runtime/error.h>
#include <stint/tools/trainer/checkpoint_state.h>
#include <stint/tools/trainer/checksum.h>
#include <stint/tools/trainer/files.h>

namespace stint {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* checksum_key = "checksum";  // of the text without this key

[[noreturn]] void damaged(const std::string& name, const std::string& what) {
  fail(ErrorKind::data, "checkpoint", "{} is damaged: {}", name, what);
}

/// Whether the names of files stay in their directory, and sizes and checksums are there.
bool states_files(const Json& state) {
  auto files = state.find("files");
  if (files == state.end() || !files->is_object()) return false;
  for (const auto& [name, stated] : files->items()) {
    bool plain = name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
    if (!plain || !stated.is_object() || !stated.contains("bytes") || !stated.contains("xxh3_128")) return false;
  }
  return true;
}

}  // namespace

std::string checkpoint_state_text(Json state) {
  state.erase(checksum_key);
  state[checksum_key] = checksum_of(state.dump());
  return state.dump(2) + "\n";
}

Json parse_checkpoint_state(const std::string& text, const std::string& name) {
  auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= 8; };
  Json state = Json::parse(text, shallow, false);
  bool whole = false;
  try {
    whole = state.is_object() && checkpoint_state_text(state) == text;  // every byte as it was written
  } catch (const nlohmann::json::exception&) {
    // a text that is not UTF-8 cannot be written
  }
  if (!whole) damaged(name, "its checksum is wrong");
  if (state.value("version", Json()) != checkpoint_version) {
    fail(ErrorKind::data, "checkpoint", "{} has version {}, this build reads {}", name,
         state.value("version", Json()).dump(), checkpoint_version);
  }
  if (!states_files(state)) damaged(name, "it does not state the checkpoint's files");
  return state;
}

Json read_checkpoint_state(const fs::path& file) {
  return parse_checkpoint_state(read_file(file), file.string());
}

void verify_checkpoint(const fs::path& directory) {
  Json state = read_checkpoint_state(directory / "state.json");
  for (const auto& [name, stated] : state["files"].items()) {
    fs::path file = directory / name;
    std::error_code error;
    std::uintmax_t bytes = fs::file_size(file, error);
    if (error) damaged(file, error.message());
    if (stated["bytes"] != bytes)
      damaged(file, fmt::format("it has {} bytes, expected {}", bytes, stated["bytes"].dump()));
    if (stated["xxh3_128"] != checksum_of_file(file)) damaged(file, "its checksum is wrong");
  }
}

}  // namespace stint
