#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

namespace stint::simt {

/// A stack on which functions run that can stop in the middle, one after the other.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Runs `work` until it stops or ends; true when it ended. Throws what `work` threw.
  bool start(const std::function<void()>& work);
  /// Goes on where it stopped.
  bool resume();
  /// From inside: back to whoever started or resumed the fiber.
  void stop();
  /// Forgets a function that stopped and will never go on.
  void abandon();

 private:
  static void loop(boost::context::detail::transfer_t from);
  void switch_in();

  std::byte* stack_ = nullptr;
  boost::context::detail::fcontext_t inside_ = nullptr, outside_ = nullptr;
  const std::function<void()>* work_ = nullptr;
  std::exception_ptr failure_;
  bool ended_ = true;
  // What AddressSanitizer wants to know of the stacks that are left.
  void *inside_fake_ = nullptr, *outside_fake_ = nullptr;
  const void* outside_stack_ = nullptr;
  std::size_t outside_size_ = 0;
};

}  // namespace stint::simt
