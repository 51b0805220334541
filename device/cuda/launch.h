// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// From a kernel's arguments to launches of its body: which body, with which
// parameters, on how many threads. Written over a launcher, so that a GPU and
// what stands in for one run the same arithmetic:
//
//   struct SomeLauncher {
//     using Error = ...;  // Error() is success
//     template <typename Body>
//     Error Launch(const typename Body::Params& params, const Grid& grid);
//   };
//   error = LaunchMean(args, settings, SomeLauncher{stream});
//
// A launcher copies `params`, which are gone when Launch() returns. Launches of
// one call run one after the other. The functions take what the entries of
// CudaKernels take, and return the first error of their launches. With nothing
// to do they launch nothing.
//
// Thread-safety: that of the launcher.
#ifndef PARLEY_DEVICE_CUDA_LAUNCH_H_
#define PARLEY_DEVICE_CUDA_LAUNCH_H_

#include <cstdint>
#include <type_traits>

#include "parley/device/cuda/chunk.h"
#include "parley/device/cuda/copy_body.h"
#include "parley/device/cuda/elementwise_body.h"
#include "parley/device/cuda/fingerprint_body.h"
#include "parley/device/cuda/grid.h"
#include "parley/device/cuda/mean_body.h"
#include "parley/device/dtype.h"
#include "parley/device/kernels/element.h"
#include "parley/device/kernels/elementwise.h"
#include "parley/device/kernels/elementwise_ops.h"
#include "parley/device/kernels/flat_arguments.h"
#include "parley/device/kernels/mean.h"

namespace parley {
namespace internal {

template <typename Launcher>
using ErrorOf = typename std::decay_t<Launcher>::Error;

// A range of operands for SplitFor, of which two lists are one.
class OperandList {
 public:
  OperandList(const void* const* inputs, int num_inputs,
              const void* const* outputs, int num_outputs, int64_t size)
      : inputs_(inputs),
        outputs_(outputs),
        num_inputs_(num_inputs),
        num_outputs_(num_outputs),
        size_(size) {}

  class Iterator {
   public:
    Iterator(const OperandList* list, int i) : list_(list), i_(i) {}
    Operand operator*() const { return list_->at(i_); }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return i_ != other.i_; }

   private:
    const OperandList* list_;
    int i_;
  };

  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, num_inputs_ + num_outputs_}; }
  Operand at(int i) const {
    return {i < num_inputs_ ? inputs_[i] : outputs_[i - num_inputs_], size_};
  }

 private:
  const void* const* inputs_;
  const void* const* outputs_;
  int num_inputs_;
  int num_outputs_;
  int64_t size_;
};

template <typename Body, typename Launcher>
auto LaunchMeanBody(const MeanArgs& args, const LaunchSettings& settings,
                    Launcher& launcher) {
  const int elements = MeanElements(args.dtype);
  typename Body::Params params;
  params.split =
      SplitFor(args.count, elements,
               OperandList(args.inputs, args.num_inputs, args.outputs,
                           args.num_outputs, SizeOf(args.dtype)));
  params.divisor = kernels::MeanDivisor(args);
  params.num_inputs = args.num_inputs;
  params.num_outputs = args.num_outputs;
  params.weighted = args.weights != nullptr;
  for (int r = 0; r < args.num_inputs; ++r) {
    params.inputs_then_outputs[r] = args.inputs[r];
    if (params.weighted) params.weights[r] = args.weights[r];
  }
  for (int j = 0; j < args.num_outputs; ++j) {
    params.inputs_then_outputs[args.num_inputs + j] = args.outputs[j];
  }
  return launcher.template Launch<Body>(
      params, GridFor(params.split.Units(elements), settings));
}

// A list as the parameters of a body with room for fewer entries.
template <typename Body, typename List, typename Launcher>
auto LaunchFew(const List& list, const LaunchSettings& settings,
               Launcher& launcher) {
  typename Body::Params params;
  params.units = list.units;
  params.num_entries = list.num_entries;
  for (int i = 0; i < list.num_entries; ++i)
    params.entries[i] = list.entries[i];
  return launcher.template Launch<Body>(params, GridFor(list.units, settings));
}

