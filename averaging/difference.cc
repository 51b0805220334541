// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/averaging/difference.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "parley/averaging/fixed_text.h"
#include "parley/base/hash.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

constexpr int64_t kHashesAtATime = 63;

// These travel as bytes, from the two ranks to all.
struct Hashes {
  int64_t count;  // of all fields
  std::array<uint64_t, kHashesAtATime> fields;
};

struct Field {
  bool exists;
  uint64_t name_hash;
  FixedText<128> name;
  FixedText<168> value;
  FixedText<168> note;
};

template <typename T>
struct Two {
  T rank;
  T other;
};

Hashes HashesFrom(const Description& mine, int64_t begin) {
  Hashes hashes = {};
  hashes.count = static_cast<int64_t>(mine.fields().size());
  for (int64_t i = 0; i < kHashesAtATime && begin + i < hashes.count; ++i) {
    const auto place = static_cast<size_t>(i);
    hashes.fields[place] =
        mine.fields()[static_cast<size_t>(begin) + place].hash;
  }
  return hashes;
}

Field FieldAt(const Description& mine, int64_t index, absl::string_view note) {
  Field field = {};
  field.note.Set(note);
  if (index < static_cast<int64_t>(mine.fields().size())) {
    const Description::Field& from = mine.fields()[static_cast<size_t>(index)];
    field.exists = true;
    field.name_hash = HashString(from.name);
    field.name.Set(from.name);
    field.value.Set(ToString(from.value));
  }
  return field;
}

// Whether `mine` has a field of that name, in whatever place.
bool Has(const Description& mine, const Field& wanted) {
  if (!wanted.exists) return true;
  for (const Description::Field& field : mine.fields()) {
    if (HashString(field.name) == wanted.name_hash) return true;
  }
  return false;
}

class Search {
 public:
  Search(HostCollectives& hosts, int rank, int other, const Deadline& deadline)
      : hosts_(hosts), rank_(rank), other_(other), deadline_(deadline) {}

  // The index of the first field that differs.
  absl::StatusOr<int64_t> First(const Description& mine) {
    for (int64_t begin = 0;; begin += kHashesAtATime) {
      Two<Hashes> both;
      PARLEY_RETURN_IF_ERROR(Tell(HashesFrom(mine, begin), both));
      const auto differing =
          std::mismatch(both.rank.fields.begin(), both.rank.fields.end(),
                        both.other.fields.begin());
      const int64_t first =
          begin + (differing.first - both.rank.fields.begin());
      const int64_t end = std::max(both.rank.count, both.other.count);
      if (first < std::min(begin + kHashesAtATime, end)) return first;
      if (begin + kHashesAtATime >= end) break;
    }
    return absl::InternalError(
        "hashes of descriptions differ, but their fields do not");
  }

  // From `mine` of the two ranks to `both` of all.
  template <typename T>
  absl::Status Tell(const T& mine, Two<T>& both) {
    both = {mine, mine};
    PARLEY_RETURN_IF_ERROR(
        hosts_.Broadcast(&both.rank, sizeof(T), rank_, deadline_));
    return hosts_.Broadcast(&both.other, sizeof(T), other_, deadline_);
  }

 private:
  HostCollectives& hosts_;
  const int rank_;
  const int other_;
  const Deadline& deadline_;
};

constexpr absl::string_view kMissing = "missing";

std::string NameAndValue(const Field& field) {
  return absl::StrCat(field.name.view(), " ", field.value.view());
}

}  // namespace

std::string DescribeDifference(int rank, absl::string_view what,
                               absl::string_view value, int other,
                               absl::string_view other_value) {
  return absl::StrCat("rank ", rank, " differs from rank ", other, " in ", what,
                      ": ", value, " against ", other_value);
}

absl::StatusOr<std::string> FindDifference(HostCollectives& hosts, int rank,
                                           int other, const Description& mine,
                                           absl::string_view note,
                                           const Deadline& deadline) {
  Search search(hosts, rank, other, deadline);
  PARLEY_ASSIGN_OR_RETURN(const int64_t index, search.First(mine));
  Two<Field> at;
  PARLEY_RETURN_IF_ERROR(search.Tell(FieldAt(mine, index, note), at));
  // Whether each of the two has what the other one has in this place.
  Two<Two<bool>> has;
  PARLEY_RETURN_IF_ERROR(
      search.Tell({Has(mine, at.rank), Has(mine, at.other)}, has));

  std::string message;
  if (at.rank.name_hash == at.other.name_hash) {
    message =
        DescribeDifference(rank, at.other.name.view(), at.rank.value.view(),
                           other, at.other.value.view());
  } else if (!has.rank.other && has.other.rank) {
    message = DescribeDifference(rank, at.other.name.view(), kMissing, other,
                                 at.other.value.view());
  } else if (has.rank.other && !has.other.rank) {
    message = DescribeDifference(rank, at.rank.name.view(),
                                 at.rank.value.view(), other, kMissing);
  } else {
    message = DescribeDifference(rank, absl::StrCat("field ", index),
                                 NameAndValue(at.rank), other,
                                 NameAndValue(at.other));
  }
  if (at.rank.note.view() != at.other.note.view()) {
    absl::StrAppend(&message, " (", at.rank.note.view(),
                    "; against: ", at.other.note.view(), ")");
  }
  return message;
}

}  // namespace parley
