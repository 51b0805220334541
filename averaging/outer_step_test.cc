// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Meetings that end in an outer optimizer's step, at the exchange: what the
// step makes of any layout and dtype, on one rank and on several, and what a
// failure leaves.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/averaging/codec/bfloat16_codec.h"
#include "parley/averaging/exchange.h"
#include "parley/averaging/outer/nesterov_outer.h"
#include "parley/averaging/outer/outer_state.h"
#include "parley/averaging/outer/plain_outer.h"
#include "parley/base/rounding.h"
#include "parley/base/status_macros.h"
#include "parley/sim/testing/run_ranks.h"
#include "parley/sim/world.h"

namespace parley {
namespace {

using sim::testing::RunRanks;

constexpr double kRate = 0.7;
constexpr double kMu = 0.9;

// A large tensor, which is exchanged in place and has a rest, a small one, a
// matrix of which every third column is left out, and their 16-bit and 64-bit
// likes.
class Model {
 public:
  explicit Model(bool all_dtypes = true) {
    Add("large", DType::kFloat32, {3001}, {1});
    Add("small", DType::kFloat32, {7}, {1});
    Add("columns", DType::kFloat32, {50, 2}, {3, 1});
    if (!all_dtypes) return;
    Add("half", DType::kBFloat16, {2003}, {1});
    Add("half columns", DType::kFloat16, {2, 40}, {1, 3});
    Add("double", DType::kFloat64, {501}, {1});
  }

  ParameterSet Parameters() {
    ParameterGroup group;
    for (Tensor& tensor : tensors_) {
      group.parameters.push_back(
          {tensor.name, *TensorView::Strided(tensor.memory.data(), tensor.dtype,
                                             tensor.shape, tensor.strides)});
    }
    return *ParameterSet::Create({group});
  }

  // Element i of tensor t, in storage order.
  double Get(size_t t, int64_t i) const {
    const void* at = At(t, i);
    switch (tensors_[t].dtype) {
      case DType::kFloat64:
        return *static_cast<const double*>(at);
      case DType::kFloat32:
        return *static_cast<const float*>(at);
      case DType::kFloat16:
        return WidenFloat16(*static_cast<const uint16_t*>(at));
      default:
        return WidenBFloat16(*static_cast<const uint16_t*>(at));
    }
  }

  void Set(size_t t, int64_t i, double value) {
    void* at = const_cast<void*>(At(t, i));
    switch (tensors_[t].dtype) {
      case DType::kFloat64:
        *static_cast<double*>(at) = value;
        break;
      case DType::kFloat32:
        *static_cast<float*>(at) = static_cast<float>(value);
        break;
      case DType::kFloat16:
        *static_cast<uint16_t*>(at) = RoundToFloat16(value);
        break;
      default:
        *static_cast<uint16_t*>(at) = RoundToBFloat16(value);
    }
  }

  size_t tensors() const { return tensors_.size(); }
  DType dtype(size_t t) const { return tensors_[t].dtype; }
  int64_t count(size_t t) const {
    int64_t count = 1;
    for (int64_t size : tensors_[t].shape) count *= size;
    return count;
  }

 private:
  struct Tensor {
    std::string name;
    DType dtype;
    std::vector<int64_t> shape;
    std::vector<int64_t> strides;
    std::vector<char> memory;
  };

  void Add(std::string name, DType dtype, std::vector<int64_t> shape,
           std::vector<int64_t> strides) {
    int64_t last = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
      last += (shape[d] - 1) * strides[d];
    }
    tensors_.push_back(
        {std::move(name), dtype, std::move(shape), std::move(strides),
         std::vector<char>(static_cast<size_t>((last + 1) * SizeOf(dtype)))});
  }

  const void* At(size_t t, int64_t i) const {
    const Tensor& tensor = tensors_[t];
    int64_t at = i;
    if (tensor.shape.size() == 2) {
      // The dimension of the larger stride is the outer one.
      const size_t outer = tensor.strides[0] > tensor.strides[1] ? 0 : 1;
      const int64_t inner_size = tensor.shape[1 - outer];
      at = i / inner_size * tensor.strides[outer] +
           i % inner_size * tensor.strides[1 - outer];
    }
    return tensor.memory.data() + at * SizeOf(tensor.dtype);
  }