// Adds `count` partial sums at settings.scratch, 64 to one as often as it
// takes, to *sum. What is added lies in the place of the first summands.
template <typename Launcher>
auto LaunchAdd(int64_t count, uint64_t* sum, const LaunchSettings& settings,
               Launcher& launcher) {
  ErrorOf<Launcher> error{};
  while (count > 1 && error == ErrorOf<Launcher>{}) {
    const int64_t sums = (count + kSumsPerThread - 1) / kSumsPerThread;
    const bool last = sums == 1;
    error = launcher.template Launch<AddBody>(
        {settings.scratch, count, last ? sum : settings.scratch, sums,
         /*accumulate=*/last},
        GridFor(sums, settings));
    count = sums;
  }
  return error;
}

// The operands of a piece for SplitFor.
class PieceOperands {
 public:
  PieceOperands(const ElementwiseArgs& args, const ElementwisePiece& piece,
                int operands)
      : operands_(operands) {
    for (int k = 0; k < operands; ++k) {
      blocks_[k] = {piece.operands[k], SizeOf(args.dtypes[k])};
    }
  }
  const Operand* begin() const { return blocks_; }
  const Operand* end() const { return blocks_ + operands_; }

 private:
  Operand blocks_[kMaxOperands];
  int operands_;
};

// The pieces from `*next` on, as many as fit.
template <typename Body, typename Launcher>
auto LaunchElementwiseBody(const ElementwiseArgs& args,
                           const LaunchSettings& settings, Launcher& launcher,
                           int64_t* next) {
  typename Body::Params params;
  params.units = 0;
  params.num_entries = 0;
  for (int k = 0; k < kMaxScalars; ++k) params.scalars[k] = args.scalars[k];
  for (int k = 0; k < Body::kOperands; ++k) params.dtypes[k] = args.dtypes[k];
  for (; *next < args.num_pieces && params.num_entries < Body::kCapacity;
       ++*next) {
    const ElementwisePiece& piece = args.pieces[*next];
    if (piece.count == 0) continue;
    auto& entry = params.entries[params.num_entries++];
    for (int k = 0; k < Body::kOperands; ++k) {
      entry.operands[k] = piece.operands[k];
    }
    entry.split = SplitFor(piece.count, Body::kElements,
                           PieceOperands(args, piece, Body::kOperands));
    entry.begin = params.units;
    params.units += entry.split.Units(Body::kElements);
  }
  if (params.num_entries == 0) return ErrorOf<Launcher>{};
  return launcher.template Launch<Body>(params,
                                        GridFor(params.units, settings));
}

template <typename Op, int kElements, typename Launcher>
auto LaunchElementwiseOp(const ElementwiseArgs& args,
                         const LaunchSettings& settings, Launcher& launcher) {
  ErrorOf<Launcher> error{};
  for (int64_t next = 0;
       next < args.num_pieces && error == ErrorOf<Launcher>{};) {
    using Few = ElementwiseBody<Op, kElements, true>;
    using Most = ElementwiseBody<Op, kElements, false>;
    error = args.num_pieces - next <= kFewElementwisePieces
                ? LaunchElementwiseBody<Few>(args, settings, launcher, &next)
                : LaunchElementwiseBody<Most>(args, settings, launcher, &next);
  }
  return error;
}

// The pieces from `*next` on, as many as fit, into *sum.
template <typename Body, typename Launcher>
auto LaunchFingerprintBody(const FingerprintArgs& args, int capacity,
                           const LaunchSettings& settings, Launcher& launcher,
                           int64_t* next) {
  typename Body::Params params;
  params.units = 0;
  params.partial_sums = settings.scratch;
  params.num_entries = 0;
  for (; *next < args.num_pieces && params.num_entries < capacity; ++*next) {
    const FingerprintPiece& piece = args.pieces[*next];
    if (piece.count == 0) continue;
    const HashedPiece hashed = HashedPieceOf(piece, params.units);
    params.entries[params.num_entries++] = hashed;
    params.units += UnitsOf(hashed);
  }
  ErrorOf<Launcher> error{};
  if (params.num_entries == 0) return error;
  Grid grid = GridFor(params.units, settings);
  constexpr int64_t kMostBlocks = kMostPartialSums / Grid::kThreadsPerBlock;
  if (grid.blocks > kMostBlocks) grid.blocks = kMostBlocks;
  error = launcher.template Launch<Body>(params, grid);
  if (error != ErrorOf<Launcher>{}) return error;
  return LaunchAdd(grid.threads(), args.sum, settings, launcher);
}

}  // namespace internal

