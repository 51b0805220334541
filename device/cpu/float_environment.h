// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// ScopedFloatEnvironment: the floating-point mode that the kernels' results are
// defined in, for the length of a scope: round to nearest even, subnormals
// kept, no traps. Frameworks turn on flushing of subnormals for speed; the
// caller's mode and exception flags are put back at the end.
//
//   ScopedFloatEnvironment environment;
//   kernel(args, begin, end);  // a call the compiler cannot see into
//
// The compiler knows nothing of the mode and may move arithmetic across the
// constructor unless it is inside a function that is not inlined.
//
// Thread-safety: affects the calling thread only.
#ifndef PARLEY_DEVICE_CPU_FLOAT_ENVIRONMENT_H_
#define PARLEY_DEVICE_CPU_FLOAT_ENVIRONMENT_H_

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace parley {

class ScopedFloatEnvironment {
 public:
  ScopedFloatEnvironment() : saved_(Get()) {
    if (saved_ != kDefault) Set(kDefault);
  }
  ScopedFloatEnvironment(const ScopedFloatEnvironment&) = delete;
  ScopedFloatEnvironment& operator=(const ScopedFloatEnvironment&) = delete;
  ~ScopedFloatEnvironment() { Set(saved_); }

 private:
#if defined(__SSE2__)
  // All exceptions masked, nothing else set.
  static constexpr uint64_t kDefault = 0x1f80;
  static uint64_t Get() { return _mm_getcsr(); }
  static void Set(uint64_t mode) { _mm_setcsr(static_cast<unsigned>(mode)); }
#elif defined(__aarch64__)
  static constexpr uint64_t kDefault = 0;
  static uint64_t Get() {
    uint64_t mode;
    asm volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
  }
  static void Set(uint64_t mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
#else
#error "Parley does not know this processor's floating-point control register."
#endif

  const uint64_t saved_;
};

}  // namespace parley

#endif  // PARLEY_DEVICE_CPU_FLOAT_ENVIRONMENT_H_
