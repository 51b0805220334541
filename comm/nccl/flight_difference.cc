// Copyright 2026 The Parley Authors
// SPDX-License-Identifier: Apache-2.0
#include "parley/comm/nccl/flight_difference.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace parley {
namespace {

// One rank's part in a communicator.
struct Member {
  int rank;  // of the dump
  const FlightCommunicator* communicator;
  std::map<int64_t, const FlightOperation*> operations;  // by sequence

  const FlightOperation* At(int64_t sequence) const {
    const auto found = operations.find(sequence);
    return found == operations.end() ? nullptr : found->second;
  }

  // What is no longer remembered counts as complete.
  int64_t FirstIncomplete() const {
    for (const auto& [sequence, operation] : operations) {
      if (operation->state != FlightState::kCompleted) return sequence;
    }
    return communicator->scheduled;
  }
};

using Members = std::vector<Member>;

std::string Ranks(const std::vector<int>& ranks) {
  return absl::StrCat(ranks.size() == 1 ? "rank " : "ranks ",
                      absl::StrJoin(ranks, ", "));
}

// Communicators in the order in which the dumps name them.
std::vector<std::pair<std::string, Members>> ByCommunicator(
    absl::Span<const FlightDump> dumps) {
  std::vector<std::pair<std::string, Members>> groups;
  for (const FlightDump& dump : dumps) {
    for (const FlightCommunicator& communicator : dump.communicators) {
      auto group = std::find_if(
          groups.begin(), groups.end(),
          [&](const auto& each) { return each.first == communicator.name; });
      if (group == groups.end()) {
        group = groups.insert(group, {communicator.name, Members()});
      }
      Member member = {dump.rank, &communicator, {}};
      for (const FlightOperation& operation : dump.operations) {
        if (operation.communicator == communicator.name) {
          member.operations[operation.sequence] = &operation;
        }
      }
      group->second.push_back(std::move(member));
    }
  }
  for (auto& group : groups) {
    std::sort(group.second.begin(), group.second.end(),
              [](const Member& a, const Member& b) { return a.rank < b.rank; });
  }
  return groups;
}

// Who was expected to give a dump, by their ranks in the communicator.
void AddAbsent(const Members& members, std::vector<std::string>& lines) {
  std::set<int> seen;
  for (const Member& member : members) seen.insert(member.communicator->rank);
  std::vector<int> absent;
  for (int rank = 0; rank < members.front().communicator->size; ++rank) {
    if (seen.count(rank) == 0) absent.push_back(rank);
  }
  if (!absent.empty()) {
    lines.push_back(absl::StrCat("no dump of ", Ranks(absent), " of its ",
                                 members.front().communicator->size,
                                 absent.size() == 1
                                     ? ": it died, or could not write"
                                     : ": they died, or could not write"));
  }
}

std::string Arguments(const FlightOperation& operation) {
  const std::string text = operation.ToString();
  return text.substr(text.find(' ') + 1);
}

// The first operation that is not the same on all ranks that remember it.
void AddDisagreement(const Members& members, std::vector<std::string>& lines) {
  std::set<int64_t> sequences;
  for (const Member& member : members) {
    for (const auto& entry : member.operations) sequences.insert(entry.first);
  }
  for (int64_t sequence : sequences) {
    // In the order of the lowest rank; the largest group is listed first.
    std::vector<std::pair<const FlightOperation*, std::vector<int>>> groups;
    for (const Member& member : members) {
      const FlightOperation* mine = member.At(sequence);
      if (mine == nullptr) continue;
      auto group =
          std::find_if(groups.begin(), groups.end(), [&](const auto& each) {
            return each.first->op == mine->op &&
                   each.first->signature == mine->signature;
          });
      if (group == groups.end()) group = groups.insert(group, {mine, {}});
      group->second.push_back(member.rank);
    }
    if (groups.size() < 2) continue;
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto& a, const auto& b) {
                       return a.second.size() > b.second.size();
                     });
    std::string line = absl::StrCat("ranks disagree on #", sequence, ":");
    bool texts_differ = false;
    for (const auto& group : groups) {
      const std::string text = Arguments(*group.first);
      texts_differ |= text != Arguments(*groups.front().first);
      absl::StrAppend(&line, &group == &groups.front() ? " " : "; ",
                      Ranks(group.second), " called ", text);
    }
    if (!texts_differ) {
      absl::StrAppend(&line, ", with another root, reduction or list");
    }
    lines.push_back(line);
    return;
  }
}

std::string Last(const Member& member) {
  if (member.communicator->scheduled == 0) return "it has called nothing";
  const int64_t last = member.communicator->scheduled - 1;
  const FlightOperation* operation = member.At(last);
  if (operation == nullptr) return absl::StrCat("its last is #", last);
  return absl::StrCat("its last is ", operation->ToString(), " (",
                      Name(operation->state), ")");
}

// Where each rank is at the first operation that some rank has not completed.
void AddStuck(const Members& members, std::vector<std::string>& lines) {
  int64_t sequence = members.front().FirstIncomplete();
  int64_t furthest = 0;
  for (const Member& member : members) {
    sequence = std::min(sequence, member.FirstIncomplete());
    furthest = std::max(furthest, member.communicator->scheduled);
  }
  if (furthest <= sequence) return;
  std::string name = absl::StrCat("#", sequence);
  for (const Member& member : members) {
    const FlightOperation* operation = member.At(sequence);
    if (operation != nullptr) name = operation->ToString();
  }
  std::vector<int> waiting, under_way, complete;
  const size_t before = lines.size();
  for (const Member& member : members) {
    const FlightOperation* operation = member.At(sequence);
    if (member.communicator->scheduled <= sequence) {
      lines.push_back(absl::StrCat("rank ", member.rank, " never reached ",
                                   name, "; ", Last(member)));
    } else if (operation == nullptr ||
               operation->state == FlightState::kCompleted) {
      complete.push_back(member.rank);
    } else if (operation->started_ns == 0) {
      waiting.push_back(member.rank);
    } else {
      under_way.push_back(member.rank);
    }
  }
  if (!waiting.empty()) {
    lines.push_back(absl::StrCat(
        name, " did not start on ", Ranks(waiting),
        ": what was enqueued before it on the stream is not done"));
  }
  if (!complete.empty()) {
    lines.push_back(absl::StrCat(name, " is complete on ", Ranks(complete),
                                 under_way.empty() ? "" : " and not on ",
                                 under_way.empty() ? "" : Ranks(under_way)));
  }
  if (lines.size() == before) {
    lines.push_back(absl::StrCat(name, " started on ", Ranks(under_way),
                                 " and did not end: look at the network and "
                                 "the devices"));
  }
}

}  // namespace

std::vector<std::string> DescribeDifference(
    absl::Span<const FlightDump> dumps) {
  std::vector<std::string> findings;
  std::set<int> ranks;
  for (const FlightDump& dump : dumps) {
    if (!ranks.insert(dump.rank).second) {
      findings.push_back(
          absl::StrCat("two dumps say that they are of rank ", dump.rank));
    }
  }
  if (!findings.empty()) return findings;
  for (const auto& [name, members] : ByCommunicator(dumps)) {
    std::vector<std::string> lines;
    AddAbsent(members, lines);
    AddDisagreement(members, lines);
    AddStuck(members, lines);
    for (const std::string& line : lines) {
      findings.push_back(absl::StrCat(name, ": ", line));
    }
  }
  return findings;
}

}  // namespace parley