template <typename Launcher>
auto LaunchMean(const MeanArgs& args, const LaunchSettings& settings,
                Launcher&& launcher) {
  internal::ErrorOf<Launcher> error{};
  if (args.count == 0) return error;
  const bool few = args.num_inputs + args.num_outputs <= kFewMeanTensors;
  kernels::VisitDType(args.dtype, [&](auto dtype) {
    constexpr DType kDType = decltype(dtype)::value;
    if constexpr (kDType != DType::kBool) {
      using Few = MeanBody<kDType, kFewMeanTensors>;
      using Most = MeanBody<kDType, kMostMeanTensors>;
      error = few ? internal::LaunchMeanBody<Few>(args, settings, launcher)
                  : internal::LaunchMeanBody<Most>(args, settings, launcher);
    }
  });
  return error;
}

template <typename Launcher>
auto LaunchCopyBlocks(const BlockCopyList& list, const LaunchSettings& settings,
                      Launcher&& launcher) {
  if (list.num_entries == 0) return internal::ErrorOf<Launcher>{};
  if (list.num_entries <= kFewBlockCopies) {
    return internal::LaunchFew<BlockCopyBody<kFewBlockCopies>>(list, settings,
                                                               launcher);
  }
  return launcher.template Launch<BlockCopyBody<kMostBlockCopies>>(
      list, GridFor(list.units, settings));
}

template <typename Launcher>
auto LaunchCopyElements(const ElementCopyList& list,
                        const LaunchSettings& settings, Launcher&& launcher) {
  if (list.num_entries == 0) return internal::ErrorOf<Launcher>{};
  if (list.num_entries <= kFewElementCopies) {
    return internal::LaunchFew<ElementCopyBody<kFewElementCopies>>(
        list, settings, launcher);
  }
  return launcher.template Launch<ElementCopyBody<kMostElementCopies>>(
      list, GridFor(list.units, settings));
}

template <typename Launcher>
auto LaunchElementwise(const ElementwiseArgs& args,
                       const LaunchSettings& settings, Launcher&& launcher) {
  internal::ErrorOf<Launcher> error{};
  kernels::VisitOp(args.op, [&](auto op) {
    using Op = decltype(op);
    switch (ElementwiseElements(args, Op::kSignature.num_operands())) {
      case 2:
        error = internal::LaunchElementwiseOp<Op, 2>(args, settings, launcher);
        return;
      case 4:
        error = internal::LaunchElementwiseOp<Op, 4>(args, settings, launcher);
        return;
      default:
        error = internal::LaunchElementwiseOp<Op, 8>(args, settings, launcher);
        return;
    }
  });
  return error;
}

template <typename Launcher>
auto LaunchFingerprint(const FingerprintArgs& args,
                       const LaunchSettings& settings, Launcher&& launcher) {
  internal::ErrorOf<Launcher> error{};
  for (int64_t next = 0;
       next < args.num_pieces && error == internal::ErrorOf<Launcher>{};) {
    using Few = FingerprintBody<kFewPieces>;
    using Most = FingerprintBody<kMostPieces>;
    error = args.num_pieces - next <= kFewPieces
                ? internal::LaunchFingerprintBody<Few>(
                      args, kFewPieces, settings, launcher, &next)
                : internal::LaunchFingerprintBody<Most>(
                      args, kMostPieces, settings, launcher, &next);
  }
  return error;
}

}  // namespace parley

#endif  // PARLEY_DEVICE_CUDA_LAUNCH_H_
