// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// MutantDevice: a device with one fault in the kernels that a meeting launches,
// in its streams or in where it writes. What a fault needs of the communicator
// is in mutants.cc.
//
// Thread-safety: as Device, but for SetPlan() and Rebind(), which nothing else
// may run beside.
#ifndef PARLEY_TESTS_SUPPORT_MUTANT_DEVICE_H_
#define PARLEY_TESTS_SUPPORT_MUTANT_DEVICE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "parley/averaging/plan.h"
#include "parley/device/device.h"

namespace parley::testing {

enum class Fault {
  kNone,
  kDoesNothing,          // no result reaches a tensor
  kDropsLastBucket,      // that of the plan's last bucket does not
  kCountsRankZeroTwice,  // the first rank that counts, to be exact
  kSumsInArrivalOrder,
  kRebindsAPointer,   // from the second meeting on, works on memory of its own
  kForgetsToWait,     // for the end of a meeting
  kForgetsAnEvent,    // streams do not wait for one another
  kDropsLastElement,  // of every shard
  kSumsInFloat32,     // and thus rounds more than once
  kWritesPastTheEnd,  // of a tensor, by one byte
  kIgnoresWeights,    // that are not 0
  kIgnoresRoot,       // broadcasts from the last rank
  kStepsTwice,        // of an outer optimizer
  kMovesBytesTwice,   // those that are averaged
};

class MutantDevice final : public Device {
 public:
  MutantDevice(Fault fault, Device& real) : fault_(fault), real_(real) {}

  // The stream behind one of this device's, which the real communicator needs.
  static Stream& Real(Stream& stream);

  void SetPlan(const AveragingPlan& plan);

  // kRebindsAPointer: copies the model, behind the work on `stream`, and works
  // on the copy from then on.
  absl::Status Rebind(Stream& stream);
  // Where `view`, a piece of the plan, now lies.
  TensorView Translate(const TensorView& view) const;

  DeviceId id() const override { return real_.id(); }
  Allocator& host_visible_allocator() override {
    return real_.host_visible_allocator();
  }
  Allocator& allocator() override { return real_.allocator(); }
  absl::StatusOr<std::unique_ptr<Stream>> CreateStream() override;
  std::unique_ptr<Event> CreateEvent() override { return real_.CreateEvent(); }
  int64_t preferred_bucket_bytes() const override {
    return real_.preferred_bucket_bytes();
  }

  absl::Status Mean(const MeanArgs& args, Stream& stream) override;
  absl::Status Copy(const CopyArgs& args, Stream& stream) override;
  absl::Status Elementwise(const ElementwiseArgs& args,
                           Stream& stream) override;
  absl::Status Fingerprint(const FingerprintArgs& args,
                           Stream& stream) override {
    return real_.Fingerprint(args, Real(stream));
  }

 private:
  // The inputs of a mean, in memory that outlives the launch.
  struct Inputs {
    std::vector<const void*> pointers;
    std::vector<double> weights;
  };

  Inputs& CopyInputs(const MeanArgs& args);
  bool IsTarget(const TensorCopy& copy) const;
  bool IsLastTarget(const TensorCopy& copy) const;
  CopyArgs Translate(const CopyArgs& args);
  absl::Status WritePastTheEnd(const TensorView& to, Stream& stream);

  const Fault fault_;
  Device& real_;

  std::vector<Piece> pieces_;           // of the plan
  std::set<const void*> targets_;       // where they lie
  std::set<const void*> last_targets_;  // of the last bucket
  std::map<const void*, std::vector<char>> shadows_;
  bool rebound_ = false;

  std::deque<Inputs> inputs_;
  std::deque<std::vector<TensorCopy>> copies_;
};

}  // namespace parley::testing

#endif  // PARLEY_TESTS_SUPPORT_MUTANT_DEVICE_H_
