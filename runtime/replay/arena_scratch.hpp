// Which bytes of the scratch pool are free: first fit, neighbours joined when they are given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

namespace bayplan {
namespace {

class FirstFit {
 public:
  void begin(int64_t bytes) { free_[0] = bytes; }
  void forget() { free_.clear(); }

  // Where `size` bytes are now in use; -1: nowhere is there room.
  int64_t take(int64_t size) {
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->second < size) continue;
      const int64_t at = it->first, rest = it->second - size;
      free_.erase(it);
      if (rest > 0) free_[at + size] = rest;
      used_[at] = size;
      live_ += size;
      return at;
    }
    return -1;
  }

  void give(int64_t at) {
    auto found = used_.find(at);
    int64_t size = found->second;
    used_.erase(found);
    live_ -= size;
    auto after = free_.lower_bound(at);
    if (after != free_.end() && after->first == at + size) {
      size += after->second;
      after = free_.erase(after);
    }
    if (after != free_.begin()) {
      auto before = std::prev(after);
      if (before->first + before->second == at) {
        before->second += size;
        return;
      }
    }
    free_[at] = size;
  }

  bool has(int64_t at) const { return used_.count(at) > 0; }
  size_t blocks() const { return used_.size(); }
  int64_t live() const { return live_; } // bytes in use

 private:
  std::map<int64_t, int64_t> free_, used_; // address -> bytes
  int64_t live_ = 0;
};

} // namespace
} // namespace bayplan
