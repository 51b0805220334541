// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the tests of launch.h share: memory of any alignment between guards, and
// a launcher that runs bodies on the host with any number of threads, in either
// order.
#ifndef PARLEY_DEVICE_CUDA_LAUNCH_TESTING_H_
#define PARLEY_DEVICE_CUDA_LAUNCH_TESTING_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parley/base/random.h"
#include "parley/device/cuda/fingerprint_body.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/cuda/host_launcher.h"

namespace parley {

inline int64_t Uniform(Random& random, int64_t bound) {
  return static_cast<int64_t>(random.Uniform(static_cast<uint64_t>(bound)));
}

// `bytes` bytes that begin `misalignment` behind a multiple of 64, between
// guards of at least 64 bytes.
class Block {
 public:
  Block(int64_t bytes, int64_t misalignment)
      : misalignment_(misalignment),
        lines_(static_cast<size_t>((misalignment + bytes + 63) / 64 + 2)) {
    std::memset(lines_.data(), 0xa5, size());
  }

  uint8_t* data() { return lines_[1].bytes + misalignment_; }

  friend bool operator==(const Block& a, const Block& b) {
    return a.size() == b.size() &&
           std::memcmp(a.lines_.data(), b.lines_.data(), a.size()) == 0;
  }

 private:
  struct alignas(64) Line {
    uint8_t bytes[64];
  };
  size_t size() const { return lines_.size() * sizeof(Line); }

  int64_t misalignment_;
  std::vector<Line> lines_;
};

template <typename Body>
inline constexpr bool kIsFingerprintBody = false;
template <int kCapacity>
inline constexpr bool kIsFingerprintBody<FingerprintBody<kCapacity>> = true;

// Runs every thread of a launch: as RunGrid() does, or with another number of
// threads, or from the last one to the first.
struct TestLauncher {
  using Error = int;

  template <typename Body>
  Error Launch(const typename Body::Params& params, const Grid& grid) {
    static_assert(std::is_trivially_copyable_v<typename Body::Params>);
    static_assert(sizeof(params) <= 32764, "the most that a launch can take");
    ++launches;
    // What launches of Fingerprint leave behind depends on the grid.
    const bool fixed = threads == 0 || kIsFingerprintBody<Body>;
    const int64_t count = fixed ? grid.threads() : threads;
    if (!backwards && fixed) {
      RunGrid<Body>(params, grid);
      return 0;
    }
    for (int64_t i = 0; i < count; ++i) {
      Body::Run({backwards ? count - 1 - i : i, count}, params);
    }
    return 0;
  }

  std::string ToString() const {
    return absl::StrCat(threads, " threads", backwards ? ", backwards" : "");
  }

  int64_t threads = 0;  // 0: as many as the grid has
  bool backwards = false;
  int launches = 0;
};

inline TestLauncher RandomLauncher(Random& random) {
  constexpr int64_t kThreads[] = {0, 0, 1, 2, 31, 256, 5000};
  TestLauncher launcher;
  launcher.threads = kThreads[random.Uniform(7)];
  launcher.backwards = random.Uniform(2) == 0;
  return launcher;
}

// Runs one thread of so many that it has one unit of work at most.
struct OneThread {
  using Error = int;

  template <typename Body>
  Error Launch(const typename Body::Params& params, const Grid&) {
    Body::Run({thread, int64_t{1} << 50}, params);
    return 0;
  }

  int64_t thread;
};

// Where a tensor would begin whose byte `offset` is at `data`.
inline void* Before(void* data, int64_t offset) {
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(data) -
                                 static_cast<uintptr_t>(offset));
}

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_LAUNCH_TESTING_H_
