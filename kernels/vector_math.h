#pragma once

#include <bit>
#include <cstdint>

/// Elementary functions for CPU kernels, without branches or calls, so that loops over them become vector code.
namespace stint {

/// e^x within 2e-7 of it; 0 below -87, and e^88 from 88 on. x = n ln 2 + r, and the series of e^r up to r^7.
inline float vector_exp(float x) {
  float clamped = x > 88.0f ? 88.0f : x < -87.0f ? -87.0f : x;
  constexpr float to_integer = 0x1.8p23f;  // adding it leaves no place for a fraction
  float n = (clamped * 1.44269504f + to_integer) - to_integer;
  float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  float series = 1.0f / 5040;
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  float power = std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
  return x < -87.0f ? 0.0f : series * power;
}

/// The standard normal distribution function within 3e-7: 1/2 + x P(x^2) / Q(x^2), P and Q fitted by least squares,
/// weighted towards the largest error, on |x| <= 5.2; beyond that it is 0 or 1 within as much.
inline float vector_normal_cdf(float x) {
  float v = x > 5.2f ? 5.2f : x < -5.2f ? -5.2f : x;
  float u = v * v;
  float p = 5.8325586e-6f;
  p = p * u + 3.1381316e-4f;
  p = p * u + 5.5159549e-3f;
  p = p * u + 4.9554829e-2f;
  p = p * u + 3.9894193e-1f;
  float q = 5.0129472e-7f;
  q = q * u + 1.1256983e-4f;
  q = q * u + 2.7012334e-3f;
  q = q * u + 3.7316654e-2f;
  q = q * u + 2.9087636e-1f;
  q = q * u + 1.0f;
  return 0.5f + v * p / q;
}

}  // namespace stint
