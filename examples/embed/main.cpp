// A classifier trained inside a C++ program: is a point inside the circle?
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>
#include <stint/layers/linear.h>
#include <stint/layers/optimiser.h>
#include <stint/layers/sequential.h>
#include <stint/layers/simple.h>

#include <cstdio>

int main() {
  using namespace stint;
  RandomSequence random{/*seed=*/1};
  Tensor points({256, 2}, DType::f32), inside({256}, DType::i32);
  for (int i = 0; i < 256; ++i) {
    float x = 2 * random.uniform(2 * i) - 1, y = 2 * random.uniform(2 * i + 1) - 1;
    points.data<float>()[2 * i] = x;
    points.data<float>()[2 * i + 1] = y;
    inside.data<std::int32_t>()[i] = x * x + y * y < 0.6f;
  }

  layers::Sequential net;
  net.append<layers::Linear>(2, 32);
  net.append<layers::Relu>();
  net.append<layers::Linear>(32, 2);
  ModelState state(net, Device::cpu(), DType::f32, /*seed=*/1);
  AdamWOptimiser optimiser(state, {});
  for (int step = 0; step <= 300; ++step) {
    Tape tape;
    Value loss = tape.apply(SoftmaxCrossEntropy{}, net(tape, tape.constant(points)), tape.constant(inside));
    if (step % 100 == 0) std::printf("step %3d  loss %.4f\n", step, scalar_of(loss.tensor()));
    state.forget_gradients();
    tape.backward(loss);
    optimiser.apply(state.parameters(), state.gradients(), /*lr=*/0.02f);
  }
}
