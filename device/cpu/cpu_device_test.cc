// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// The CPU device: that each kernel goes through a stream and does what it is
// defined to do, what is refused, and that the host's floating-point mode
// neither matters nor is lost. Bit for bit the kernels are tested in
// vector_ranges_test.cc.
#include "parley/device/cpu/cpu_device.h"

#include <algorithm>
#include <cfenv>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/device/cpu/host_stream.h"
#include "parley/device/kernels/fingerprint.h"
#include "parley/device/testing/values.h"

#if defined(__SSE2__)
#include <pmmintrin.h>
#include <xmmintrin.h>
#endif

namespace parley {
namespace {

// Runs nothing before it is waited for.
class QueueStream : public HostStream {
 public:
  explicit QueueStream(Device& device) : device_(device) {}

  Device& device() override { return device_; }
  void Record(Event&) override {}
  void Wait(Event&) override {}
  absl::Status WaitHost(absl::Duration) override {
    for (HostTask& task : tasks_) task.Run();
    tasks_.clear();
    return absl::OkStatus();
  }
  void Enqueue(const HostTask& task) override { tasks_.push_back(task); }

  const std::vector<HostTask>& tasks() const { return tasks_; }

 private:
  Device& device_;
  std::vector<HostTask> tasks_;
};

// Small tensors, and one call of each kernel on them.
struct Workspace {
  float a[3] = {1, 2, 6};
  float b[3] = {3, 6, 10};
  float c[3] = {90, 91, 92};
  float d[3] = {93, 94, 95};
  double wide[3] = {96, 97, 98};
  uint64_t sum = 5;

  const void* inputs[2] = {a, b};
  void* outputs[2] = {c, d};
  double weights[2] = {1, 3};
  TensorCopy copies[2] = {
      {TensorView(a, DType::kFloat32, 3), TensorView(c, DType::kFloat32, 3)},
      {TensorView(b, DType::kFloat32, 2), TensorView(d, DType::kFloat32, 2)}};
  FingerprintPiece pieces[2] = {{a, DType::kFloat32, 3, 42, 0},
                                {wide, DType::kFloat64, 2, 43, 8}};

