// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/tests/fakes/fake_collectives.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "parley/base/rounding.h"
#include "parley/tests/fakes/fake_comm.h"

namespace parley::fakes {
namespace {

// How elements of a floating-point type are read, and what rounding to it is.
struct Float16 {
  using Storage = uint16_t;
  static double Widen(uint16_t bits) { return WidenFloat16(bits); }
  static uint16_t Round(double value) { return RoundToFloat16(value); }
};
struct BFloat16 {
  using Storage = uint16_t;
  static double Widen(uint16_t bits) { return WidenBFloat16(bits); }
  static uint16_t Round(double value) { return RoundToBFloat16(value); }
};
struct Float32 {
  using Storage = float;
  static double Widen(float value) { return value; }
  static float Round(double value) { return RoundToFloat32(value); }
};
struct Float64 {
  using Storage = double;
  static double Widen(double value) { return value; }
  static double Round(double value) { return RoundToFloat64(value); }
};

// One hop of a ring on stored elements.
template <typename F>
struct FloatRing {
  using Storage = typename F::Storage;
  const ncclRedOp_t op;
  const double scale;  // of every contribution: ncclAvg multiplies first

  FloatRing(ncclRedOp_t op, int64_t ranks)
      : op(op),
        scale(op == ncclAvg
                  ? F::Widen(F::Round(1.0 / static_cast<double>(ranks)))
                  : 1) {}

  Storage First(Storage x) const {
    return op == ncclAvg ? F::Round(F::Widen(x) * scale) : x;
  }
  Storage Hop(Storage acc, Storage x) const {
    const double a = F::Widen(acc);
    const double b = F::Widen(First(x));
    if (op == ncclMin) return F::Round(std::fmin(a, b));
    if (op == ncclMax) return F::Round(std::fmax(a, b));
    return F::Round(a + b);
  }
  Storage Last(Storage acc) const { return acc; }
};

template <typename T>
struct IntegerRing {
  using Storage = T;
  const ncclRedOp_t op;
  const int64_t ranks;

  IntegerRing(ncclRedOp_t op, int64_t ranks) : op(op), ranks(ranks) {}

  T First(T x) const { return x; }
  T Hop(T acc, T x) const {
    if (op == ncclMin) return std::min(acc, x);
    if (op == ncclMax) return std::max(acc, x);
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<Unsigned>(static_cast<Unsigned>(acc) +
                                                static_cast<Unsigned>(x)));
  }
  T Last(T acc) const {
    return op == ncclAvg ? static_cast<T>(acc / static_cast<T>(ranks)) : acc;
  }
};

// Element i belongs to one of as many chunks as there are ranks; chunk k is
// (x[k+1] + x[k+2] + ...) + x[k].
template <typename Ring>
std::vector<unsigned char> Reduce(const std::vector<const Op*>& calls) {
  using Storage = typename Ring::Storage;
  const auto ranks = static_cast<int64_t>(calls.size());
  const int64_t count = calls[0]->count;
  const int64_t chunk = (count + ranks - 1) / ranks;
  const Ring ring(calls[0]->op, ranks);
  const auto load = [&calls](int64_t rank, int64_t i) {
    Storage value;
    std::memcpy(&value,
                static_cast<const unsigned char*>(
                    calls[static_cast<size_t>(rank)]->from) +
                    static_cast<size_t>(i) * sizeof(Storage),
                sizeof(Storage));
    return value;
  };
  std::vector<unsigned char> result(static_cast<size_t>(count) *
                                    sizeof(Storage));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t k = i / chunk;
    Storage acc = ring.First(load((k + 1) % ranks, i));
    for (int64_t hop = 2; hop <= ranks; ++hop) {
      acc = ring.Hop(acc, load((k + hop) % ranks, i));
    }
    acc = ring.Last(acc);
    std::memcpy(result.data() + static_cast<size_t>(i) * sizeof(Storage), &acc,
                sizeof(Storage));
  }
  return result;
}

std::vector<unsigned char> Reduce(ncclDataType_t type,
                                  const std::vector<const Op*>& calls) {
  switch (type) {
    case ncclInt8:
      return Reduce<IntegerRing<int8_t>>(calls);
    case ncclUint8:
      return Reduce<IntegerRing<uint8_t>>(calls);
    case ncclInt32:
      return Reduce<IntegerRing<int32_t>>(calls);
    case ncclUint32:
      return Reduce<IntegerRing<uint32_t>>(calls);
    case ncclInt64:
      return Reduce<IntegerRing<int64_t>>(calls);
    case ncclUint64:
      return Reduce<IntegerRing<uint64_t>>(calls);
    case ncclFloat16:
      return Reduce<FloatRing<Float16>>(calls);
    case ncclFloat32:
      return Reduce<FloatRing<Float32>>(calls);
    case ncclFloat64:
      return Reduce<FloatRing<Float64>>(calls);
    case ncclBfloat16:
      return Reduce<FloatRing<BFloat16>>(calls);
    default:
      return {};
  }
}

void AppendInput(const Op& call, std::vector<unsigned char>& bytes) {
  const Access input = call.Input();
  const auto* data = static_cast<const unsigned char*>(input.data);
  bytes.insert(bytes.end(), data, data + input.bytes);
}

template <typename T>
std::string Compare(const char* what, const T& a, int rank_a, const T& b,
                    int rank_b) {
  if (a == b) return "";
  return absl::StrCat(what, ": ", a, " on rank ", rank_a, ", ", b, " on rank ",
                      rank_b);
}

// Captured calls and others must not meet, nor the graphs of different calls.
std::string CaptureOf(const Op& op) {
  if (op.captured_call == 0) return "none";
  return absl::StrCat("captured call ", op.captured_call);
}

