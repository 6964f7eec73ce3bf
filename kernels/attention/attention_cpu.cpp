// Attention on the CPU, an image's head at a time, heads in parallel. Keys and values (and in backward their gradients)
// of the head are brought to float matrices that lie in the second-level cache; queries pass in blocks, and of the
// T x T matrix only a block's rows exist at any time. Softmax takes the row's maximum off; backward makes the
// probabilities again from the row's log-sum. Overwrites y; dqkv may accumulate.

#include <stint/kernels/attention/attention_kernels.h>
#include <stint/kernels/exponentials.h>
#include <stint/kernels/small_product.h>
#include <stint/runtime/parallel.h>

#include <cmath>
#include <vector>

namespace stint::cpu {

namespace {

constexpr std::int64_t block_rows = 48;

std::int64_t padded(std::int64_t count) {
  return (count + 15) / 16 * 16;
}

/// A float matrix, its rows padded to whole vectors with zeros.
struct Matrix {
  std::int64_t pitch = 0;
  std::vector<float> values;

  void fit(std::int64_t rows, std::int64_t columns) {
    pitch = padded(columns);
    values.assign(rows * pitch, 0);
  }
  float* row(std::int64_t i) { return values.data() + i * pitch; }
};

/// One image's head in a tensor of rows [tokens] with a stride: queries, keys, values, or y.
template <typename T>
struct HeadRows {
  T* first;
  std::int64_t stride, dim;

  T* row(std::int64_t token) const { return first + token * stride; }

  void load(std::int64_t begin, std::int64_t count, float scale, Matrix& to) const {
    for (std::int64_t i = 0; i < count; ++i) {
      for_lanes(dim, [&](std::int64_t d, auto n) {
        Lanes v;
        stint::load(v, row(begin + i) + d, n);
        stint::store(v * scale, to.row(i) + d);
      });
    }
  }
  void load_transposed(std::int64_t count, Matrix& to) const {
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t d = 0; d < dim; ++d) to.row(d)[i] = float(row(i)[d]);
    }
  }
  void store_row(std::int64_t token, float scale, const float* from, bool accumulate) const {
    for_lanes(dim, [&](std::int64_t d, auto n) {
      Lanes v;
      stint::load(v, from + d);
      stint::store(v * scale, row(token) + d, n, accumulate);
    });
  }
  void store(std::int64_t begin, std::int64_t count, float scale, Matrix& from, bool accumulate) const {
    for (std::int64_t i = 0; i < count; ++i) store_row(begin + i, scale, from.row(i), accumulate);
  }
};

template <typename T>
HeadRows<T> head_of(const AttentionCase& c, const Tensor& tensor, std::int64_t index, int part, int parts) {
  std::int64_t image = index / c.heads, head = index % c.heads, stride = parts * c.channels();
  T* first = tensor.data<T>() + image * c.tokens * stride + part * c.channels() + head * c.dim;
  return {first, stride, c.dim};
}

float scale_of(const AttentionCase& c) {
  return 1 / std::sqrt(static_cast<float>(c.dim));
}

/// ds <- p * (ds - sum(p * ds)); in the padding p is zero.
void centre(const float* p, float* ds, std::int64_t pitch) {
  Lanes products{}, probability, gradient;
  auto load_both = [&](std::int64_t j) {
    load(probability, p + j);
    load(gradient, ds + j);
  };
  for (std::int64_t j = 0; j < pitch; j += lane_count) {
    load_both(j);
    products += probability * gradient;
  }
  float mean = sum_of(products);
  for (std::int64_t j = 0; j < pitch; j += lane_count) {
    load_both(j);
    store(probability * (gradient - mean), ds + j);
  }
}

/// Calls body(first query, queries) for the blocks of a head.
template <typename Body>
void for_query_blocks(std::int64_t tokens, const Body& body) {
  for (std::int64_t begin = 0; begin < tokens; begin += block_rows) body(begin, std::min(block_rows, tokens - begin));
}

/// What a thread works in. It is kept from call to call: memory that is given back is paid for again in page faults.
struct ForwardScratch {
  Matrix keys, values, q, s, out;  // keys are transposed

  void fit(const AttentionCase& c) {
    keys.fit(c.dim, c.tokens);
    values.fit(c.tokens, c.dim);
    q.fit(block_rows, c.dim);
    s.fit(block_rows, c.tokens);
    out.fit(block_rows, c.dim);
  }
};

template <typename T>
void forward_head(const AttentionCase& c, std::int64_t index, const Tensor& qkv, const Tensor& y, float* log_sums,
                  ForwardScratch& m) {
  head_of<T>(c, qkv, index, 1, 3).load_transposed(c.tokens, m.keys);
  head_of<T>(c, qkv, index, 2, 3).load(0, c.tokens, 1, m.values);
  auto queries = head_of<T>(c, qkv, index, 0, 3), outputs = head_of<T>(c, y, index, 0, 1);
  for_query_blocks(c.tokens, [&](std::int64_t begin, std::int64_t count) {
    queries.load(begin, count, scale_of(c), m.q);
    small_product(count, m.s.pitch, c.dim, m.q.row(0), m.q.pitch, 1, m.keys.row(0), m.keys.pitch, m.s.row(0),
                  m.s.pitch);
    float sums[block_rows];
    for (std::int64_t i = 0; i < count; ++i) {
      float* p = m.s.row(i);
      float largest = largest_of(p, c.tokens);
      sums[i] = exponentials(p, c.tokens, largest, p);
      log_sums[begin + i] = largest + std::log(sums[i]);
    }
    small_product(count, m.out.pitch, c.tokens, m.s.row(0), m.s.pitch, 1, m.values.row(0), m.values.pitch, m.out.row(0),
                  m.out.pitch);
    for (std::int64_t i = 0; i < count; ++i) outputs.store_row(begin + i, 1 / sums[i], m.out.row(i), false);
  });
}

