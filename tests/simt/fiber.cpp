#include "fiber.h"

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>

#include <new>

namespace stint::simt {

namespace context = boost::context::detail;

namespace {
constexpr std::size_t stack_size = 128 * 1024;
}

Fiber::Fiber() {
  void* memory = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_ = static_cast<std::byte*>(memory);
  abandon();
}

Fiber::~Fiber() {
  ASAN_UNPOISON_MEMORY_REGION(stack_, stack_size);
  munmap(stack_, stack_size);
}

void Fiber::abandon() {
  ASAN_UNPOISON_MEMORY_REGION(stack_, stack_size);
  inside_ = context::make_fcontext(stack_ + stack_size, stack_size, &Fiber::loop);
  inside_fake_ = nullptr;
  ended_ = true;
}

bool Fiber::start(const std::function<void()>& work) {
  work_ = &work;
  ended_ = false;
  return resume();
}

bool Fiber::resume() {
  switch_in();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  return ended_;
}

void Fiber::switch_in() {
  __sanitizer_start_switch_fiber(&outside_fake_, stack_, stack_size);
  context::transfer_t back = context::jump_fcontext(inside_, this);
  __sanitizer_finish_switch_fiber(outside_fake_, nullptr, nullptr);
  inside_ = back.fctx;
}

void Fiber::stop() {
  __sanitizer_start_switch_fiber(&inside_fake_, outside_stack_, outside_size_);
  context::transfer_t back = context::jump_fcontext(outside_, nullptr);
  __sanitizer_finish_switch_fiber(inside_fake_, &outside_stack_, &outside_size_);
  outside_ = back.fctx;
}

void Fiber::loop(context::transfer_t from) {
  auto* fiber = static_cast<Fiber*>(from.data);
  __sanitizer_finish_switch_fiber(nullptr, &fiber->outside_stack_, &fiber->outside_size_);
  fiber->outside_ = from.fctx;
  while (true) {
    try {
      (*fiber->work_)();
    } catch (...) {
      fiber->failure_ = std::current_exception();
    }
    fiber->ended_ = true;
    fiber->stop();
  }
}

}  // namespace stint::simt