  // What kernels write.
  std::vector<double> Values() const {
    std::vector<double> values;
    for (const auto* tensor : {a, b, c, d}) {
      values.insert(values.end(), tensor, tensor + 3);
    }
    values.insert(values.end(), wide, wide + 3);
    return values;
  }
};

// A kernel with arguments that are good or, at `count` -1 and the like, not.
struct Kernel {
  std::string name;
  std::function<absl::Status(Device&, Workspace&, int64_t, Stream&)> launch;
  int64_t bytes;  // that it reads and writes, when good
};

template <typename Args>
using Method = absl::Status (Device::*)(const Args&, Stream&);

// `make` gives the arguments for a workspace and a count. They are gone before
// the stream runs.
template <typename Args, typename Make>
Kernel MakeKernel(std::string name, Method<Args> method, int64_t bytes,
                  const Make& make) {
  return {std::move(name),
          [=](Device& device, Workspace& w, int64_t count, Stream& stream) {
            Args args = make(w, count);
            const absl::Status status = (device.*method)(args, stream);
            std::memset(static_cast<void*>(&args), 0xff, sizeof(args));
            return status;
          },
          bytes};
}

std::vector<Kernel> Kernels() {
  constexpr DType kFloat = DType::kFloat32;
  using W = Workspace;
  return {
      MakeKernel<MeanArgs>("Mean", &Device::Mean, 4 * 12,
                           [](W& w, int64_t count) {
                             return MeanArgs{kFloat,   2,         2,
                                             w.inputs, w.outputs, w.weights,
                                             count};
                           }),
      MakeKernel<ReduceArgs>(
          "Reduce", &Device::Reduce, 3 * 12,
          [](W& w, int64_t count) {
            return ReduceArgs{kFloat, ReduceOp::kSum, 2, w.inputs, w.c, count};
          }),
      MakeKernel<CopyArgs>("Copy", &Device::Copy, 2 * (12 + 8),
                           [](W& w, int64_t count) {
                             return CopyArgs{w.copies, count < 0 ? count : 2};
                           }),
      MakeKernel<CastArgs>(
          "Cast", &Device::Cast, 3 * (4 + 8),
          [](W& w, int64_t count) {
            return CastArgs{kFloat, DType::kFloat64, w.a, w.wide, count};
          }),
      MakeKernel<AxpbyArgs>("Axpby", &Device::Axpby, 3 * 12,
                            [](W& w, int64_t count) {
                              return AxpbyArgs{kFloat, 2, -1, w.a, w.b, count};
                            }),
      MakeKernel<LerpArgs>("Lerp", &Device::Lerp, 3 * 12,
                           [](W& w, int64_t count) {
                             return LerpArgs{kFloat, 0.5, w.a, w.b, count};
                           }),
      MakeKernel<DeltaArgs>("Delta", &Device::Delta, 3 * 12,
                            [](W& w, int64_t count) {
                              return DeltaArgs{kFloat, w.a, w.b, w.c, count};
                            }),
      MakeKernel<FingerprintArgs>(
          "Fingerprint", &Device::Fingerprint, 12 + 16,
          [](W& w, int64_t count) {
            return FingerprintArgs{w.pieces, count < 0 ? count : 2, &w.sum};
          }),
  };
}

// What a good call of `kernel` leaves in the tensors a, b, c, d and `wide`.
std::vector<double> Expected(const std::string& kernel) {
  std::vector<double> e = Workspace().Values();
  const auto set = [&](size_t tensor, std::vector<double> values) {
    std::copy(values.begin(), values.end(), e.begin() + 3 * tensor);
  };
  if (kernel == "Mean") {  // (1 * a + 3 * b) / 4
    set(2, {2.5, 5, 9});
    set(3, {2.5, 5, 9});
  }
  if (kernel == "Reduce") set(2, {4, 8, 16});
  if (kernel == "Copy") {
    set(2, {1, 2, 6});
    set(3, {3, 6});
  }
  if (kernel == "Cast") set(4, {1, 2, 6});
  if (kernel == "Axpby") set(1, {-1, -2, 2});  // 2 * a - b
  if (kernel == "Lerp") set(1, {2, 4, 8});
  if (kernel == "Delta") set(2, {-2, -4, -4});
  return e;
}

uint64_t ExpectedSum(const std::string& kernel) {
  if (kernel != "Fingerprint") return 5;
  uint64_t sum = 5;
  // The bits of 1, 2, 6 in float32 and of 96, 97 in float64.
  sum += kernels::ElementHash<4>(kernels::ElementKey(42, 0), 0x3f800000);
  sum += kernels::ElementHash<4>(kernels::ElementKey(42, 1), 0x40000000);
  sum += kernels::ElementHash<4>(kernels::ElementKey(42, 2), 0x40c00000);
  sum +=
      kernels::ElementHash<8>(kernels::ElementKey(43, 8), 0x4058000000000000);
  sum +=
      kernels::ElementHash<8>(kernels::ElementKey(43, 9), 0x4058400000000000);
  return sum;
}

class KernelTest : public ::testing::TestWithParam<Kernel> {
 protected:
  void ExpectDone() const {
    EXPECT_EQ(workspace_.Values(), Expected(GetParam().name));
    EXPECT_EQ(workspace_.sum, ExpectedSum(GetParam().name));
  }
  void ExpectNothingDone() const {
    EXPECT_EQ(workspace_.Values(), Workspace().Values());
    EXPECT_EQ(workspace_.sum, Workspace().sum);
  }
  absl::Status Launch(int64_t count, Stream& stream) {
    return GetParam().launch(device_, workspace_, count, stream);
  }

