// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "parley/device/cpu/vector_ranges.h"
#include "parley/device/kernels/element.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/vector_combine.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "parley/device/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace parley::vector::HWY_NAMESPACE {
#if PARLEY_HAS_VECTORS

struct CombineAxpby {
  HWY_INLINE V64 operator()(V64 x, V64 y) const {
    const D64 d;
    return hn::Add(hn::Mul(hn::Set(d, a), x), hn::Mul(hn::Set(d, b), y));
  }
  double a;
  double b;
};

struct CombineLerp {
  HWY_INLINE V64 operator()(V64 x, V64 y) const {
    return hn::Add(y, hn::Mul(hn::Set(D64(), t), hn::Sub(x, y)));
  }
  double t;
};

struct CombineDelta {
  HWY_INLINE V64 operator()(V64 a, V64 b) const { return hn::Sub(a, b); }
};

// output[i] = op(a[i], b[i])
template <DType kDType, class Op>
HWY_NOINLINE int64_t Combine(const Op& op, const void* a, const void* b,
                             void* output, int64_t begin, int64_t end) {
  using E = Elements<kDType>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(D64()));
  const auto* from_a = static_cast<const uint8_t*>(a);
  const auto* from_b = static_cast<const uint8_t*>(b);
  auto* to = static_cast<uint8_t*>(output);
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    const int64_t offset = i * SizeOf(kDType);
    Store<kDType>(op(E::Load(from_a + offset), E::Load(from_b + offset)),
                  to + offset);
  }
  return i;
}

int64_t Axpby(const AxpbyArgs& args, int64_t begin, int64_t end) {
  int64_t done = begin;
  kernels::VisitFloating(args.dtype, [&](auto dtype) {
    done = Combine<decltype(dtype)::value>(CombineAxpby{args.a, args.b}, args.x,
                                           args.y, args.y, begin, end);
  });
  return done;
}

int64_t Lerp(const LerpArgs& args, int64_t begin, int64_t end) {
  int64_t done = begin;
  if (args.t == 0 || args.t == 1) return done;
  kernels::VisitFloating(args.dtype, [&](auto dtype) {
    done = Combine<decltype(dtype)::value>(CombineLerp{args.t}, args.x, args.y,
                                           args.y, begin, end);
  });
  return done;
}

int64_t Delta(const DeltaArgs& args, int64_t begin, int64_t end) {
  int64_t done = begin;
  kernels::VisitFloating(args.dtype, [&](auto dtype) {
    done = Combine<decltype(dtype)::value>(CombineDelta(), args.a, args.b,
                                           args.output, begin, end);
  });
  return done;
}

template <DType kDType>
HWY_NOINLINE int64_t Sum(const ReduceArgs& args, int64_t begin, int64_t end) {
  using E = Elements<kDType>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(D64()));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    const int64_t offset = i * SizeOf(kDType);
    auto sum = E::Load(static_cast<const uint8_t*>(args.inputs[0]) + offset);
    for (int r = 1; r < args.num_inputs; ++r) {
      const auto* input = static_cast<const uint8_t*>(args.inputs[r]);
      sum = hn::Add(sum, E::Load(input + offset));
    }
    Store<kDType>(sum, static_cast<uint8_t*>(args.output) + offset);
  }
  return i;
}

int64_t Reduce(const ReduceArgs& args, int64_t begin, int64_t end) {
  int64_t done = begin;
  if (args.op != ReduceOp::kSum) return done;
  kernels::VisitFloating(args.dtype, [&](auto dtype) {
    done = Sum<decltype(dtype)::value>(args, begin, end);
  });
  return done;
}

#else

int64_t Axpby(const AxpbyArgs&, int64_t begin, int64_t) { return begin; }
int64_t Lerp(const LerpArgs&, int64_t begin, int64_t) { return begin; }
int64_t Delta(const DeltaArgs&, int64_t begin, int64_t) { return begin; }
int64_t Reduce(const ReduceArgs&, int64_t begin, int64_t) { return begin; }

#endif  // PARLEY_HAS_VECTORS
}  // namespace parley::vector::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace parley::vector {

HWY_EXPORT(Axpby);
HWY_EXPORT(Lerp);
HWY_EXPORT(Delta);
HWY_EXPORT(Reduce);

int64_t AxpbyRange(const AxpbyArgs& args, int64_t begin, int64_t end) {
  return HWY_DYNAMIC_DISPATCH(Axpby)(args, begin, end);
}

int64_t LerpRange(const LerpArgs& args, int64_t begin, int64_t end) {
  return HWY_DYNAMIC_DISPATCH(Lerp)(args, begin, end);
}

int64_t DeltaRange(const DeltaArgs& args, int64_t begin, int64_t end) {
  return HWY_DYNAMIC_DISPATCH(Delta)(args, begin, end);
}

int64_t ReduceRange(const ReduceArgs& args, int64_t begin, int64_t end) {
  return HWY_DYNAMIC_DISPATCH(Reduce)(args, begin, end);
}

}  // namespace parley::vector
#endif  // HWY_ONCE
