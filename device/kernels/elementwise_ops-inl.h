// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the element-wise operations compute, each as one struct:
//
//   kSignature  its operands and scalars, in the order of ElementwiseArgs
//   Apply       the formula, with the scalars and a value V of each operand, by
//               reference where it is written; V is float64 or a vector of it
//
// One text for every form of a kernel. It is included inside the namespace that
// has Add, Sub and Mul for its V, by elementwise.h for the scalar definition
// and for GPUs, and by device/cpu/vector_elementwise.cc for each instruction
// set, since a vector's operations are inlined only into functions that are
// compiled for the same one. Hence no include guard and no includes.
//
// A formula is made of these functions alone, so that nothing is contracted
// into a fused multiply-add. It may branch on scalars, which are the same for
// all elements, and not on values.

// to = anchor + difference.
struct AddDifferenceOp {
  static constexpr ElementwiseSignature kSignature = {
      {{"to", OperandUse::kWrite},
       {"anchor", OperandUse::kRead},
       {"difference", OperandUse::kRead}},
      {}};

  template <typename V>
  PARLEY_HD_INLINE static void Apply(const double*, V& to, const V& anchor,
                                     const V& difference) {
    to = Add(anchor, difference);
  }
};

// to = from, converted: widened exactly, or rounded once.
struct CastOp {
  static constexpr ElementwiseSignature kSignature = {
      {{"from", OperandUse::kRead}, {"to", OperandUse::kWrite}}, {}};

  template <typename V>
  PARLEY_HD_INLINE static void Apply(const double*, const V& from, V& to) {
    to = from;
  }
};

// to = from - anchor.
struct DifferenceOp {
  static constexpr ElementwiseSignature kSignature = {
      {{"from", OperandUse::kRead},
       {"to", OperandUse::kWrite},
       {"anchor", OperandUse::kRead}},
      {}};

  template <typename V>
  PARLEY_HD_INLINE static void Apply(const double*, const V& from, V& to,
                                     const V& anchor) {
    to = Sub(from, anchor);
  }
};

// y = y + t (x - y). The ends are exact whatever the other operand holds: the
// formula alone would turn -0 into +0 at t = 0, lose small x at t = 1, and
// spread infinities.
struct LerpOp {
  static constexpr ElementwiseSignature kSignature = {
      {{"x", OperandUse::kRead}, {"y", OperandUse::kUpdate}}, {"t"}};

  template <typename V>
  PARLEY_HD_INLINE static void Apply(const double* scalars, const V& x, V& y) {
    const double t = scalars[0];
    if (t == 0) return;
    y = t == 1 ? x : Add(y, Mul(t, Sub(x, y)));
  }
};

// A step of gradient descent with Nesterov's momentum from the anchor, the
// model that all ranks agreed on last, along g = anchor - mean:
//
//   v = momentum * v + g
//   anchor = model = anchor - learning_rate * (g + momentum * v)
//
// as torch.optim.SGD(nesterov=True) without dampening or weight decay. A v that
// starts as 0 is that optimizer's momentum_buffer.
struct NesterovOp {
  static constexpr ElementwiseSignature kSignature = {
      {{"model", OperandUse::kWrite},
       {"anchor", OperandUse::kUpdate},
       {"mean", OperandUse::kRead},
       {"momentum_buffer", OperandUse::kUpdate}},
      {"learning_rate", "momentum"}};

  template <typename V>
  PARLEY_HD_INLINE static void Apply(const double* scalars, V& model, V& anchor,
                                     const V& mean, V& v) {
    const double learning_rate = scalars[0];
    const double momentum = scalars[1];
    const V g = Sub(anchor, mean);
    v = Add(Mul(momentum, v), g);
    anchor = Sub(anchor, Mul(learning_rate, Add(g, Mul(momentum, v))));
    model = anchor;
  }
};

// model = anchor = mean.
struct ResetOp {
  static constexpr ElementwiseSignature kSignature = {
      {{"model", OperandUse::kWrite},
       {"anchor", OperandUse::kWrite},
       {"mean", OperandUse::kRead}},
      {}};

  template <typename V>
  PARLEY_HD_INLINE static void Apply(const double*, V& model, V& anchor,
                                     const V& mean) {
    model = mean;
    anchor = mean;
  }
};