  CpuDevice device_;
  Workspace workspace_;
};

TEST_P(KernelTest, DoesWhatItIsDefinedToDo) {
  const std::unique_ptr<Stream> stream = device_.CreateStream().value();
  EXPECT_EQ(Launch(3, *stream), absl::OkStatus());
  EXPECT_EQ(stream->WaitHost(absl::InfiniteDuration()), absl::OkStatus());
  ExpectDone();
}

// When the stream runs it, and not before; as one task, whose cost it tells.
TEST_P(KernelTest, IsEnqueued) {
  QueueStream stream(device_);
  EXPECT_EQ(Launch(3, stream), absl::OkStatus());
  ExpectNothingDone();
  ASSERT_EQ(stream.tasks().size(), 1u);
  EXPECT_EQ(stream.tasks()[0].bytes(), GetParam().bytes);
  EXPECT_EQ(stream.WaitHost(absl::InfiniteDuration()), absl::OkStatus());
  ExpectDone();
}

TEST_P(KernelTest, RefusesStreamsOfAnotherDevice) {
  CpuDevice other;
  QueueStream stream(other);
  EXPECT_EQ(Launch(3, stream),
            absl::InvalidArgumentError(
                GetParam().name + ": the stream belongs to another device"));
  EXPECT_TRUE(stream.tasks().empty());
  const std::unique_ptr<Stream> inline_stream = other.CreateStream().value();
  EXPECT_EQ(Launch(3, *inline_stream).code(),
            absl::StatusCode::kInvalidArgument);
  ExpectNothingDone();
}

TEST_P(KernelTest, RefusesInvalidArguments) {
  std::string field = "count";
  if (GetParam().name == "Copy") field = "num_copies";
  if (GetParam().name == "Fingerprint") field = "num_pieces";
  QueueStream stream(device_);
  EXPECT_EQ(Launch(-3, stream),
            absl::InvalidArgumentError(GetParam().name + ": " + field +
                                       " is -3; it must be at least 0"));
  EXPECT_TRUE(stream.tasks().empty());
  const std::unique_ptr<Stream> inline_stream = device_.CreateStream().value();
  EXPECT_EQ(Launch(-3, *inline_stream).code(),
            absl::StatusCode::kInvalidArgument);
  ExpectNothingDone();
}

INSTANTIATE_TEST_SUITE_P(AllKernels, KernelTest, ::testing::ValuesIn(Kernels()),
                         [](const ::testing::TestParamInfo<Kernel>& info) {
                           return info.param.name;
                         });

TEST(CpuDeviceTest, ReduceHasThreeOperations) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream().value();
  const int32_t a[] = {1, 5, -3};
  const int32_t b[] = {2, 4, -3};
  const void* inputs[] = {a, b};
  int32_t output[3];
  const auto reduce = [&](ReduceOp op) {
    EXPECT_TRUE(
        device.Reduce({DType::kInt32, op, 2, inputs, output, 3}, *stream).ok());
    return std::vector<int32_t>(output, output + 3);
  };
  EXPECT_EQ(reduce(ReduceOp::kSum), std::vector<int32_t>({3, 9, -6}));
  EXPECT_EQ(reduce(ReduceOp::kMin), std::vector<int32_t>({1, 4, -3}));
  EXPECT_EQ(reduce(ReduceOp::kMax), std::vector<int32_t>({2, 5, -3}));
}

TEST(CpuDeviceTest, CopiesOnlyItsOwnTensors) {
  CpuDevice device;
  QueueStream stream(device);
  float from[2] = {1, 2};
  float to[2] = {3, 4};
  const TensorCopy copy{
      TensorView(from, DType::kFloat32, 2),
      TensorView(to, DType::kFloat32, 2, DeviceId{DeviceKind::kCuda, 1})};
  EXPECT_EQ(
      device.Copy({&copy, 1}, stream),
      absl::InvalidArgumentError(
          "Copy: copies[0]: float32[2] is on cuda:1, the stream on cpu:0"));
  EXPECT_TRUE(stream.tasks().empty());
}

TEST(CpuDeviceTest, StreamsAreItsOwn) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream().value();
  EXPECT_EQ(&stream->device(), &device);
  EXPECT_EQ(device.id(), DeviceId{});
  // All work is done at once, so there is nothing to wait for.
  const std::unique_ptr<Event> event = device.CreateEvent();
  stream->Wait(*event);
  stream->Record(*event);
  stream->Wait(*event);
  EXPECT_EQ(stream->WaitHost(absl::ZeroDuration()), absl::OkStatus());
}

TEST(CpuDeviceTest, HeapIsAligned) {
  for (int64_t bytes : {1, 127, 129, 100'000}) {
    const Allocation a = Allocation::Create(HeapAllocator(), bytes).value();
    const Allocation b = Allocation::Create(HeapAllocator(), bytes).value();
    for (void* data : {a.data(), b.data()}) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % Allocator::kAlignment, 0u);
      std::memset(data, 1, static_cast<size_t>(bytes));
    }
  }
  HeapAllocator().Deallocate(nullptr, 7);
}

class NoMemory : public Allocator {
 public:
  void* Allocate(int64_t) override { return nullptr; }
  void Deallocate(void*, int64_t) override {}
};

TEST(CpuDeviceTest, TakesAnAllocator) {
  EXPECT_EQ(&CpuDevice().allocator(), &HeapAllocator());
  NoMemory none;
  CpuDevice device(none);
  EXPECT_EQ(&device.allocator(), &none);
  EXPECT_EQ(&device.host_visible_allocator(), &none);
}

// What frameworks set for speed, and what a user might.
struct FloatMode {
  std::string name;
  void (*set)();
};

std::vector<FloatMode> FloatModes() {
  return {
    {"Upward", [] { std::fesetround(FE_UPWARD); }},
        {"Downward", [] { std::fesetround(FE_DOWNWARD); }},
        {"TowardZero", [] { std::fesetround(FE_TOWARDZERO); }},
#if defined(__SSE2__)
        {"FlushToZero", [] { _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON); }},
        {"SubnormalsAreZero",
         [] { _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON); }},
