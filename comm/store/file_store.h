// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
//
// FileStore: a Store in a folder that all processes of the job can see, on one
// machine or on a shared file system.
//
//   FileStore store("/shared/job-1234", SteadyClock());
//
// Each key is a file. A value is written beside it and renamed into place, so
// that a reader finds no value or a whole one. Nothing is synced to the disk:
// values matter only while the processes that exchange them live, and a machine
// that goes down takes those along.
//
// The folder is made when the first value is set, and is the caller's to
// delete. It must be new for each job: what an earlier one left would be taken
// for an answer of this one. Files are made for their owner alone (0600).
//
// On NFS a client may remember for up to a minute that a file was not there;
// the mount option lookupcache=positive avoids that wait.
#ifndef PARLEY_COMM_STORE_FILE_STORE_H_
#define PARLEY_COMM_STORE_FILE_STORE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "parley/base/clock.h"
#include "parley/comm/store/store.h"

namespace parley {

class FileStore : public Store {
 public:
  // `clock` must outlive the store, and Get() waits on it.
  FileStore(absl::string_view directory, Clock& clock);

  absl::Status Set(absl::string_view key, absl::string_view value) override;

  // Looks again and again, less and less often: store_common.h.
  absl::StatusOr<std::string> Get(absl::string_view key,
                                  absl::Duration timeout) override;

 private:
  const std::string directory_;
  Clock& clock_;
};

}  // namespace parley

#endif  // PARLEY_COMM_STORE_FILE_STORE_H_
