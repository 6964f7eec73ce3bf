#pragma once

#include <stint/kernels/lanes.h>

/// Elementary functions for CPU kernels, of sixteen numbers at once.
namespace stint {

/// x <- e^x within 2e-7 of it; 0 below -87, and e^88 from 88 on. x = n ln 2 + r, and the series of e^r up to r^7.
inline void vector_exp(Lanes& x) {
  const Lanes least = Lanes{} - 87.0f, most = Lanes{} + 88.0f;
  Lanes clamped = x > most ? most : x < least ? least : x;
  constexpr float to_integer = 0x1.8p23f;  // adding it leaves no place for a fraction
  Lanes n = (clamped * 1.44269504f + to_integer) - to_integer;
  Lanes r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  Lanes series = r * (1.0f / 5040) + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  LaneInts exponent = (__builtin_convertvector(n, LaneInts) + 127) << 23;
  Lanes power;
  std::memcpy(&power, &exponent, sizeof power);
  x = x < least ? Lanes{} : series * power;
}

/// x <- the standard normal distribution function within 3e-7: 1/2 + x P(x^2) / Q(x^2), P and Q fitted by least
/// squares, weighted towards the largest error, on |x| <= 5.2; beyond that it is 0 or 1 within as much.
inline void vector_normal_cdf(Lanes& x) {
  const Lanes most = Lanes{} + 5.2f;
  Lanes v = x > most ? most : x < -most ? -most : x;
  Lanes u = v * v;
  Lanes p = u * 5.8325586e-6f + 3.1381316e-4f;
  p = p * u + 5.5159549e-3f;
  p = p * u + 4.9554829e-2f;
  p = p * u + 3.9894193e-1f;
  Lanes q = u * 5.0129472e-7f + 1.1256983e-4f;
  q = q * u + 2.7012334e-3f;
  q = q * u + 3.7316654e-2f;
  q = q * u + 2.9087636e-1f;
  q = q * u + 1.0f;
  x = 0.5f + v * p / q;
}

}  // namespace stint
