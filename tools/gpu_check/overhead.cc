// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tools/gpu_check/overhead.h"

#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "parley/averaging/model_averager.h"
#include "parley/averaging/parameters.h"
#include "parley/averaging/plan.h"
#include "parley/averaging/schedule.h"
#include "parley/base/status_macros.h"
#include "parley/comm/nccl/nccl_status.h"
#include "parley/comm/shard.h"
#include "parley/device/cuda/cuda_status.h"
#include "parley/tools/gpu_check/ratios.h"

namespace parley::gpu_check {
namespace {

// Room for two of the GPU's buckets under way, each staged twice.
constexpr int64_t kBudget = int64_t{256} << 20;

// A communicator of NCCL's own, blocking, and what a meeting does on it for one
// tensor of float32.
class RawMeeting {
 public:
  RawMeeting(const NcclOptions& options, CudaStream& stream)
      : options_(options), stream_(stream) {}
  ~RawMeeting() {
    if (comm_ != nullptr) options_.nccl->CommDestroy(comm_);
  }
  RawMeeting(const RawMeeting&) = delete;
  RawMeeting& operator=(const RawMeeting&) = delete;

  absl::Status Create(const AveragingPlan& plan) {
    for (const Bucket& bucket : plan.buckets()) {
      if (bucket.count % options_.size != 0) {
        return absl::InvalidArgumentError(absl::StrCat(
            "a bucket of ", bucket.count, " elements has no equal shards"));
      }
      counts_.push_back(bucket.count);
    }
    PARLEY_ASSIGN_OR_RETURN(exchange_,
                            Allocation::Create(options_.device->allocator(),
                                               plan.exchange_bytes()));
    ncclUniqueId id;
    constexpr char kKey[] = "gpu_check/raw_id";
    if (options_.rank == 0) {
      PARLEY_RETURN_IF_ERROR(
          Checked(options_.nccl->GetUniqueId(&id), "ncclGetUniqueId"));
      PARLEY_RETURN_IF_ERROR(
          options_.store->Set(kKey, {id.internal, sizeof(id.internal)}));
    }
    PARLEY_ASSIGN_OR_RETURN(const std::string shared,
                            options_.store->Get(kKey, options_.timeout));
    if (shared.size() != sizeof(id.internal)) {
      return absl::DataLossError("the id in the store is of another length");
    }
    std::memcpy(id.internal, shared.data(), shared.size());
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    return Checked(options_.nccl->CommInitRankConfig(&comm_, options_.size, id,
                                                     options_.rank, &config),
                   "ncclCommInitRankConfig");
  }

  // Every rank ends with rank 0's tensor: what would be the mean of a shard is
  // the first of its pieces.
  absl::Status Run(float* tensor) {
    for (const int64_t count : counts_) {
      PARLEY_RETURN_IF_ERROR(RunBucket(tensor, count));
      tensor += count;
    }
    return stream_.WaitHost(options_.timeout);
  }

 private:
  absl::Status Checked(ncclResult_t result, const char* what) const {
    return NcclStatus(*options_.nccl, result, comm_, what);
  }

  absl::Status CopyOnDevice(void* to, const void* from, int64_t count) {
    const CudaApi& cuda = options_.device->api();
    return CudaStatus(
        cuda,
        cuda.MemcpyAsync(to, from, static_cast<size_t>(count) * sizeof(float),
                         cudaMemcpyDeviceToDevice, stream_.handle()),
        "MemcpyAsync");
  }

  absl::Status RunBucket(float* bucket, int64_t count) {
    const NcclApi& nccl = *options_.nccl;
    const ShardRange own = ShardOf(count, options_.size, options_.rank);
    auto* const pieces = static_cast<float*>(exchange_.data());
    PARLEY_RETURN_IF_ERROR(CopyOnDevice(pieces + options_.rank * own.count,
                                        bucket + own.begin, own.count));
    PARLEY_RETURN_IF_ERROR(Checked(nccl.GroupStart(), "ncclGroupStart"));
    for (int peer = 0; peer < options_.size; ++peer) {
      if (peer == options_.rank) continue;
      const ShardRange theirs = ShardOf(count, options_.size, peer);
      PARLEY_RETURN_IF_ERROR(Checked(
          nccl.Send(bucket + theirs.begin, static_cast<size_t>(theirs.count),
                    ncclFloat32, peer, comm_, stream_.handle()),
          "ncclSend"));
      PARLEY_RETURN_IF_ERROR(Checked(
          nccl.Recv(pieces + peer * own.count, static_cast<size_t>(own.count),
                    ncclFloat32, peer, comm_, stream_.handle()),
          "ncclRecv"));
    }
    PARLEY_RETURN_IF_ERROR(Checked(nccl.GroupEnd(), "ncclGroupEnd"));
    // In the place of the mean: the piece of rank 0.
    PARLEY_RETURN_IF_ERROR(CopyOnDevice(bucket + own.begin, pieces, own.count));
    PARLEY_RETURN_IF_ERROR(
        Checked(nccl.AllGather(bucket + own.begin, pieces,
                               static_cast<size_t>(count / options_.size),
                               ncclFloat32, comm_, stream_.handle()),
                "ncclAllGather"));
    return CopyOnDevice(bucket, pieces, count);
  }

