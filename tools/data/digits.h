#pragma once

#include <stint/tools/data/image_set.h>

namespace stint {

/// The bundled UCI optical digits (tools/data/digits/README.md): 8x8 grey images of ten classes, every fifth for
/// testing.
DataSet load_digits();

}  // namespace stint
