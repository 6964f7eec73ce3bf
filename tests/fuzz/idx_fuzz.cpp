#include <stint/tests/fuzz/fuzz.h>
#include <stint/tools/data/idx.h>

STINT_FUZZ({
  stint::BadSamples bad(true);
  std::size_t images = size > 0 ? data[0] * (size - 1) / 255 : 0;  // where the images end and the labels begin
  const std::uint8_t* rest = data + (size > 0);
  stint::ImageSet set = stint::read_idx({rest, images}, "i", {rest + images, size - (size > 0) - images}, "l", bad);
  if (set.pixels.size() != static_cast<std::size_t>(set.count() * set.image_elements())) std::abort();
})
