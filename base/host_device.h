// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// PARLEY_HD marks a function that runs on the host and, where nvcc compiles it,
// on the device as well. What carries it uses neither Abseil nor the standard
// library's run-time part.
//
//   PARLEY_HD constexpr int Twice(int x) { return 2 * x; }
//
// PARLEY_HD_INLINE is the same for what must become a part of its caller,
// whatever the compiler thinks of its size.
#ifndef PARLEY_BASE_HOST_DEVICE_H_
#define PARLEY_BASE_HOST_DEVICE_H_

#if defined(__CUDACC__)
#define PARLEY_HD __host__ __device__
#else
#define PARLEY_HD
#endif

#define PARLEY_HD_INLINE PARLEY_HD inline __attribute__((always_inline))

#endif  // PARLEY_BASE_HOST_DEVICE_H_
