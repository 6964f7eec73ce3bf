// The one place that speaks to cuDNN: its v9 graph interface, in which everything is a descriptor with attributes. A
// graph of one convolution is described, the heuristic names engines for it, and the first that suits becomes a plan,
// kept for the next call of the same case.

#include <cudnn.h>
#include <stint/kernels/conv2d/cudnn.h>
#include <stint/kernels/cuda_libraries.h>
#include <stint/kernels/cuda_stream.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/profile.h>
#include <stint/runtime/shared_library.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace stint::cudnn {

namespace {

/// Large f32 convolutions want more than 1 GiB, and have only a slow algorithm of last resort below that.
constexpr std::int64_t most_workspace = std::int64_t{4} << 30;

struct Library {
  decltype(&cudnnCreate) create;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnGetErrorString) error_string;
  decltype(&cudnnGetLastErrorString) last_error;
  decltype(&cudnnBackendCreateDescriptor) descriptor_create;
  decltype(&cudnnBackendDestroyDescriptor) descriptor_destroy;
  decltype(&cudnnBackendSetAttribute) set;
  decltype(&cudnnBackendGetAttribute) get;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendExecute) execute;

  Library() {
    SharedLibrary library("cuDNN", {"libcudnn.so.9"});
    library.get(create, "cudnnCreate");
    library.get(set_stream, "cudnnSetStream");
    library.get(error_string, "cudnnGetErrorString");
    library.get(last_error, "cudnnGetLastErrorString");
    library.get(descriptor_create, "cudnnBackendCreateDescriptor");
    library.get(descriptor_destroy, "cudnnBackendDestroyDescriptor");
    library.get(set, "cudnnBackendSetAttribute");
    library.get(get, "cudnnBackendGetAttribute");
    library.get(finalize, "cudnnBackendFinalize");
    library.get(execute, "cudnnBackendExecute");
  }
};

const Library& library() {
  static const Library functions;
  return functions;
}

/// What cuDNN says of its last refusal, in a line.
std::string last_error() {
  char text[512] = "";
  library().last_error(text, sizeof(text));
  std::string line = text;
  return line.substr(0, line.find('\n'));
}

void check(cudnnStatus_t status, std::string_view action) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  fail(ErrorKind::runtime, ProfileRange::current(), "cuDNN: {} while {}: {}", library().error_string(status), action,
       last_error());
}

/// A handle belongs to a thread and a device.
cudnnHandle_t handle() {
  thread_local std::map<int, cudnnHandle_t> all;
  int device = 0;
  cuda_driver::check(cudaGetDevice(&device), "asking for the device");
  auto known = all.find(device);
  if (known != all.end()) return known->second;
  cudnnHandle_t made = nullptr;
  check(library().create(&made), "starting");
  return all[device] = made;
}

class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    check(library().descriptor_create(type, &native_), "describing a convolution");
  }
  ~Descriptor() {
    if (native_) library().descriptor_destroy(native_);
  }
  Descriptor(Descriptor&& other) noexcept : native_(std::exchange(other.native_, nullptr)) {}
  Descriptor& operator=(Descriptor&&) = delete;

  cudnnBackendDescriptor_t native() const { return native_; }

  template <typename Value>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  const std::vector<Value>& values) {
    check(library().set(native_, name, type, static_cast<std::int64_t>(values.size()), values.data()),
          "describing a convolution");
    return *this;
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values) {
    return set(name, CUDNN_TYPE_INT64, values);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, std::vector{value.native()});
  }

  /// False if cuDNN does not support what is described.
  bool finalize() { return library().finalize(native_) == CUDNN_STATUS_SUCCESS; }
  void finish() { check(library().finalize(native_), "describing a convolution"); }

  std::int64_t number(cudnnBackendAttributeName_t name) const {
    std::int64_t value = 0, count = 0;
    check(library().get(native_, name, CUDNN_TYPE_INT64, 1, &count, &value), "reading a plan");
    return value;
  }

 private:
  cudnnBackendDescriptor_t native_ = nullptr;
};

cudnnDataType_t type_of(DType dtype) {
  return dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/// [N,H,W,C] (or [O,KH,KW,I]) in cuDNN's order of dimensions, N,C,H,W, with the strides of how it lies.
Descriptor describe(std::int64_t id, const Shape& s, DType dtype) {
  Descriptor d(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  d.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, std::vector{type_of(dtype)});
  d.set(CUDNN_ATTR_TENSOR_DIMENSIONS, {s[0], s[3], s[1], s[2]});
  d.set(CUDNN_ATTR_TENSOR_STRIDES, {s[1] * s[2] * s[3], 1, s[2] * s[3], s[3]});
  d.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, {id});
  d.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, {16});
  d.finish();
  return d;
}

/// What differs between the passes: the operation and the names of its attributes.
struct Names {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t convolution, x, weight, y, alpha, beta;
};

