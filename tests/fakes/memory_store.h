// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// MemoryStore: a Store for the ranks of one simulated world. Values arrive in
// the order of virtual time, and Get() waits in it, so that what a rank finds
// does not depend on which thread was faster.
//
//   MemoryStore store;
//   world.Run([&](sim::RankContext& rank) { ... store.Set("key", "value"); });
//
// Must outlive the run.
//
// Thread-safety: may be used by all ranks and actors of the world, and by no
// other thread.
#ifndef PARLEY_TESTS_FAKES_MEMORY_STORE_H_
#define PARLEY_TESTS_FAKES_MEMORY_STORE_H_

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "parley/base/mutex.h"
#include "parley/comm/store/store.h"
#include "parley/sim/scheduler.h"

namespace parley::fakes {

class MemoryStore final : public Store {
 public:
  absl::Status Set(absl::string_view key, absl::string_view value) override;
  absl::StatusOr<std::string> Get(absl::string_view key,
                                  absl::Duration timeout) override;

 private:
  // A value on its way.
  struct Write final : sim::EventTarget {
    void OnEvent(int64_t time_ns, uint64_t tag) override;
    MemoryStore* store = nullptr;
    std::string key;
    std::string value;
  };

  // A caller of Get(), parked.
  struct Read final : sim::EventTarget {
    void OnEvent(int64_t time_ns, uint64_t tag) override;
    MemoryStore* store = nullptr;
    sim::SimThread* thread = nullptr;
    std::string key;
    std::string value;
    bool found = false;
    bool is_last = false;  // has looked, and does not wait
  };

  Mutex mutex_;
  std::deque<Write> writes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> values_ ABSL_GUARDED_BY(mutex_);
  std::vector<Read*> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace parley::fakes

#endif  // PARLEY_TESTS_FAKES_MEMORY_STORE_H_
