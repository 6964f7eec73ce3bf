#include <stint/kernels/dispatch.h>
#include <stint/kernels/sign_codes/sign_codes.h>

namespace stint {

STINT_KERNEL(void pack_signs(const Tensor& x, const Tensor& codes))
STINT_KERNEL(void unpack_signs(const Tensor& codes, float scale, const Tensor& y, bool accumulate))
STINT_KERNEL(void l1_of_chunks(const Tensor& x, std::int64_t chunk, const Tensor& sums))

namespace {

void check_pieces(std::string_view name, const Tensor& x, std::int64_t piece, const Tensor& pieces) {
  std::int64_t expected = (x.count() + piece - 1) / piece;
  require(pieces.count() == expected && pieces.device() == x.device(), name, "expected {} elements on {}, got {} on {}",
          expected, x.device().name(), pieces.count(), pieces.device().name());
}

}  // namespace

void pack_signs(const Tensor& x, const Tensor& codes) {
  check_pieces("pack_signs", x, sign_bits, codes);
  STINT_RUN("pack_signs", traffic(x, codes), x.device(), pack_signs(x, codes));
}

void unpack_signs(const Tensor& codes, float scale, const Tensor& y, bool accumulate) {
  check_pieces("unpack_signs", y, sign_bits, codes);
  STINT_RUN("unpack_signs", traffic(codes, y), y.device(), unpack_signs(codes, scale, y, accumulate));
}

void l1_of_chunks(const Tensor& x, std::int64_t chunk, const Tensor& sums) {
  check_pieces("l1_of_chunks", x, chunk, sums);
  STINT_RUN("l1_of_chunks", traffic(x, sums), x.device(), l1_of_chunks(x, chunk, sums));
}

}  // namespace stint