  std::vector<Tensor> tensors_;
};

double Rounded(DType dtype, double value) {
  switch (dtype) {
    case DType::kFloat64:
      return value;
    case DType::kFloat16:
      return WidenFloat16(RoundToFloat16(value));
    case DType::kBFloat16:
      return WidenBFloat16(RoundToBFloat16(value));
    default:
      return static_cast<float>(value);
  }
}

// What a rank has after local training of round `round`: of what it had, with
// something of its own.
double Trained(double before, int rank, int round, size_t t, int64_t i) {
  return before - 0.001 * static_cast<double>((i * 7 + rank * 3 + round) % 11) -
         0.01 * static_cast<double>(t) * (rank + 1);
}

// Everything that a rank needs to meet.
struct Scene {
  Scene(Communicator& communicator, Model& model,
        std::shared_ptr<const OuterOptimizer> outer, int64_t bucket_bytes,
        std::shared_ptr<const Codec> codec = nullptr)
      : parameters(model.Parameters()) {
    Device& device = communicator.device();
    plan = std::make_unique<AveragingPlan>(*AveragingPlan::Create(
        parameters, {.world_size = communicator.size(),
                     .preferred_bucket_bytes = bucket_bytes,
                     .outer = outer,
                     .codec = codec}));
    state = *OuterState::Create(outer, parameters, device, device.allocator());
    exchange = *Exchange::Create(communicator, parameters, *plan,
                                 {.outer = state.get()});
    exchange->Select(
        std::vector<uint8_t>(parameters.entries().size(), uint8_t{1}));
    weights.assign(static_cast<size_t>(communicator.size()), 1);
    clock = &communicator.clock();
  }

  absl::StatusOr<Exchange::Result> Run(MeetingKind kind = MeetingKind::kStep) {
    return exchange->Run(kind, weights, nullptr,
                         Deadline(*clock, absl::Seconds(5)));
  }

  ParameterSet parameters;
  std::unique_ptr<AveragingPlan> plan;
  std::unique_ptr<OuterState> state;
  std::unique_ptr<Exchange> exchange;
  std::vector<double> weights;
  Clock* clock;
};

// E5, and SNOO's numbers (arXiv 2510.15830): a constant outer gradient of 1.
TEST(OuterStepTest, E5_NesterovGoesAsFarAsItsClosedFormSays) {
  const std::vector<double> totals = {1.33,    3.227,     5.6343,
                                      8.50087, 11.780783, 15.4327047};
  for (const int ranks : {1, 4}) {
    SCOPED_TRACE(ranks);
    RunRanks({.ranks = ranks}, [&](sim::RankContext& rank) -> absl::Status {
      std::vector<double> w = {100};
      ParameterGroup group;
      group.parameters = {{"w", TensorView::Of(absl::MakeSpan(w))}};
      const ParameterSet parameters = *ParameterSet::Create({group});
      const auto outer = NesterovOuter();
      Communicator& comm = rank.communicator();
      const AveragingPlan plan = *AveragingPlan::Create(
          parameters, {.world_size = comm.size(), .outer = outer});
      const auto state = *OuterState::Create(outer, parameters, comm.device(),
                                             comm.device().allocator());
      const auto exchange =
          *Exchange::Create(comm, parameters, plan, {.outer = state.get()});
      exchange->Select({1});
      for (double total : totals) {
        // Some move more than others, and on average by 1.
        const double apart = rank.rank() - (comm.size() - 1) / 2.0;
        w[0] -= 1 + apart;
        PARLEY_RETURN_IF_ERROR(
            exchange
                ->Run(MeetingKind::kStep,
                      std::vector<double>(static_cast<size_t>(comm.size()), 1),
                      nullptr, Deadline(comm.clock(), absl::Seconds(5)))
                .status());
        EXPECT_NEAR(100 - w[0], total, 1e-6);
      }
      return absl::OkStatus();
    });
  }
}

// The definition, written out: one element. In float64, with each of model,
// anchor and momentum rounded once, the mean on its way to float32, and a
// difference, with a codec, to bfloat16.
class Definition {
 public:
  Definition(DType dtype, double value, bool encoded)
      : dtype_(dtype),
        kept_(ParameterCopies::DTypeFor(dtype)),
        encoded_(encoded),
        model_(value),
        anchor_(value) {}

  double model() const { return model_; }

  // `replicas` are what ranks come with.
  void Step(const std::vector<double>& replicas) {
    double sum = 0;
    for (double replica : replicas) {
      sum += encoded_ ? Rounded(DType::kBFloat16, replica - anchor_) : replica;
    }
    double mean = sum / static_cast<double>(replicas.size());
    if (encoded_) mean = anchor_ + Rounded(DType::kBFloat16, mean);
    mean = Rounded(kept_, mean);
    const double gradient = anchor_ - mean;
    const double momentum = kMu * momentum_ + gradient;
    const double anchor = anchor_ - kRate * (gradient + kMu * momentum);
    model_ = Rounded(dtype_, anchor);
    anchor_ = Rounded(kept_, anchor);
    momentum_ = Rounded(kept_, momentum);
  }