struct BackwardScratch {
  Matrix keys, keys_transposed, values_transposed, q, dy, p, ds, dq, dkeys, dvalues;

  void fit(const AttentionCase& c) {
    for (Matrix* matrix : {&keys, &dkeys, &dvalues}) matrix->fit(c.tokens, c.dim);
    for (Matrix* matrix : {&keys_transposed, &values_transposed}) matrix->fit(c.dim, c.tokens);
    for (Matrix* matrix : {&q, &dy, &dq}) matrix->fit(block_rows, c.dim);
    for (Matrix* matrix : {&p, &ds}) matrix->fit(block_rows, c.tokens);
  }
};

template <typename T>
void backward_head(const AttentionCase& c, std::int64_t index, const Tensor& qkv, const float* log_sums,
                   const Tensor& dy, const Tensor& dqkv, bool accumulate, BackwardScratch& m) {
  auto keys = head_of<T>(c, qkv, index, 1, 3);
  keys.load(0, c.tokens, 1, m.keys);
  keys.load_transposed(c.tokens, m.keys_transposed);
  head_of<T>(c, qkv, index, 2, 3).load_transposed(c.tokens, m.values_transposed);
  auto queries = head_of<T>(c, qkv, index, 0, 3), outputs = head_of<T>(c, dy, index, 0, 1);
  for_query_blocks(c.tokens, [&](std::int64_t begin, std::int64_t count) {
    queries.load(begin, count, scale_of(c), m.q);
    outputs.load(begin, count, 1, m.dy);
    small_product(count, m.p.pitch, c.dim, m.q.row(0), m.q.pitch, 1, m.keys_transposed.row(0), m.keys_transposed.pitch,
                  m.p.row(0), m.p.pitch);
    small_product(count, m.ds.pitch, c.dim, m.dy.row(0), m.dy.pitch, 1, m.values_transposed.row(0),
                  m.values_transposed.pitch, m.ds.row(0), m.ds.pitch);
    for (std::int64_t i = 0; i < count; ++i) {
      float *p = m.p.row(i), *ds = m.ds.row(i), log_sum = log_sums[begin + i];
      exponentials(p, c.tokens, log_sum, p);
      centre(p, ds, m.p.pitch);
    }
    small_product(count, m.dq.pitch, c.tokens, m.ds.row(0), m.ds.pitch, 1, m.keys.row(0), m.keys.pitch, m.dq.row(0),
                  m.dq.pitch);
    head_of<T>(c, dqkv, index, 0, 3).store(begin, count, scale_of(c), m.dq, accumulate);
    // q carries the scale, so dk has it too
    small_product(c.tokens, m.dkeys.pitch, count, m.ds.row(0), 1, m.ds.pitch, m.q.row(0), m.q.pitch, m.dkeys.row(0),
                  m.dkeys.pitch, begin > 0);
    small_product(c.tokens, m.dvalues.pitch, count, m.p.row(0), 1, m.p.pitch, m.dy.row(0), m.dy.pitch, m.dvalues.row(0),
                  m.dvalues.pitch, begin > 0);
  });
  head_of<T>(c, dqkv, index, 1, 3).store(0, c.tokens, 1, m.dkeys, accumulate);
  head_of<T>(c, dqkv, index, 2, 3).store(0, c.tokens, 1, m.dvalues, accumulate);
}

}  // namespace

std::size_t attention_workspace(const AttentionCase&) {
  return 0;
}

void attention_forward(const AttentionCase& c, const Tensor& qkv, const Tensor& y, const Tensor& log_sums) {
  with_float_type(qkv.dtype(), "attention", [&](auto type) {
    parallel_for(c.images * c.heads, 1, [&](std::int64_t begin, std::int64_t end) {
      thread_local ForwardScratch scratch;
      scratch.fit(c);
      for (std::int64_t index = begin; index < end; ++index) {
        forward_head<decltype(type)>(c, index, qkv, y, log_sums.data<float>() + index * c.tokens, scratch);
      }
    });
  });
}

void attention_backward(const AttentionCase& c, const Tensor& qkv, const Tensor& log_sums, const Tensor& dy,
                        const Tensor& dqkv, bool accumulate, const Tensor&) {
  with_float_type(qkv.dtype(), "attention", [&](auto type) {
    parallel_for(c.images * c.heads, 1, [&](std::int64_t begin, std::int64_t end) {
      thread_local BackwardScratch scratch;
      scratch.fit(c);
      for (std::int64_t index = begin; index < end; ++index) {
        backward_head<decltype(type)>(c, index, qkv, log_sums.data<float>() + index * c.tokens, dy, dqkv, accumulate,
                                      scratch);
      }
    });
  });
}

}  // namespace stint::cpu
