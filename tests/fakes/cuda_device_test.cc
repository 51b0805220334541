// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// CudaDevice on the fake CUDA runtime: what it asks of CUDA, how often, and
// what it makes of CUDA's errors. What its kernels compute is tested in
// device/cuda.
#include "parley/device/cuda/cuda_device.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parley/tests/fakes/fake_call.h"
#include "parley/tests/fakes/fake_cuda.h"
#include "parley/tests/fakes/fake_kernels.h"
#include "parley/tests/fakes/run_on_fakes.h"

namespace parley::fakes {
namespace {

using ::testing::HasSubstr;

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

// How often CUDA was asked for something, or to take it back.
struct Counts {
  std::atomic<int> mallocs = 0;
  std::atomic<int> requests = 0;
} counts;

CudaApi CountingApi() {
  CudaApi api = FakeCudaApi();
  api.Malloc = [](void** memory, size_t bytes) {
    ++counts.mallocs;
    ++counts.requests;
    return FakeCudaApi().Malloc(memory, bytes);
  };
  api.Free = [](void* memory) {
    ++counts.requests;
    return FakeCudaApi().Free(memory);
  };
  api.HostAlloc = [](void** memory, size_t bytes, unsigned int flags) {
    ++counts.requests;
    EXPECT_EQ(flags, cudaHostAllocPortable | cudaHostAllocMapped);
    return FakeCudaApi().HostAlloc(memory, bytes, flags);
  };
  api.FreeHost = [](void* memory) {
    ++counts.requests;
    return FakeCudaApi().FreeHost(memory);
  };
  api.EventCreateWithFlags = [](cudaEvent_t* event, unsigned int flags) {
    ++counts.requests;
    EXPECT_EQ(flags, unsigned{cudaEventDisableTiming});
    return FakeCudaApi().EventCreateWithFlags(event, flags);
  };
  api.EventDestroy = [](cudaEvent_t event) {
    ++counts.requests;
    return FakeCudaApi().EventDestroy(event);
  };
  return api;
}

// One rank with its device, over a table of the test's.
struct Scene {
  FakeRank& rank;
  CudaDevice& device;

  std::unique_ptr<CudaStream> Stream() {
    return device.CreateCudaStream().value();
  }
  // Memory that host and device reach. Never given back to the allocator.
  int* Ints(std::vector<int> values) {
    const auto bytes = static_cast<int64_t>(values.size() * sizeof(int));
    auto* memory =
        static_cast<int*>(device.host_visible_allocator().Allocate(bytes));
    std::copy(values.begin(), values.end(), memory);
    return memory;
  }
  absl::Status Copy(int* from, int* to, parley::Stream& stream) {
    const TensorCopy copy = {TensorView(from, DType::kInt32, 1, device.id()),
                             TensorView(to, DType::kInt32, 1, device.id())};
    return device.Copy({&copy, 1}, stream);
  }
};

FakeReport RunScene(const FakeOptions& options, const CudaApi& api,
                    const CudaKernels& kernels,
                    const std::function<void(Scene&)>& body,
                    uint64_t seed = 1) {
  return RunAtAllWidths(
      {.ranks = 1, .seed = seed}, options, [&](FakeRank& rank) -> absl::Status {
        auto device = CudaDevice::Create(api, kernels, 0, rank.clock());
        if (!device.ok()) return device.status();
        Scene scene{rank, **device};
        body(scene);
        return absl::OkStatus();
      });
}

// Over the fakes as they are, in several orders of their work.
void RunOften(const std::function<void(Scene&)>& body) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const FakeReport report =
        RunScene({}, FakeCudaApi(), FakeCudaKernels(), body, seed);
    EXPECT_TRUE(report.clean()) << report;
  }
}

absl::Status StatusOfCreate(
    int index, const std::function<void(CudaApi&, CudaKernels&)>& decorate) {
  CudaApi api = FakeCudaApi();
  CudaKernels kernels = FakeCudaKernels();
  decorate(api, kernels);
  const FakeReport report = RunOnFakes({.ranks = 1}, {}, [&](FakeRank& rank) {
    return CudaDevice::Create(api, kernels, index, rank.clock()).status();
  });
  EXPECT_TRUE(report.diagnoses.empty()) << report;
  return report.world.ranks[0].status;
}