 private:
  const DType dtype_;
  const DType kept_;
  const bool encoded_;
  double model_;
  double anchor_;
  double momentum_ = 0;
};

// All elements of a model, and what they should be.
class Checked {
 public:
  explicit Checked(bool encoded) : model(/*all_dtypes=*/!encoded) {
    for (size_t t = 0; t < model.tensors(); ++t) {
      expected_.emplace_back();
      for (int64_t i = 0; i < model.count(t); ++i) {
        model.Set(t, i, 1 + 0.01 * static_cast<double>(i % 13));
        expected_[t].emplace_back(model.dtype(t), model.Get(t, i), encoded);
      }
    }
  }

  void Train(int rank, int ranks, int round) {
    for (size_t t = 0; t < model.tensors(); ++t) {
      for (int64_t i = 0; i < model.count(t); ++i) {
        Definition& element = expected_[t][static_cast<size_t>(i)];
        std::vector<double> replicas;
        for (int r = 0; r < ranks; ++r) {
          replicas.push_back(Rounded(model.dtype(t),
                                     Trained(element.model(), r, round, t, i)));
        }
        model.Set(t, i, replicas[static_cast<size_t>(rank)]);
        element.Step(replicas);
      }
    }
  }

  absl::Status Check() const {
    for (size_t t = 0; t < model.tensors(); ++t) {
      for (int64_t i = 0; i < model.count(t); ++i) {
        const double want = expected_[t][static_cast<size_t>(i)].model();
        if (model.Get(t, i) == want) continue;
        return absl::InternalError(absl::StrCat("tensor ", t, ", element ", i,
                                                ": ", model.Get(t, i),
                                                ", expected ", want));
      }
    }
    return absl::OkStatus();
  }

  Model model;

 private:
  std::vector<std::vector<Definition>> expected_;
};

void ExpectTheDefinition(int ranks, int64_t bucket_bytes,
                         const std::shared_ptr<const Codec>& codec) {
  SCOPED_TRACE(absl::StrCat(ranks, " ranks, ", bucket_bytes, " bytes"));
  RunRanks({.ranks = ranks}, [&](sim::RankContext& rank) -> absl::Status {
    Checked checked(/*encoded=*/codec != nullptr);
    Scene scene(rank.communicator(), checked.model,
                NesterovOuter({.learning_rate = kRate, .momentum = kMu}),
                bucket_bytes, codec);
    for (int round = 0; round < 3; ++round) {
      checked.Train(rank.rank(), ranks, round);
      PARLEY_RETURN_IF_ERROR(scene.Run().status());
      PARLEY_RETURN_IF_ERROR(checked.Check());
    }
    return absl::OkStatus();
  });
}

// Any layout, any dtype.
TEST(OuterStepTest, HasTheBitsOfTheDefinition) {
  for (const int ranks : {1, 2, 3, 8}) {
    for (const int64_t bucket_bytes : {300, 4096, 1 << 20}) {
      ExpectTheDefinition(ranks, bucket_bytes, nullptr);
    }
  }
}

TEST(OuterStepTest, DifferencesHaveTheBitsOfTheDefinition) {
  for (const int ranks : {2, 3, 8}) {
    for (const int64_t bucket_bytes : {300, 4096, 1 << 20}) {
      ExpectTheDefinition(ranks, bucket_bytes, BFloat16Codec());
    }
  }
}

TEST(OuterStepTest, DifferencesAreHalfTheBytes) {
  RunRanks({.ranks = 2}, [](sim::RankContext& rank) -> absl::Status {
    Model model(/*all_dtypes=*/false);
    Scene whole(rank.communicator(), model, PlainOuter(), 1 << 20);
    Scene encoded(rank.communicator(), model, PlainOuter(), 1 << 20,
                  BFloat16Codec());
    PARLEY_ASSIGN_OR_RETURN(const auto all, whole.Run());
    PARLEY_ASSIGN_OR_RETURN(const auto half, encoded.Run());
    // But for the zeros that either is padded with.
    EXPECT_NEAR(static_cast<double>(all.bytes_received),
                2.0 * static_cast<double>(half.bytes_received), 2 * 2 * 128);
    return absl::OkStatus();
  });
}

// Whatever their values: differences are zero then, which all codecs keep.
TEST(OuterStepTest, ReplicasThatHaveNotMovedDoNotMove) {
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    Model model(/*all_dtypes=*/false);
    for (size_t t = 0; t < model.tensors(); ++t) {
      for (int64_t i = 0; i < model.count(t); ++i) {
        model.Set(t, i, std::sin(static_cast<double>(i)) * 1e3);
      }
    }
    Scene scene(rank.communicator(), model, PlainOuter(), 4096,
                BFloat16Codec());
    PARLEY_RETURN_IF_ERROR(scene.Run().status());
    for (size_t t = 0; t < model.tensors(); ++t) {
      for (int64_t i = 0; i < model.count(t); ++i) {
        EXPECT_EQ(
            model.Get(t, i),
            Rounded(DType::kFloat32, std::sin(static_cast<double>(i)) * 1e3));
      }
    }
    return absl::OkStatus();
  });
}

