#include <stint/tools/trainer/memory_json.h>

namespace stint {

nlohmann::ordered_json to_json(const PurposeBytes& bytes) {
  nlohmann::ordered_json json = {{"total", bytes.total()}};
  for (int i = 0; i < purpose_count; ++i) json[std::string(purpose_names[i])] = bytes.bytes[i];
  return json;
}

nlohmann::ordered_json to_json(const DropRecord& record) {
  return {{"gamma", record.gamma},
          {"elements", record.elements},
          {"capacity", record.capacity},
          {"inside", record.counts.inside},
          {"kept", record.counts.kept}};
}

}  // namespace stint
