#include <stint/tests/fuzz/fuzz.h>
#include <stint/tools/data/cifar.h>

STINT_FUZZ({
  stint::BadSamples bad(true);
  bool hundred = size > 0 && data[0] % 2 == 1;
  stint::ImageSet set = stint::empty_cifar(hundred);
  stint::read_cifar({data, size}, "f", hundred, set, bad);
  if (set.pixels.size() != static_cast<std::size_t>(set.count() * set.image_elements())) std::abort();
})
