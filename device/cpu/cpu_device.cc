// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/device/cpu/cpu_device.h"

#include <cstddef>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "parley/base/status_macros.h"
#include "parley/device/cpu/host_stream.h"
#include "parley/device/cpu/kernel_ranges.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/kernels/validate.h"

namespace parley {
namespace {

class HeapAllocatorImpl : public Allocator {
 public:
  void* Allocate(int64_t bytes) override {
    return ::operator new (static_cast<size_t>(bytes),
                           std::align_val_t{kAlignment}, std::nothrow);
  }

  void Deallocate(void* memory, int64_t) override {
    ::operator delete (memory, std::align_val_t{kAlignment});
  }
};

// Nothing is ever pending: a task runs inside Enqueue().
class InlineStream : public HostStream {
 public:
  explicit InlineStream(Device& device) : device_(device) {}

  Device& device() override { return device_; }
  void Record(Event&) override {}
  void Wait(Event&) override {}
  absl::Status WaitHost(absl::Duration) override { return absl::OkStatus(); }

  void Enqueue(const HostTask& task) override {
    HostTask copy = task;
    copy.Run();
  }

 private:
  Device& device_;
};

absl::Status CheckStream(absl::string_view kernel, Device& device,
                         Stream& stream) {
  if (&stream.device() == &device) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(kernel, ": the stream belongs to another device"));
}

// Requires CheckStream(): streams of a CpuDevice are HostStreams.
template <typename Function>
void Enqueue(Stream& stream, int64_t bytes, const Function& function) {
  static_cast<HostStream&>(stream).Enqueue(HostTask(function, bytes));
}

}  // namespace

Allocator& HeapAllocator() {
  static Allocator* const allocator = new HeapAllocatorImpl;
  return *allocator;
}

CpuDevice::CpuDevice(Allocator& allocator) : allocator_(allocator) {}

absl::StatusOr<std::unique_ptr<Stream>> CpuDevice::CreateStream() {
  return std::make_unique<InlineStream>(*this);
}

std::unique_ptr<Event> CpuDevice::CreateEvent() {
  return std::make_unique<Event>();
}

absl::Status CpuDevice::Mean(const MeanArgs& args, Stream& stream) {
  PARLEY_RETURN_IF_ERROR(CheckStream("Mean", *this, stream));
  PARLEY_RETURN_IF_ERROR(Validate(args));
  const int64_t blocks = int64_t{args.num_inputs} + args.num_outputs;
  Enqueue(stream, blocks * args.count * SizeOf(args.dtype),
          [args] { MeanRange(args, 0, args.count); });
  return absl::OkStatus();
}

absl::Status CpuDevice::Copy(const CopyArgs& args, Stream& stream) {
  PARLEY_RETURN_IF_ERROR(CheckStream("Copy", *this, stream));
  PARLEY_RETURN_IF_ERROR(Validate(args, id()));
  int64_t bytes = 0;
  for (int64_t i = 0; i < args.num_copies; ++i) {
    bytes += 2 * args.copies[i].to.bytes();
  }
  Enqueue(stream, bytes, [args] { CopyAll(args); });
  return absl::OkStatus();
}

absl::Status CpuDevice::Elementwise(const ElementwiseArgs& args,
                                    Stream& stream) {
  PARLEY_RETURN_IF_ERROR(CheckStream(kernels::NameOf(args.op), *this, stream));
  PARLEY_RETURN_IF_ERROR(Validate(args));
  int64_t elements = 0;
  for (int64_t i = 0; i < args.num_pieces; ++i) {
    elements += args.pieces[i].count;
  }
  Enqueue(stream, elements * kernels::BytesPerElement(args),
          [args] { ElementwiseAll(args); });
  return absl::OkStatus();
}

absl::Status CpuDevice::Fingerprint(const FingerprintArgs& args,
                                    Stream& stream) {
  PARLEY_RETURN_IF_ERROR(CheckStream("Fingerprint", *this, stream));
  PARLEY_RETURN_IF_ERROR(Validate(args));
  int64_t bytes = 0;
  for (int64_t i = 0; i < args.num_pieces; ++i) {
    bytes += args.pieces[i].count * SizeOf(args.pieces[i].dtype);
  }
  Enqueue(stream, bytes, [args] {
    uint64_t sum = 0;
    for (int64_t i = 0; i < args.num_pieces; ++i) {
      sum += FingerprintRange(args.pieces[i], 0, args.pieces[i].count);
    }
    *args.sum += sum;
  });
  return absl::OkStatus();
}

}  // namespace parley
