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
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "parley/base/random.h"
#include "parley/device/cpu/host_stream.h"
#include "parley/device/cpu/kernel_ranges.h"
#include "parley/device/kernels/fingerprint.h"
#include "parley/device/testing/elementwise_case.h"
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
  ElementwisePiece casts[1] = {{{a, wide}, 3}};
  ElementwisePiece lerps[2] = {{{a, b}, 2}, {{a + 2, b + 2}, 1}};
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
      MakeKernel<CopyArgs>("Copy", &Device::Copy, 2 * (12 + 8),
                           [](W& w, int64_t count) {
                             return CopyArgs{w.copies, count < 0 ? count : 2};
                           }),
      MakeKernel<ElementwiseArgs>("Cast", &Device::Elementwise, 3 * (4 + 8),
                                  [](W& w, int64_t count) {
                                    return ElementwiseArgs{
                                        ElementwiseOp::kCast,
                                        {kFloat, DType::kFloat64},
                                        {},
                                        w.casts,
                                        count < 0 ? count : 1};
                                  }),
      MakeKernel<ElementwiseArgs>("Lerp", &Device::Elementwise, 3 * 12,
                                  [](W& w, int64_t count) {
                                    return ElementwiseArgs{
                                        ElementwiseOp::kLerp,
                                        {kFloat, kFloat},
                                        {0.5},
                                        w.lerps,
                                        count < 0 ? count : 2};
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
  if (kernel == "Copy") {
    set(2, {1, 2, 6});
    set(3, {3, 6});
  }
  if (kernel == "Cast") set(4, {1, 2, 6});
  if (kernel == "Lerp") set(1, {2, 4, 8});
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
  for (const char* name : {"Cast", "Lerp", "Fingerprint"}) {
    if (GetParam().name == name) field = "num_pieces";
  }
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

// A kernel's call on a copy of `arena`.
struct Work {
  std::string name;
  std::vector<uint8_t> arena;
  std::function<absl::Status(Device&, Stream&, uint8_t*)> run;
};

// Of three blocks of a dtype's elements, of which the last is the result.
std::vector<Work> MeanAndReduce(Random& random, DType dtype) {
  constexpr int64_t kBlock = 8 * kCount;
  std::vector<uint8_t> arena(3 * kBlock);
  FillWithHardValues(random, dtype, kCount, arena.data());
  FillWithHardValues(random, dtype, kCount, arena.data() + kBlock);
  const std::string of = absl::StrCat(" of ", Name(dtype));
  return {{"Mean" + of, arena,
           [dtype](Device& device, Stream& stream, uint8_t* x) {
             const void* inputs[] = {x, x + kBlock, x};
             void* output = x + 2 * kBlock;
             return device.Mean({dtype, 3, 1, inputs, &output, nullptr, kCount},
                                stream);
           }},
          {"Reduce" + of, arena, [dtype](Device&, Stream&, uint8_t* x) {
             const void* inputs[] = {x, x + kBlock};
             ReduceRange(
                 {dtype, ReduceOp::kSum, 2, inputs, x + 2 * kBlock, kCount}, 0,
                 kCount);
             return absl::OkStatus();
           }}};
}

std::vector<Work> FloatingKernels(Random& random) {
  std::vector<Work> all;
  for (DType dtype :
       {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16}) {
    for (Work& work : MeanAndReduce(random, dtype)) {
      all.push_back(std::move(work));
    }
  }
  for (ElementwiseOp op : kAllElementwiseOps) {
    for (int draw = 0; draw < 50; ++draw) {
      const ElementwiseCase drawn(random, op, {kCount, kCount});
      all.push_back({drawn.ToString(), drawn.arena(),
                     [drawn](Device& device, Stream& stream, uint8_t* arena) {
                       const ElementwiseCase::Launch launch = drawn.Over(arena);
                       return device.Elementwise(launch.args(), stream);
                     }});
    }
  }
  return all;
}

class FloatModeTest : public ::testing::TestWithParam<FloatMode> {};

TEST_P(FloatModeTest, NeitherMattersNorIsLost) {
  CpuDevice device;
  const std::unique_ptr<Stream> stream = device.CreateStream().value();
  Random random(20260404);
  for (const Work& work : FloatingKernels(random)) {
    std::vector<uint8_t> expected = work.arena;
    ASSERT_EQ(work.run(device, *stream, expected.data()), absl::OkStatus());
    std::vector<uint8_t> actual = work.arena;

    // No EXPECT runs in the mode: it belongs to the kernel alone.
    std::fenv_t saved;
    std::fegetenv(&saved);
    GetParam().set();
    std::feclearexcept(FE_ALL_EXCEPT);
    const uint64_t before = FloatState();
    const absl::Status status = work.run(device, *stream, actual.data());
    const uint64_t after = FloatState();
    std::fesetenv(&saved);

    EXPECT_EQ(status, absl::OkStatus());
    EXPECT_TRUE(actual == expected) << work.name;
    EXPECT_EQ(after, before) << work.name;
  }
}

INSTANTIATE_TEST_SUITE_P(AllModes, FloatModeTest,
                         ::testing::ValuesIn(FloatModes()),
                         [](const ::testing::TestParamInfo<FloatMode>& info) {
                           return info.param.name;
                         });

}  // namespace
}  // namespace parley
