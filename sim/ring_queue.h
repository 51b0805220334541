// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// RingQueue: a first-in first-out queue in one block of memory that it keeps,
// so that a queue which has reached its size allocates nothing. std::deque
// frees and takes blocks as it moves.
//
// Thread-safety: thread-compatible.
#ifndef PARLEY_SIM_RING_QUEUE_H_
#define PARLEY_SIM_RING_QUEUE_H_

#include <cstddef>
#include <utility>
#include <vector>

namespace parley::sim {

template <typename T>
class RingQueue {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  // Element `i` from the front. Requires i < size().
  T& operator[](size_t i) { return slots_[(head_ + i) % slots_.size()]; }
  T& front() { return slots_[head_]; }

  void push_back(T value) {
    if (size_ == slots_.size()) Grow();
    slots_[(head_ + size_) % slots_.size()] = std::move(value);
    ++size_;
  }

  void pop_front() {
    slots_[head_] = T();
    head_ = (head_ + 1) % slots_.size();
    --size_;
  }

 private:
  void Grow() {
    std::vector<T> larger(slots_.empty() ? 8 : 2 * slots_.size());
    for (size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    slots_ = std::move(larger);
    head_ = 0;
  }

  std::vector<T> slots_;
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace parley::sim

#endif  // PARLEY_SIM_RING_QUEUE_H_