TEST(CudaDeviceTest, WhyThereIsNone) {
  const auto as_is = [](CudaApi&, CudaKernels&) {};
  EXPECT_EQ(StatusOfCreate(0, as_is), absl::OkStatus());
  EXPECT_EQ(StatusOfCreate(1, as_is),
            absl::InvalidArgumentError("there is no cuda:1; CUDA sees 1 "
                                       "devices"));
  EXPECT_EQ(StatusOfCreate(-1, as_is).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(StatusOfCreate(0,
                           [](CudaApi& api, CudaKernels&) {
                             api.GetDeviceCount = [](int*) {
                               return cudaErrorInsufficientDriver;
                             };
                           })
                .code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(StatusOfCreate(0,
                           [](CudaApi& api, CudaKernels&) {
                             api.DeviceGetAttribute = [](int* value,
                                                         cudaDeviceAttr, int) {
                               *value = 7;
                               return cudaSuccess;
                             };
                           }),
            absl::UnimplementedError("cuda:0 has compute capability 7.7; at "
                                     "least 8.0 is needed"));
  const absl::Status loading =
      StatusOfCreate(0, [](CudaApi&, CudaKernels& kernels) {
        kernels.LoadAll = [] { return cudaErrorNoKernelImageForDevice; };
      });
  EXPECT_EQ(loading.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(MessageOf(loading), HasSubstr("cuda:0: loading the kernels: "));
}

TEST(CudaDeviceTest, EventsOrderStreams) {
  RunOften([](Scene& scene) {
    const auto first = scene.Stream(), second = scene.Stream();
    const auto event = scene.device.CreateCudaEvent().value();
    int* x = scene.Ints({1, 0, 0, 7});
    // Was never recorded, and stands for nothing.
    EXPECT_TRUE(event->IsDone().value());
    second->Wait(*event);
    EXPECT_EQ(scene.Copy(x, x + 1, *first), absl::OkStatus());
    first->Record(*event);
    EXPECT_FALSE(event->IsDone().value());
    second->Wait(*event);
    EXPECT_EQ(scene.Copy(x + 1, x + 2, *second), absl::OkStatus());
    // From now on it stands for this; who waited already does not care.
    EXPECT_EQ(scene.Copy(x + 3, x + 1, *second), absl::OkStatus());
    second->Record(*event);
    first->Wait(*event);
    EXPECT_EQ(scene.Copy(x + 1, x, *first), absl::OkStatus());
    EXPECT_EQ(first->WaitHost(absl::Seconds(1)), absl::OkStatus());
    EXPECT_EQ(std::vector<int>(x, x + 4), std::vector<int>({7, 7, 1, 7}));
    EXPECT_TRUE(event->IsDone().value());
    EXPECT_EQ(second->WaitHost(absl::Seconds(1)), absl::OkStatus());
  });
}

// What a step of training may do costs CUDA no memory and no events.
TEST(CudaDeviceTest, ASteadyStateAsksForNothing) {
  const CudaApi api = CountingApi();
  const FakeReport report =
      RunScene({}, api, FakeCudaKernels(), [](Scene& scene) {
        const auto step = [&scene] {
          const auto stream = scene.Stream(), other = scene.Stream();
          const auto event = scene.device.CreateEvent();
          const auto block =
              Allocation::Create(scene.device.allocator(), 10'000).value();
          const auto pinned =
              Allocation::Create(scene.device.host_visible_allocator(), 100)
                  .value();
          auto* x = static_cast<int*>(pinned.data());
          x[0] = 5;
          EXPECT_EQ(scene.Copy(x, static_cast<int*>(block.data()), *stream),
                    absl::OkStatus());
          stream->Record(*event);
          other->Wait(*event);
          EXPECT_EQ(scene.Copy(static_cast<int*>(block.data()), x + 1, *other),
                    absl::OkStatus());
          EXPECT_EQ(other->WaitHost(absl::Seconds(1)), absl::OkStatus());
          EXPECT_EQ(x[1], 5);
        };
        step();
        // Until there is as much as a step needs behind one that still ends.
        for (int i = 0; i < 3; ++i) step();
        const int requests = counts.requests;
        EXPECT_GT(requests, 0);
        for (int i = 0; i < 20; ++i) step();
        EXPECT_EQ(counts.requests, requests);
      });
  EXPECT_TRUE(report.clean()) << report;  // all is given back in the end
}

TEST(CudaDeviceTest, OutOfMemory) {
  CudaApi api = FakeCudaApi();
  api.Malloc = [](void**, size_t) {
    ThisCudaThread().last_error = cudaErrorMemoryAllocation;
    return cudaErrorMemoryAllocation;
  };
  const FakeReport report =
      RunScene({}, api, FakeCudaKernels(), [](Scene& scene) {
        EXPECT_EQ(scene.device.allocator().Allocate(8), nullptr);
        // Nobody else finds the error.
        EXPECT_EQ(scene.rank.cuda.GetLastError(), cudaSuccess);
        const absl::Status status =
            Allocation::Create(scene.device.allocator(), 12'345).status();
        EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
        EXPECT_THAT(MessageOf(status), HasSubstr("12345 bytes"));
        const absl::Status stream = scene.device.CreateStream().status();
        EXPECT_EQ(stream.code(), absl::StatusCode::kResourceExhausted);
        EXPECT_THAT(MessageOf(stream),
                    HasSubstr("cuda:0: no memory for a stream's scratch, "));
      });
  EXPECT_TRUE(report.clean()) << report;  // the stream is not left behind
}

TEST(CudaDeviceTest, StreamsOfTheUsers) {
  RunOften([](Scene& scene) {
    GpuUser gpu(scene.rank);
    cudaStream_t handle = gpu.Stream();
    int* x = scene.Ints({1, 0});
    {
      const auto wrapped = scene.device.WrapStream(handle).value();
      EXPECT_EQ(wrapped->handle(), handle);
      gpu.Add(x, 1, 10, handle);
      EXPECT_EQ(scene.Copy(x, x + 1, *wrapped), absl::OkStatus());
    }
    EXPECT_EQ(x[1], 0);  // nobody has waited
    gpu.Add(x + 1, 1, 100, handle);
    EXPECT_TRUE(gpu.Wait(handle));
    EXPECT_EQ(x[1], 111);
  });
}

// The memory of a stream that is gone is used again when its work is done, and
// a failure there is no failure of the next one's.
TEST(CudaDeviceTest, ScratchMemoryIsUsedAgain) {
  const CudaApi api = CountingApi();
  const FakeReport report =
      RunScene({}, api, FakeCudaKernels(), [](Scene& scene) {
        GpuUser gpu(scene.rank);
        cudaStream_t handle = gpu.Stream();
        int* x = scene.Ints({1, 0});
        auto wrapped = scene.device.WrapStream(handle).value();
        const int before = counts.mallocs;
        EXPECT_EQ(scene.Copy(x, x + 1, *wrapped), absl::OkStatus());
        wrapped->gate()->Close(7, absl::UnavailableError("gone"));
        wrapped.reset();
        const auto next = scene.Stream();  // while the copy is under way
        EXPECT_EQ(counts.mallocs, before + 1);
        EXPECT_TRUE(gpu.Wait(handle));
        const auto last = scene.Stream();
        EXPECT_EQ(counts.mallocs, before + 1);
        x[0] = 2;
        EXPECT_EQ(scene.Copy(x, x + 1, *last), absl::OkStatus());
        EXPECT_EQ(last->WaitHost(absl::Seconds(1)), absl::OkStatus());
        EXPECT_EQ(x[1], 2);
      });
  EXPECT_TRUE(report.clean()) << report;
}

// In the clock that the device was given.
TEST(CudaDeviceTest, WaitsTakeAsLongAsTheyMay) {
  FakeOptions options;
  FakeFault slow;
  slow.kind = FaultKind::kSlowDevice;
  slow.at = absl::ZeroDuration();
  slow.percent = 20'000'000;  // a tenth of a second at least
  options.faults = {slow};
  const FakeReport report =
      RunScene(options, FakeCudaApi(), FakeCudaKernels(), [](Scene& scene) {
        const auto stream = scene.Stream();
        Clock& clock = scene.rank.clock();
        int* x = scene.Ints({3, 0});
        EXPECT_EQ(scene.Copy(x, x + 1, *stream), absl::OkStatus());
        for (const int milliseconds : {0, 20, 30}) {
          const int64_t begin_ns = clock.NowNs();
          const absl::Status status =
              stream->WaitHost(absl::Milliseconds(milliseconds));
          EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
          EXPECT_THAT(MessageOf(status), HasSubstr("cuda:0: WaitHost: "));
          EXPECT_GE(clock.NowNs() - begin_ns, milliseconds * 1'000'000);
          EXPECT_LE(clock.NowNs() - begin_ns,
                    milliseconds * 1'000'000 + 100'000);
        }
        EXPECT_EQ(x[1], 0);
        EXPECT_EQ(stream->WaitHost(absl::InfiniteDuration()), absl::OkStatus());
        EXPECT_EQ(x[1], 3);
      });
  EXPECT_TRUE(report.clean()) << report;
}

// A device of which all launches fail but copies.
CudaKernels FailingKernels() {
  CudaKernels kernels = FakeCudaKernels();
  kernels.Elementwise = [](const ElementwiseArgs&, const LaunchSettings&,
                           cudaStream_t) {
    ThisCudaThread().last_error = cudaErrorInvalidConfiguration;
    return cudaErrorInvalidConfiguration;
  };
  return kernels;
}

TEST(CudaDeviceTest, FailuresStopTheirStreamAndThoseThatWaitForIt) {
  const FakeReport report =
      RunScene({}, FakeCudaApi(), FailingKernels(), [](Scene& scene) {
        const auto first = scene.Stream(), second = scene.Stream();
        const auto event = scene.device.CreateEvent();
        int* x = scene.Ints({1, 0, 0});
        float y = 0;
        const ElementwisePiece piece = {{&y, &y}, 1};
        EXPECT_EQ(scene.device.Elementwise(
                      {ElementwiseOp::kLerp, {}, {0.5}, &piece, 1}, *first),
                  absl::OkStatus());
        EXPECT_EQ(scene.rank.cuda.GetLastError(), cudaSuccess);
        EXPECT_EQ(scene.Copy(x, x + 1, *first), absl::OkStatus());
        first->Record(*event);
        second->Wait(*event);
        EXPECT_EQ(scene.Copy(x, x + 2, *second), absl::OkStatus());
        for (CudaStream* stream : {first.get(), second.get()}) {
          const absl::Status status = stream->WaitHost(absl::Seconds(1));
          EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
          EXPECT_THAT(MessageOf(status), HasSubstr("cuda:0: Lerp: "));
        }
        EXPECT_EQ(std::vector<int>(x, x + 3), std::vector<int>({1, 0, 0}));
        // Told, and forgotten.
        EXPECT_EQ(scene.Copy(x, x + 1, *first), absl::OkStatus());
        EXPECT_EQ(first->WaitHost(absl::Seconds(1)), absl::OkStatus());
        EXPECT_EQ(x[1], 1);
      });
  EXPECT_TRUE(report.clean()) << report;
}

std::atomic<bool> no_events = false;

TEST(CudaDeviceTest, NoEvents) {
  CudaApi api = FakeCudaApi();
  api.EventCreateWithFlags = [](cudaEvent_t* event, unsigned int flags) {
    return no_events ? cudaErrorMemoryAllocation
                     : FakeCudaApi().EventCreateWithFlags(event, flags);
  };
  const FakeReport report =
      RunScene({}, api, FakeCudaKernels(), [](Scene& scene) {
        const auto stream = scene.Stream(), other = scene.Stream();
        no_events = true;
        EXPECT_EQ(scene.device.CreateCudaEvent().status().code(),
                  absl::StatusCode::kResourceExhausted);
        const auto event = scene.device.CreateEvent();
        no_events = false;
        stream->Record(*event);
        other->Wait(*event);
        const absl::Status status = stream->WaitHost(absl::Seconds(1));
        EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
        EXPECT_THAT(MessageOf(status), HasSubstr("cuda:0: EventCreate: "));
        EXPECT_EQ(other->WaitHost(absl::Seconds(1)), absl::OkStatus());
      });
  EXPECT_TRUE(report.clean()) << report;
}

TEST(CudaDeviceTest, ArgumentsThatNoLaunchTakes) {
  RunOften([](Scene& scene) {
    const auto stream = scene.Stream();
    const auto other_device =
        CudaDevice::Create(scene.rank.cuda, FakeCudaKernels(), 0,
                           scene.rank.clock())
            .value();
    int* x = scene.Ints({1});
    EXPECT_EQ(other_device->Elementwise({ElementwiseOp::kCast}, *stream),
              absl::InvalidArgumentError(
                  "Cast: the stream belongs to another device"));
    void* output = x;
    const std::vector<const void*> inputs(5000, x);
    EXPECT_EQ(scene.device.Mean(
                  {DType::kInt32, 2036, 1, inputs.data(), &output, nullptr, 1},
                  *stream),
              absl::InvalidArgumentError("Mean: inputs and outputs are 2037; "
                                         "one launch takes at most 2036"));
    EXPECT_EQ(stream->WaitHost(absl::Seconds(1)), absl::OkStatus());
  });
}

// CUDA's own: a thread may choose any device, as often as it likes. The fake's
// is stricter, since ranks have one device each.
CudaApi FreeChoiceApi() {
  CudaApi api = FakeCudaApi();
  api.SetDevice = [](int device) {
    ThisCudaThread().device = device;
    return cudaSuccess;
  };
  return api;
}

// On device 1, by a thread whose current one is device 0, and stays it.
TEST(CudaDeviceTest, ThreadsThatHaveAnotherDevice) {
  const CudaApi api = FreeChoiceApi();
  const FakeReport report =
      RunAtAllWidths({.ranks = 2}, {}, [&api](FakeRank& rank) -> absl::Status {
        if (rank.rank() == 0) return absl::OkStatus();
        Clock& clock = rank.clock();
        const auto use = [&] {
          const auto step = [](const char* what, const auto& call) {
            call();
            EXPECT_EQ(ThisCudaThread().device, 0) << what;
          };
          std::unique_ptr<CudaDevice> device;
          std::unique_ptr<CudaStream> stream;
          std::unique_ptr<Event> event;
          void* memory = nullptr;
          step("Create", [&] {
            device =
                CudaDevice::Create(api, FakeCudaKernels(), 1, clock).value();
          });
          step("CreateStream",
               [&] { stream = device->CreateCudaStream().value(); });
          step("CreateEvent", [&] { event = device->CreateEvent(); });
          step("Allocate", [&] { memory = device->allocator().Allocate(8); });
          step("Lerp", [&] {
            const ElementwisePiece piece = {{memory, memory}, 1};
            EXPECT_EQ(
                device->Elementwise(
                    {ElementwiseOp::kLerp, {}, {0.5}, &piece, 1}, *stream),
                absl::OkStatus());
          });
          step("Record", [&] { stream->Record(*event); });
          step("Wait", [&] { stream->Wait(*event); });
          step("WaitHost", [&] {
            EXPECT_EQ(stream->WaitHost(absl::Seconds(1)), absl::OkStatus());
          });
          step("~CudaStream", [&] { stream.reset(); });
          event.reset();
          step("~CudaDevice", [&] { device.reset(); });
        };
        clock.StartThread("foreign", use)->Join();
        return absl::OkStatus();
      });
  EXPECT_TRUE(report.clean()) << report;
}

}  // namespace
}  // namespace parley::fakes
