// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// data/digits.csv as linked into the program; a build rule writes the array.
#ifndef PARLEY_EXAMPLES_DIGITS_EMBEDDED_CSV_H_
#define PARLEY_EXAMPLES_DIGITS_EMBEDDED_CSV_H_

#include <cstddef>

namespace parley::digits {

extern const char kEmbeddedCsv[];
extern const size_t kEmbeddedCsvSize;

}  // namespace parley::digits

#endif  // PARLEY_EXAMPLES_DIGITS_EMBEDDED_CSV_H_
