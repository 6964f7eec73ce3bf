#include <stint/tests/fuzz/fuzz.h>
#include <stint/tools/data/picture.h>

STINT_FUZZ({
  stint::Picture picture = stint::decode_picture({data, size}, "f");
  if (picture.pixels.size() != static_cast<std::size_t>(picture.height * picture.width * 3)) std::abort();
})
