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

// Nesterov's momentum, as torch.optim.SGD with nesterov and without dampening,
// on the outer gradient g = anchor - mean:
//   momentum = mu momentum + g
//   model = anchor = anchor - rate (g + mu momentum)
struct NesterovOp {
  static constexpr ElementwiseSignature kSignature = {
      {{"model", OperandUse::kWrite},
       {"anchor", OperandUse::kUpdate},
       {"mean", OperandUse::kRead},
       {"momentum", OperandUse::kUpdate}},
      {"rate", "mu"}};

  template <typename V>
  PARLEY_HD_INLINE static void Apply(const double* scalars, V& model, V& anchor,
                                     const V& mean, V& momentum) {
    const V gradient = Sub(anchor, mean);
    momentum = Add(Mul(scalars[1], momentum), gradient);
    anchor =
        Sub(anchor, Mul(scalars[0], Add(gradient, Mul(scalars[1], momentum))));
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
