#pragma once

#include <stint/kernels/lanes.h>

/// Elementary functions for CPU kernels, of sixteen numbers at once.
namespace stint {

/// x <- e^x within 2e-7 of it; 0 below -87.7, and e^88 from 88 on; NaN of NaN. x = n ln 2 + r, and for e^r a
/// polynomial, its third and later coefficients fitted to the least relative error (1.1e-7 where |r| <= ln 2 / 2).
inline void vector_exp(Lanes& x) {
  raise_to(x, Lanes{} - 88.0f);
  lower_to(x, Lanes{} + 88.0f);
  constexpr float to_integer = 0x1.8p23f;  // adding it leaves no place for a fraction, and n in the lowest bits
  Lanes shifted = x * 1.44269504f + to_integer, n = shifted - to_integer;
  Lanes r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
  Lanes series = r * 8.312431e-3f + 4.189099e-2f;
  series = series * r + 0.16667119f;
  series = series * r + 0.49999225f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  LaneWords exponent;
  std::memcpy(&exponent, &shifted, sizeof exponent);
  exponent = (exponent + 127u) << 23;
  Lanes power;
  std::memcpy(&power, &exponent, sizeof power);
  x = series * power;
}

/// x <- 1 / x within 2e-7 of it, for normal numbers whose reciprocal is one.
inline void vector_reciprocal(Lanes& x) {
#ifdef __AVX512F__
  Lanes guess;  // within 2^-14, after a step of Newton's within rounding; g++ 12 warns of the form without a mask
  reinterpret_cast<__m512&>(guess) = _mm512_maskz_rcp14_ps(0xffff, reinterpret_cast<const __m512&>(x));
  x = guess + guess * (1.0f - x * guess);
#else
  x = 1.0f / x;
#endif
}

/// x <- the standard normal distribution function within 3e-7: 1/2 + x P(x^2) / Q(x^2), P and Q fitted by least
/// squares, weighted towards the largest error, on |x| <= 5.2; beyond that it is 0 or 1 within as much.
inline void vector_normal_cdf(Lanes& x) {
  raise_to(x, Lanes{} - 5.2f);
  lower_to(x, Lanes{} + 5.2f);
  Lanes u = x * x;
  Lanes p = u * 5.8325586e-6f + 3.1381316e-4f;
  p = p * u + 5.5159549e-3f;
  p = p * u + 4.9554829e-2f;
  p = p * u + 3.9894193e-1f;
  Lanes q = u * 5.0129472e-7f + 1.1256983e-4f;
  q = q * u + 2.7012334e-3f;
  q = q * u + 3.7316654e-2f;
  q = q * u + 2.9087636e-1f;
  q = q * u + 1.0f;
  vector_reciprocal(q);
  x = 0.5f + x * p * q;
}

/// cdf, density <- the standard normal distribution function of x and its derivative, within 3e-7. Beside the density,
/// the tail costs a polynomial in 1 / (1 + 0.331 |x|), fitted to the least error (6e-8), in the form of Abramowitz and
/// Stegun 26.2.17.
inline void vector_normal(const Lanes& x, Lanes& cdf, Lanes& density) {
  constexpr float density_at_zero = 0.398942280f;
  density = -0.5f * x * x;
  vector_exp(density);
  density *= density_at_zero;
  Lanes t = x;
  raise_to(t, -x);
  lower_to(t, Lanes{} + 20.0f);
  t = t * 0.331f + 1.0f;
  vector_reciprocal(t);
  Lanes tail = 0.9377775f - t * 0.2763165f;
  tail = tail * t - 0.22563225f;
  tail = tail * t + 0.51100206f;
  tail = tail * t + 0.30648318f;
  tail *= t * density;
  cdf = x > 0 ? 1.0f - tail : tail;
}

}  // namespace stint
