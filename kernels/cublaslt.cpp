#include <cublasLt.h>
#include <stint/kernels/cublaslt.h>
#include <stint/kernels/cuda_libraries.h>
#include <stint/kernels/cuda_stream.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/profile.h>
#include <stint/runtime/shared_library.h>

#include <map>
#include <mutex>

namespace stint::cublaslt {

namespace {

constexpr std::size_t most_workspace = 32 * 1048576;

struct Library {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtGetStatusString) status_string;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&cublasLtMatmul) matmul;

  Library() {
    SharedLibrary library("cuBLASLt", {"libcublasLt.so.13", "libcublasLt.so.12"});
    library.get(create, "cublasLtCreate");
    library.get(status_string, "cublasLtGetStatusString");
    library.get(desc_create, "cublasLtMatmulDescCreate");
    library.get(desc_set, "cublasLtMatmulDescSetAttribute");
    library.get(layout_create, "cublasLtMatrixLayoutCreate");
    library.get(preference_create, "cublasLtMatmulPreferenceCreate");
    library.get(preference_set, "cublasLtMatmulPreferenceSetAttribute");
    library.get(preference_destroy, "cublasLtMatmulPreferenceDestroy");
    library.get(heuristic, "cublasLtMatmulAlgoGetHeuristic");
    library.get(matmul, "cublasLtMatmul");
  }
};

const Library& library() {
  static const Library functions;
  return functions;
}

void check(cublasStatus_t status, std::string_view action) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(ErrorKind::runtime, ProfileRange::current(), "cuBLASLt: {} while {}", library().status_string(status), action);
}

int current_device() {
  int device = 0;
  cuda_driver::check(cudaGetDevice(&device), "asking for the device");
  return device;
}

cublasLtHandle_t handle() {
  static std::mutex mutex;
  static std::map<int, cublasLtHandle_t> all;  // by device; as long as the program
  int device = current_device();
  std::lock_guard lock(mutex);
  auto known = all.find(device);
  if (known != all.end()) return known->second;
  cublasLtHandle_t made = nullptr;
  check(library().create(&made), "starting");
  return all[device] = made;
}

cudaDataType_t type_of(DType dtype) {
  return dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// cuBLASLt counts by columns: there, a row-major c [m,n] is c^T [n,m] = op(b)^T * op(a)^T.
struct Plan {
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t b = nullptr, a = nullptr, c = nullptr;
  cublasLtMatmulHeuristicResult_t algorithm{};
};

cublasLtMatrixLayout_t layout(DType dtype, std::int64_t rows, std::int64_t columns) {
  cublasLtMatrixLayout_t made = nullptr;
  check(library().layout_create(&made, type_of(dtype), static_cast<std::uint64_t>(columns),
                                static_cast<std::uint64_t>(rows), columns),
        "describing a matrix");
  return made;
}

template <typename Value>
void set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute, Value value) {
  check(library().desc_set(operation, attribute, &value, sizeof(value)), "describing a product");
}

template <typename Value>
void prefer(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute, Value value) {
  check(library().preference_set(preference, attribute, &value, sizeof(value)), "stating a preference");
}

Plan make_plan(const Product& p) {
  Plan plan;
  bool tf32 = p.ab == DType::f32 && tf32_allowed();
  check(library().desc_create(&plan.operation, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
        "describing a product");
  set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (p.bias) set(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  plan.b = p.transpose_b ? layout(p.ab, p.n, p.k) : layout(p.ab, p.k, p.n);
  plan.a = p.transpose_a ? layout(p.ab, p.k, p.m) : layout(p.ab, p.m, p.k);
  plan.c = layout(p.c, p.m, p.n);

  cublasLtMatmulPreference_t preference = nullptr;
  check(library().preference_create(&preference), "stating a preference");
  prefer(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
  for (auto alignment : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                         CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    prefer(preference, alignment, std::uint32_t{16});
  }
  int found = 0;
  check(library().heuristic(handle(), plan.operation, plan.b, plan.a, plan.c, plan.c, preference, 1, &plan.algorithm,
                            &found),
        "choosing an algorithm");
  library().preference_destroy(preference);
  require(found == 1, ProfileRange::current(), "cuBLASLt has no algorithm for [{},{}] x [{},{}]", p.m, p.k, p.k, p.n);
  return plan;
}

/// For the thread's device.
const Plan& plan_of(const Product& product) {
  static std::mutex mutex;
  static std::map<std::pair<int, Product>, Plan> known;
  std::pair key(current_device(), product);
  std::lock_guard lock(mutex);
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, make_plan(product)).first;
  return found->second;
}

}  // namespace

void open() {
  library();
}

std::size_t workspace(const Product& product) {
  return plan_of(product).algorithm.workspaceSize;
}

void run(const Product& product, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& bias,
         const Tensor& workspace) {
  cudaStream_t stream = cuda::stream_of(c);
  const Plan& plan = plan_of(product);
  static std::mutex mutex;  // the bias is an attribute of the shared description
  std::unique_lock lock(mutex, std::defer_lock);
  if (product.bias) {
    lock.lock();
    set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(bias.raw()));
  }
  float one = 1, beta = product.accumulate ? 1.0f : 0.0f;
  check(library().matmul(handle(), plan.operation, &one, b.raw(), plan.b, a.raw(), plan.a, &beta, c.raw(), plan.c,
                         c.raw(), plan.c, &plan.algorithm.algo, workspace.raw(), plan.algorithm.workspaceSize, stream),
        "multiplying");
  cuda::check_launch(stream);
}

}  // namespace stint::cublaslt
