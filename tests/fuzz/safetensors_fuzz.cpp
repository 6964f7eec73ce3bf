#include <stint/layers/safetensors.h>
#include <stint/tests/fuzz/fuzz.h>

STINT_FUZZ({
  stint::fuzz::MemoryFile file(data, size);
  std::map<std::string, std::string> metadata;
  stint::read_safetensors(file.path(), &metadata);
})
