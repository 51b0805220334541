// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// Macros that pass an error to the caller. Debian's Abseil has none.
//
//   absl::StatusOr<int> Parse(absl::string_view text);
//
//   absl::Status Run(absl::string_view text) {
//     PARLEY_ASSIGN_OR_RETURN(int value, Parse(text));
//     PARLEY_RETURN_IF_ERROR(Use(value));
//     return absl::OkStatus();
//   }
#ifndef PARLEY_BASE_STATUS_MACROS_H_
#define PARLEY_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function if `expression`, an absl::Status, is an
// error.
#define PARLEY_RETURN_IF_ERROR(expression)                                  \
  do {                                                                      \
    if (::absl::Status parley_status = (expression); !parley_status.ok()) { \
      return parley_status;                                                 \
    }                                                                       \
  } while (false)

#define PARLEY_STATUS_CONCAT_INNER(a, b) a##b
#define PARLEY_STATUS_CONCAT(a, b) PARLEY_STATUS_CONCAT_INNER(a, b)

// Assigns the value of `expression`, an absl::StatusOr, to `declaration`, or
// returns its error. Not usable in an unbraced `if`: it expands to several
// statements, so that `declaration` stays in scope.
#define PARLEY_ASSIGN_OR_RETURN(declaration, expression)            \
  PARLEY_ASSIGN_OR_RETURN_IMPL(                                     \
      PARLEY_STATUS_CONCAT(parley_statusor, __LINE__), declaration, \
      expression)

#define PARLEY_ASSIGN_OR_RETURN_IMPL(temporary, declaration, expression) \
  auto temporary = (expression);                                         \
  if (!temporary.ok()) return std::move(temporary).status();             \
  declaration = *std::move(temporary)

#endif  // PARLEY_BASE_STATUS_MACROS_H_