// The fingerprint is one of model and state, the same for any bucket size.
TEST(OuterStepTest, FingerprintCoversTheState) {
  std::vector<uint64_t> fingerprints;
  for (const int64_t bucket_bytes : {300, 1 << 20}) {
    for (const bool reset : {false, true}) {
      RunRanks({.ranks = 2}, [&](sim::RankContext& rank) -> absl::Status {
        Model model;
        Scene meeting(rank.communicator(), model, NesterovOuter(),
                      bucket_bytes);
        // Nothing has moved, so that models stay as they are in any case; a
        // reset writes the anchor, too.
        PARLEY_ASSIGN_OR_RETURN(
            const Exchange::Result result,
            meeting.Run(reset ? MeetingKind::kReset : MeetingKind::kStep));
        model.Set(0, 5, 1);
        PARLEY_ASSIGN_OR_RETURN(
            const Exchange::Result moved,
            meeting.Run(reset ? MeetingKind::kReset : MeetingKind::kStep));
        EXPECT_NE(moved.fingerprint, result.fingerprint);
        if (rank.rank() == 0) fingerprints.push_back(moved.fingerprint);
        return absl::OkStatus();
      });
    }
  }
  ASSERT_EQ(fingerprints.size(), 8);  // each world runs twice
  EXPECT_EQ(fingerprints[0], fingerprints[4]);
  EXPECT_EQ(fingerprints[2], fingerprints[6]);
  EXPECT_NE(fingerprints[0], fingerprints[2]);
}

TEST(OuterStepTest, AResetIsAPlainMeanAndTheNextStepStartsThere) {
  RunRanks({.ranks = 2}, [](sim::RankContext& rank) -> absl::Status {
    Model model;
    Scene meeting(rank.communicator(), model, NesterovOuter(), 1 << 20);
    model.Set(0, 0, rank.rank() == 0 ? 8 : 16);
    PARLEY_RETURN_IF_ERROR(meeting.Run(MeetingKind::kReset).status());
    EXPECT_EQ(model.Get(0, 0), 12);
    // Nobody has moved since: a step from another anchor would.
    PARLEY_RETURN_IF_ERROR(meeting.Run().status());
    EXPECT_EQ(model.Get(0, 0), 12);
    return absl::OkStatus();
  });
}

TEST(OuterStepTest, PlainIsThePlainMean) {
  RunRanks({.ranks = 3}, [](sim::RankContext& rank) -> absl::Status {
    Model model;
    Scene meeting(rank.communicator(), model, PlainOuter(), 1 << 20);
    for (int round = 0; round < 2; ++round) {
      for (size_t t = 0; t < model.tensors(); ++t) {
        model.Set(t, 3, 3.0 * (rank.rank() + round));
      }
      PARLEY_RETURN_IF_ERROR(meeting.Run().status());
      for (size_t t = 0; t < model.tensors(); ++t) {
        EXPECT_EQ(model.Get(t, 3), 3.0 * (1 + round));
      }
    }
    return absl::OkStatus();
  });
}

// A rank dies at any moment: each element is what it was, with the state that
// it had, or what the step made of it.
TEST(OuterStepTest, AFailureLeavesModelAndStateTogether) {
  constexpr int64_t kBuckets = 2000;
  for (int64_t crash_us = 10; crash_us < 200; crash_us += 10) {
    SCOPED_TRACE(crash_us);
    sim::World world({.ranks = 3,
                      .faults = {{.kind = sim::FaultKind::kCrash,
                                  .rank = 2,
                                  .at = absl::Microseconds(crash_us)}}});
    world.Run([&](sim::RankContext& rank) -> absl::Status {
      Model model;
      Scene meeting(rank.communicator(), model, NesterovOuter(), kBuckets);
      for (int64_t i = 0; i < model.count(0); ++i) {
        model.Set(0, i, -1.0 - rank.rank());
      }
      const absl::Status status = meeting.Run().status();
      if (rank.rank() == 2) return absl::OkStatus();
      const auto& copies = meeting.state->copies();
      for (int64_t i = 0; i < model.count(0); ++i) {
        const bool stepped = model.Get(0, i) != -1.0 - rank.rank();
        const float anchor = *static_cast<float*>(copies[0].At(0, i));
        const float momentum = *static_cast<float*>(copies[1].At(0, i));
        EXPECT_EQ(stepped, anchor != 0) << i;
        EXPECT_EQ(stepped, momentum != 0) << i;
        if (stepped) {
          EXPECT_EQ(momentum, 2) << i;
        }
      }
      EXPECT_TRUE(status.ok() ||
                  status.code() == absl::StatusCode::kUnavailable)
          << status;
      return absl::OkStatus();
    });
  }
}

}  // namespace
}  // namespace parley