#endif
  };
}

// The mode and, where they are in the same register, the exceptions' flags.
uint64_t FloatState() {
#if defined(__SSE2__)
  return _mm_getcsr();
#else
  return static_cast<uint64_t>(std::fegetround());
#endif
}

// Beyond the steps of the vectors, so that both they and the scalar loops run.
constexpr int64_t kCount = 75;

// Two tensors, and room for a result of any dtype.
struct Pair {
  std::vector<uint8_t> x;
  std::vector<uint8_t> y;
  std::vector<uint8_t> result = std::vector<uint8_t>(8 * kCount);
};

bool operator==(const Pair& a, const Pair& b) {
  return a.y == b.y && a.result == b.result;
}

using Launch = std::function<absl::Status(Device&, Stream&, DType, Pair&)>;

std::vector<std::pair<std::string, Launch>> FloatingKernels() {
  return {
      {"Mean",
       [](Device& device, Stream& stream, DType dtype, Pair& p) {
         const void* inputs[] = {p.x.data(), p.y.data(), p.x.data()};
         void* output = p.result.data();
         MeanArgs args{dtype, 3, 1, inputs, &output, nullptr, kCount};
         return device.Mean(args, stream);
       }},
      {"Reduce",
       [](Device& device, Stream& stream, DType dtype, Pair& p) {
         const void* inputs[] = {p.x.data(), p.y.data()};
         ReduceArgs args{dtype,  ReduceOp::kSum,  2,
                         inputs, p.result.data(), kCount};
         return device.Reduce(args, stream);
       }},
      {"CastDown",
       [](Device& device, Stream& stream, DType dtype, Pair& p) {
         CastArgs args{DType::kFloat64, dtype, p.x.data(), p.result.data(),
                       kCount};
         return device.Cast(args, stream);
       }},
      {"CastUp",
       [](Device& device, Stream& stream, DType dtype, Pair& p) {
         CastArgs args{dtype, DType::kFloat64, p.x.data(), p.result.data(),
                       kCount};
         return device.Cast(args, stream);
       }},
      {"Axpby",
       [](Device& device, Stream& stream, DType dtype, Pair& p) {
         AxpbyArgs args{dtype, 0.9, -0.3, p.x.data(), p.y.data(), kCount};
         return device.Axpby(args, stream);
       }},
      {"Lerp",
       [](Device& device, Stream& stream, DType dtype, Pair& p) {
         LerpArgs args{dtype, 0.1, p.x.data(), p.y.data(), kCount};
         return device.Lerp(args, stream);
       }},
      {"Delta",
       [](Device& device, Stream& stream, DType dtype, Pair& p) {
         DeltaArgs args{dtype, p.x.data(), p.y.data(), p.result.data(), kCount};
         return device.Delta(args, stream);
       }},
  };
}

class FloatModeTest : public ::testing::TestWithParam<FloatMode> {};

TEST_P(FloatModeTest, NeitherMattersNorIsLost) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream().value();
  Random random(20260404);
  for (const auto& [name, launch] : FloatingKernels()) {
    for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kFloat16,
                        DType::kBFloat16}) {
      Pair pair;
      pair.x.resize(8 * kCount);
      pair.y.resize(8 * kCount);
      const DType from = name == "CastDown" ? DType::kFloat64 : dtype;
      FillWithHardValues(random, from, kCount, pair.x.data());
      FillWithHardValues(random, from, kCount, pair.y.data());
      Pair expected = pair;
      ASSERT_TRUE(launch(device, *stream, dtype, expected).ok());
      ASSERT_FALSE(expected == pair);

      // No EXPECT runs in the mode: it belongs to the kernel alone.
      std::fenv_t saved;
      std::fegetenv(&saved);
      GetParam().set();
      std::feclearexcept(FE_ALL_EXCEPT);
      const uint64_t before = FloatState();
      const absl::Status status = launch(device, *stream, dtype, pair);
      const uint64_t after = FloatState();
      std::fesetenv(&saved);

      EXPECT_EQ(status, absl::OkStatus());
      EXPECT_TRUE(pair == expected) << name << " of " << Name(dtype);
      EXPECT_EQ(after, before) << name << " of " << Name(dtype);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllModes, FloatModeTest,
                         ::testing::ValuesIn(FloatModes()),
                         [](const ::testing::TestParamInfo<FloatMode>& info) {
                           return info.param.name;
                         });

}  // namespace
}  // namespace parley
