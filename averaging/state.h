// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// SavedState: what an object of this library needs to go on where it stopped,
// in a form that any checkpoint system can keep: a JSON text and named tensors.
//
//   SavedState state = averager->State();
//   my_checkpoint.Put("averager", state.description);
//   for (const NamedTensor& tensor : state.tensors) ...
//
// averaging/checkpoint.h writes it to a file for those who have no system of
// their own.
//
// Thread-safety: thread-compatible, a value.
#ifndef PARLEY_AVERAGING_STATE_H_
#define PARLEY_AVERAGING_STATE_H_

#include <string>
#include <vector>

#include "parley/device/tensor.h"

namespace parley {

struct SavedState {
  // A JSON object; its "kind" and "schema_version" say what else is in it.
  std::string description;

  // Views of memory of the object that gave the state: valid until that is
  // used again. Names are unique.
  std::vector<NamedTensor> tensors;
};

}  // namespace parley

#endif  // PARLEY_AVERAGING_STATE_H_