const char* NameOf(OpKind kind) {
  switch (kind) {
    case OpKind::kSend:
      return "Send";
    case OpKind::kRecv:
      return "Recv";
    case OpKind::kAllGather:
      return "AllGather";
    case OpKind::kAllReduce:
      return "AllReduce";
    case OpKind::kBroadcast:
      return "Broadcast";
  }
  return "?";
}

const char* NameOf(ncclRedOp_t op) {
  switch (op) {
    case ncclSum:
      return "sum";
    case ncclMin:
      return "min";
    case ncclMax:
      return "max";
    case ncclAvg:
      return "avg";
    default:
      return "another operator";
  }
}

}  // namespace

int64_t BytesOf(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
    case ncclFloat8e4m3:
    case ncclFloat8e5m2:
      return 1;
    case ncclFloat16:
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64:
      return 8;
    default:
      return 0;
  }
}

const char* NameOf(ncclDataType_t type) {
  static constexpr const char* kNames[] = {
      "int8",    "uint8",    "int32",       "uint32",
      "int64",   "uint64",   "float16",     "float32",
      "float64", "bfloat16", "float8_e4m3", "float8_e5m2"};
  const auto index = static_cast<size_t>(type);
  return index < sizeof(kNames) / sizeof(kNames[0]) ? kNames[index] : "no type";
}

bool CanReduce(ncclDataType_t type, ncclRedOp_t op) {
  const bool known =
      op == ncclSum || op == ncclMin || op == ncclMax || op == ncclAvg;
  return known && BytesOf(type) > 0 && type != ncclFloat8e4m3 &&
         type != ncclFloat8e5m2;
}

std::string Difference(const std::vector<const Op*>& calls) {
  const Op& first = *calls[0];
  for (size_t r = 1; r < calls.size(); ++r) {
    const Op& other = *calls[r];
    const int rank = static_cast<int>(r);
    const auto name = [](const char* text) { return std::string(text); };
    std::string difference = Compare("operation", name(NameOf(first.kind)), 0,
                                     name(NameOf(other.kind)), rank);
    if (difference.empty()) {
      difference = Compare("type", name(NameOf(first.type)), 0,
                           name(NameOf(other.type)), rank);
    }
    if (difference.empty()) {
      difference = Compare("count", first.count, 0, other.count, rank);
    }
    if (difference.empty() && first.kind == OpKind::kAllReduce) {
      difference = Compare("operator", name(NameOf(first.op)), 0,
                           name(NameOf(other.op)), rank);
    }
    if (difference.empty() && first.kind == OpKind::kBroadcast) {
      difference = Compare("root", first.peer, 0, other.peer, rank);
    }
    if (difference.empty()) {
      difference =
          Compare("capture", CaptureOf(first), 0, CaptureOf(other), rank);
    }
    if (!difference.empty()) return difference;
  }
  return "";
}

std::string Difference(const Op& send, const Op& recv) {
  // The receiver's peer is the sender's rank, and the other way round.
  const int sender = recv.peer;
  const int receiver = send.peer;
  if (send.type != recv.type) {
    return Compare("type", std::string(NameOf(send.type)), sender,
                   std::string(NameOf(recv.type)), receiver);
  }
  if (send.count != recv.count) {
    return Compare("count", send.count, sender, recv.count, receiver);
  }
  return Compare("capture", CaptureOf(send), sender, CaptureOf(recv), receiver);
}

void RunCollective(const std::vector<const Op*>& calls) {
  std::vector<unsigned char> result;
  switch (calls[0]->kind) {
    case OpKind::kAllReduce:
      result = Reduce(calls[0]->type, calls);
      break;
    case OpKind::kBroadcast:
      AppendInput(*calls[static_cast<size_t>(calls[0]->peer)], result);
      break;
    case OpKind::kAllGather:
      for (const Op* call : calls) AppendInput(*call, result);
      break;
    case OpKind::kSend:
    case OpKind::kRecv:
      return;
  }
  for (const Op* call : calls) {
    std::memcpy(call->to, result.data(), result.size());
  }
}

int64_t Op::bytes() const { return count * BytesOf(type); }

Access Op::Input() const {
  switch (kind) {
    case OpKind::kSend:
    case OpKind::kAllGather:
    case OpKind::kAllReduce:
      return {from, bytes()};
    case OpKind::kBroadcast:
      return comm->rank == peer ? Access{from, bytes()} : Access{};
    case OpKind::kRecv:
      break;
  }
  return {};
}

Access Op::Output() const {
  switch (kind) {
    case OpKind::kRecv:
    case OpKind::kAllReduce:
    case OpKind::kBroadcast:
      return {to, bytes()};
    case OpKind::kAllGather:
      return {to, bytes() * comm->size};
    case OpKind::kSend:
      break;
  }
  return {};
}

bool Op::in_place() const {
  const auto* target = static_cast<const unsigned char*>(to);
  if (kind == OpKind::kAllGather) return from == target + comm->rank * bytes();
  return collective() && from == to;
}

std::string Op::ToString() const {
  std::string text =
      absl::StrCat(NameOf(kind), " of ", count, " ", NameOf(type));
  if (kind == OpKind::kSend) absl::StrAppend(&text, " to ", peer);
  if (kind == OpKind::kRecv) absl::StrAppend(&text, " from ", peer);
  if (kind == OpKind::kBroadcast) absl::StrAppend(&text, " from root ", peer);
  if (kind == OpKind::kAllReduce) absl::StrAppend(&text, ", ", NameOf(op));
  return text;
}

}  // namespace parley::fakes
