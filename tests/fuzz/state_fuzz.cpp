#include <stint/tests/fuzz/fuzz.h>
#include <stint/tools/trainer/checkpoint_state.h>

// The checksum would stop nearly every input: what parses is given a right one, and must then be read or refused.
STINT_FUZZ({
  std::string text(reinterpret_cast<const char*>(data), size);
  auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  try {
    if (json.is_object()) text = stint::checkpoint_state_text(json);
  } catch (const nlohmann::json::exception&) {
  }
  stint::parse_checkpoint_state(text, "state.json");
})