Names names_of(ConvPass pass) {
  switch (pass) {
    case ConvPass::forward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
    case ConvPass::backward_data:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case ConvPass::backward_weights:
      break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

constexpr std::int64_t id_x = 'x', id_weight = 'w', id_y = 'y';

Descriptor describe_graph(const ConvCase& c, ConvPass pass) {
  Descriptor x = describe(id_x, c.x.shape, c.x.dtype), weight = describe(id_weight, c.weight(), c.x.dtype);
  Descriptor y = describe(id_y, c.y.shape, c.y.dtype);
  Descriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  std::int64_t stride = c.window.stride, padding = c.window.padding;
  convolution.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, {2})
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, std::vector{CUDNN_DATA_FLOAT})
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, std::vector{CUDNN_CROSS_CORRELATION})
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, 1})
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {stride, stride})
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {padding, padding})
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {padding, padding});
  convolution.finish();

  Names names = names_of(pass);
  Descriptor operation(names.operation);
  operation.set(names.convolution, convolution).set(names.x, x).set(names.weight, weight).set(names.y, y);
  operation.set(names.alpha, CUDNN_TYPE_FLOAT, std::vector{1.0f}).set(names.beta, CUDNN_TYPE_FLOAT, std::vector{0.0f});
  operation.finish();

  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, std::vector{handle()});
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  graph.finish();
  return graph;
}

/// The engines that a heuristic proposes for a graph, best first.
std::vector<Descriptor> proposals(const Descriptor& graph, cudnnBackendHeurMode_t mode) {
  Descriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, std::vector{mode});
  if (!heuristic.finalize()) return {};
  std::int64_t count = 0;
  if (library().get(heuristic.native(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count,
                    nullptr) != CUDNN_STATUS_SUCCESS) {
    return {};
  }
  std::vector<Descriptor> engines;
  std::vector<cudnnBackendDescriptor_t> natives;
  for (std::int64_t i = 0; i < count; ++i) {
    engines.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    natives.push_back(engines.back().native());
  }
  check(library().get(heuristic.native(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &count,
                      natives.data()),
        "choosing an algorithm");
  while (static_cast<std::int64_t>(engines.size()) > count) engines.pop_back();
  return engines;
}

/// Deterministic, and no less precise than its dtype says.
bool suits(const Descriptor& configuration, DType dtype) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t native = engine.native();
  std::int64_t count = 0;
  check(library().get(configuration.native(), CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                      &native),
        "reading an algorithm");
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
  check(library().get(native, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, notes.size(), &count,
                      notes.data()),
        "reading an algorithm");
  auto has = [&](cudnnBackendNumericalNote_t note) {
    return std::find(notes.begin(), notes.begin() + count, note) != notes.begin() + count;
  };
  bool exact = dtype != DType::f32 || tf32_allowed() ||
               (!has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && !has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS));
  return !has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) && !has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) && exact;
}

struct Prepared {
  Descriptor plan;
  std::size_t workspace;
};

Prepared prepare(const ConvCase& c, ConvPass pass) {
  Descriptor graph = describe_graph(c, pass);
  for (auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (Descriptor& engine : proposals(graph, mode)) {
      if (!suits(engine, c.x.dtype)) continue;
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, std::vector{handle()});
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine);
      if (!plan.finalize()) continue;
      std::int64_t workspace = plan.number(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
      if (workspace > most_workspace) continue;
      return {std::move(plan), static_cast<std::size_t>(workspace)};
    }
  }
  fail(ErrorKind::runtime, ProfileRange::current(), "cuDNN has no deterministic {} convolution of {} to {}: {}",
       name_of(c.x.dtype), c.x.shape.text(), c.y.shape.text(), last_error());
}

const Prepared& prepared(const ConvCase& c, ConvPass pass) {
  using Key = std::array<std::int64_t, 11>;
  static std::mutex mutex;
  static std::map<Key, Prepared> known;
  cuda_driver::use(c.x.device.index);
  Key key = {c.x.device.index,      c.x.shape[0],    c.x.shape[1],    c.x.shape[2],     c.x.shape[3],
             c.y.shape[3],          c.window.kernel, c.window.stride, c.window.padding, static_cast<int>(c.x.dtype),
             static_cast<int>(pass)};
  std::lock_guard lock(mutex);
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, prepare(c, pass)).first;
  return found->second;
}

}  // namespace

void open() {
  library();
}

std::size_t workspace(const ConvCase& c, ConvPass pass) {
  return prepared(c, pass).workspace;
}

void run(const ConvCase& c, ConvPass pass, const Tensor& x, const Tensor& weight, const Tensor& y,
         const Tensor& workspace) {
  cudaStream_t stream = cuda::stream_of(x);  // and the device, which the handle is of
  check(library().set_stream(handle(), stream), "choosing the stream");
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, {id_x, id_weight, id_y});
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
           std::vector<void*>{x.raw(), weight.raw(), y.raw()});
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, std::vector<void*>{workspace.raw()});
  pack.finish();
  check(library().execute(handle(), prepared(c, pass).plan.native(), pack.native()), "convolving");
  cuda::check_launch(stream);
}

}  // namespace stint::cudnn
