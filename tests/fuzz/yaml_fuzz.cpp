#include <stint/tests/fuzz/fuzz.h>
#include <stint/tools/config/config.h>

STINT_FUZZ({
  stint::Config config, again;
  stint::fuzz::MemoryFile file(data, size);
  stint::read_yaml(config, file.path());
  std::string text = stint::to_yaml(config);  // what was read must be written so that it reads back
  stint::fuzz::MemoryFile written(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  try {
    stint::read_yaml(again, written.path());
  } catch (const stint::Error&) {
    std::abort();
  }
  if (!(again == config)) std::abort();
})
