// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/nccl_api.h"

#include <dlfcn.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "parley/base/mutex.h"
#include "parley/base/status_macros.h"

namespace parley {
namespace {

constexpr const char* kLibrary = "libnccl.so.2";
constexpr int kOldest = NCCL_VERSION(2, 18, 0);

// The linker's own words about its last failure.
std::string LinkerError() {
  const char* error = dlerror();
  return error == nullptr ? "unknown error" : error;
}

// Fills a table; remembers the first required symbol that is missing.
class Symbols {
 public:
  explicit Symbols(void* handle) : handle_(handle) {}

  template <typename Function>
  void Required(const char* name, Function& entry) {
    Optional(name, entry);
    if (entry == nullptr && missing_.empty()) missing_ = name;
  }

  template <typename Function>
  void Optional(const char* name, Function& entry) {
    entry = reinterpret_cast<Function>(dlsym(handle_, name));
  }

  const std::string& missing() const { return missing_; }

 private:
  void* const handle_;
  std::string missing_;
};

std::string FillTable(void* handle, NcclApi& api) {
  Symbols symbols(handle);
  symbols.Required("ncclGetVersion", api.GetVersion);
  symbols.Required("ncclGetUniqueId", api.GetUniqueId);
  symbols.Required("ncclGetErrorString", api.GetErrorString);
  symbols.Required("ncclGetLastError", api.GetLastError);
  symbols.Required("ncclCommInitRankConfig", api.CommInitRankConfig);
  symbols.Required("ncclCommSplit", api.CommSplit);
  symbols.Optional("ncclCommShrink", api.CommShrink);
  symbols.Required("ncclCommFinalize", api.CommFinalize);
  symbols.Required("ncclCommDestroy", api.CommDestroy);
  symbols.Required("ncclCommAbort", api.CommAbort);
  symbols.Required("ncclCommGetAsyncError", api.CommGetAsyncError);
  symbols.Required("ncclCommCount", api.CommCount);
  symbols.Required("ncclGroupStart", api.GroupStart);
  symbols.Required("ncclGroupEnd", api.GroupEnd);
  symbols.Required("ncclSend", api.Send);
  symbols.Required("ncclRecv", api.Recv);
  symbols.Required("ncclAllGather", api.AllGather);
  symbols.Required("ncclAllReduce", api.AllReduce);
  symbols.Required("ncclBroadcast", api.Broadcast);
  return symbols.missing();
}

std::string VersionText(int version) {
  return absl::StrCat(version / 10000, ".", version / 100 % 100, ".",
                      version % 100);
}

// The version is asked before the symbols are looked at: an old library lacks
// some, and its age is the better explanation.
absl::Status CheckVersion(void* handle, absl::string_view name) {
  decltype(NcclApi::GetVersion) get_version = nullptr;
  Symbols(handle).Optional("ncclGetVersion", get_version);
  int version = 0;
  if (get_version == nullptr || get_version(&version) != ncclSuccess) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " does not tell its version: is it NCCL?"));
  }
  // Before 2.9 versions were written with fewer digits, so all are smaller.
  if (version < kOldest) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " is NCCL ", version < 10000 ? "2.8 or older" : "",
                     version < 10000 ? "" : VersionText(version), " (", version,
                     "), the oldest supported is ", VersionText(kOldest)));
  }
  return absl::OkStatus();
}

absl::StatusOr<const NcclApi*> MakeTable(void* handle,
                                         const std::string& name) {
  PARLEY_RETURN_IF_ERROR(CheckVersion(handle, name));
  auto* api = new NcclApi();
  const std::string missing = FillTable(handle, *api);
  if (!missing.empty()) {
    delete api;
    return absl::FailedPreconditionError(
        absl::StrCat(name, " has no ", missing));
  }
  return api;
}

}  // namespace

absl::StatusOr<const NcclApi*> LoadNcclApi(absl::string_view library) {
  static Mutex* const mutex = new Mutex;
  // By handle: a library may be opened by several names, and by its own one
  // wherever it was found once.
  static auto* const loaded = new std::map<void*, const NcclApi*>;
  const std::string name(library.empty() ? kLibrary : library);
  MutexLock lock(mutex);
  // The library stays open in any case: unloading NCCL is not safe.
  void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("cannot load ", name, ": ", LinkerError()));
  }
  const auto found = loaded->find(handle);
  if (found != loaded->end()) return found->second;
  PARLEY_ASSIGN_OR_RETURN(const NcclApi* api, MakeTable(handle, name));
  loaded->emplace(handle, api);
  return api;
}

}  // namespace parley
