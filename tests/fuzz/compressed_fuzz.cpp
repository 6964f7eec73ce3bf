#include <stint/tests/fuzz/fuzz.h>
#include <stint/tools/data/bytes.h>

STINT_FUZZ({
  constexpr std::uint64_t limit = 1 << 20;
  if (stint::decompress({data, data + size}, "f", limit).size() > limit && size <= limit) std::abort();
})