  const NcclOptions& options_;
  CudaStream& stream_;
  ncclComm_t comm_ = nullptr;
  std::vector<int64_t> counts_;
  Allocation exchange_;
};

// The model, a tensor of one value on the device.
class Model {
 public:
  Model(CudaDevice& device, CudaStream& stream)
      : device_(device), stream_(stream) {}

  absl::Status Allocate(int64_t elements) {
    PARLEY_ASSIGN_OR_RETURN(
        memory_, Allocation::Create(device_.allocator(), 4 * elements));
    PARLEY_ASSIGN_OR_RETURN(
        host_,
        Allocation::Create(device_.host_visible_allocator(), 4 * elements));
    elements_ = elements;
    return absl::OkStatus();
  }

  float* data() const { return static_cast<float*>(memory_.data()); }
  TensorView view() const { return View(memory_); }

  absl::Status Fill(float value) {
    float* const values = static_cast<float*>(host_.data());
    for (int64_t i = 0; i < elements_; ++i) values[i] = value;
    return Copy(View(host_), view());
  }

  absl::Status ExpectAll(float expected, const char* what) {
    PARLEY_RETURN_IF_ERROR(Copy(view(), View(host_)));
    const float* const values = static_cast<const float*>(host_.data());
    for (int64_t i = 0; i < elements_; ++i) {
      if (values[i] == expected) continue;
      return absl::InternalError(absl::StrCat(
          what, ": element ", i, " is ", values[i], ", expected ", expected));
    }
    return absl::OkStatus();
  }

 private:
  TensorView View(const Allocation& memory) const {
    return TensorView(memory.data(), DType::kFloat32, elements_, device_.id());
  }
  absl::Status Copy(const TensorView& from, const TensorView& to) {
    const TensorCopy copy{from, to};
    PARLEY_RETURN_IF_ERROR(device_.Copy({&copy, 1, false}, stream_));
    return stream_.WaitHost(absl::Minutes(1));
  }

  CudaDevice& device_;
  CudaStream& stream_;
  Allocation memory_;
  Allocation host_;
  int64_t elements_ = 0;
};

absl::Status Meet(Communicator& comm, CudaStream& stream) {
  PARLEY_ASSIGN_OR_RETURN(Work work, comm.Barrier(stream));
  return work.WaitHost();
}

}  // namespace

std::string Overhead::ToString() const {
  const Spread meeting = SpreadOf(meeting_ms);
  const Spread raw = SpreadOf(raw_ms);
  return absl::StrFormat(
      "a meeting takes %.2f ms [%.2f, %.2f], its NCCL calls and copies %.2f ms "
      "[%.2f, %.2f]: ratio %.2f",
      meeting.median, meeting.low, meeting.high, raw.median, raw.low, raw.high,
      meeting.median / raw.median);
}

absl::StatusOr<Overhead> MeasureOverhead(const NcclOptions& options,
                                         const OverheadOptions& overhead) {
  PARLEY_ASSIGN_OR_RETURN(const auto comm, NcclCommunicator::Create(options));
  PARLEY_ASSIGN_OR_RETURN(const auto stream,
                          options.device->CreateCudaStream());
  Model model(*options.device, *stream);
  PARLEY_RETURN_IF_ERROR(model.Allocate(overhead.elements));
  PARLEY_ASSIGN_OR_RETURN(
      ParameterSet parameters,
      ParameterSet::Create(
          {{.parameters = {{.name = "w", .tensor = model.view()}}}}));
  PARLEY_ASSIGN_OR_RETURN(
      const auto averager,
      ModelAverager::Create({.communicator = comm.get(),
                             .parameters = std::move(parameters),
                             .schedule = PeriodicSchedule({.period = 1}),
                             .max_extra_bytes = kBudget}));
  RawMeeting raw(options, *stream);
  PARLEY_RETURN_IF_ERROR(raw.Create(averager->plan()));

  Overhead result;
  Clock& clock = comm->clock();
  const auto now_ms = [&clock] {
    return static_cast<double>(clock.NowNs()) / 1e6;
  };
  const float mean = static_cast<float>(options.size - 1) / 2;
  for (int i = 0; i < overhead.repetitions; ++i) {
    PARLEY_RETURN_IF_ERROR(model.Fill(static_cast<float>(options.rank)));
    PARLEY_RETURN_IF_ERROR(Meet(*comm, *stream));
    double start = now_ms();
    PARLEY_RETURN_IF_ERROR(averager->Step().status());
    result.meeting_ms.push_back(now_ms() - start);
    PARLEY_RETURN_IF_ERROR(model.ExpectAll(mean, "the mean"));

    PARLEY_RETURN_IF_ERROR(model.Fill(static_cast<float>(options.rank + 1)));
    PARLEY_RETURN_IF_ERROR(Meet(*comm, *stream));
    start = now_ms();
    PARLEY_RETURN_IF_ERROR(raw.Run(model.data()));
    result.raw_ms.push_back(now_ms() - start);
    PARLEY_RETURN_IF_ERROR(model.ExpectAll(1, "the raw exchange"));
  }
  return result;
}

}  // namespace parley::gpu_check
