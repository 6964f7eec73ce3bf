#include <stint/kernels/add/add.h>
#include <stint/kernels/dispatch.h>
#include <stint/kernels/reorder/reorder.h>

namespace stint {

STINT_KERNEL(void add(const Tensor& a, const Tensor& b, const Tensor& y))

Tensor Add::forward(Saver&, const Tensor& a, const Tensor& b) const {
  require(a.shape() == b.shape() && a.dtype() == b.dtype(), name,
          "expected equal shapes and dtypes, got {} {} and {} {}", a.shape(), name_of(a.dtype()), b.shape(),
          name_of(b.dtype()));
  Tensor y(a.spec());
  Tensor other = packed(b, a.packing());
  STINT_RUN(name, traffic(a, b, y), a.device(), add(a, other, y));
  return y;
}

void Add::backward(const Saved&, const Tensor& dy, const Grad& da, const Grad& db) const {
  da.share(dy);
  if (db.wanted()) db.share(packed(dy, db.spec().packing));
}

}  // namespace stint
