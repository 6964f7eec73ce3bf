#include <stint/dist/compressor.h>
#include <stint/dist/compressors.h>

#include <charconv>

namespace stint::dist {

void Compressor::compress(const Buckets& buckets, const Tensor& x, const Compressed& out) const {
  if (scaled()) fill_scales(buckets, chunk_sums(buckets.whole(), x), out.side);
  encode(buckets.whole(), x, out);
}

std::int64_t Compressor::wire_bytes(const Buckets& buckets) const {
  return make(buckets.whole(), buckets.count(), Device::null()).bytes();
}

std::unique_ptr<Compressor> make_compressor(const std::string& text) {
  if (text == "identity") return std::make_unique<Cast>(DType::f32);
  if (text == "bf16") return std::make_unique<Cast>(DType::bf16);
  if (text == "sign") return std::make_unique<ScaledSign>();
  if (text.starts_with("topk:")) {
    double ratio = 0;
    const char* end = text.data() + text.size();
    auto [after, error] = std::from_chars(text.data() + 5, end, ratio);
    if (error == std::errc{} && after == end && ratio > 0 && ratio <= 1) return std::make_unique<TopK>(ratio);
  }
  fail(ErrorKind::usage, "compress", "expected {}, got '{}'", compressor_forms, text);
}

}  // namespace stint::dist
