#include <stint/tests/fuzz/fuzz.h>
#include <stint/tools/data/libsvm.h>

STINT_FUZZ({
  stint::BadSamples bad(true);
  for (const stint::LibsvmRow& row : stint::parse_libsvm({reinterpret_cast<const char*>(data), size}, "f", bad)) {
    std::int64_t last = 0;
    for (auto [index, value] : row.features) {
      if (index <= last || index > 65536 || value != value) std::abort();
      last = index;
    }
  }
})
