// First fit: box after box, each at the lowest address that is free all its life.
#pragma once

#include "placing_boxes.hpp"

namespace bayplan {

class FirstFit {
 public:
  explicit FirstFit(const Boxes& boxes) : boxes_(boxes) {}

  // Places in `order` all whose address is kFree, around the others.
  void place(const Order& order, Numbers& address) {
    chunks_.assign(1, {});
    for (int32_t box : order)
      if (address[box] != kFree) put(box, address[box]);
    for (int32_t box : order) {
      if (address[box] != kFree) continue;
      address[box] = lowest_gap(box);
      put(box, address[box]);
    }
  }

  int64_t steps() const { return looked_; }

 private:
  struct Placed {
    int64_t low, high;
    int32_t first, last;
  };

  int64_t lowest_gap(int32_t box) {
    const int32_t first = boxes_.first[box], last = boxes_.last[box];
    int64_t address = 0;
    for (const auto& chunk : chunks_) {
      looked_ += static_cast<int64_t>(chunk.size());
      for (const Placed& other : chunk) {
        if (other.first >= last || first >= other.last) continue;
        if (other.low - address >= boxes_.size[box]) return address;
        address = std::max(address, other.high);
      }
    }
    return address;
  }

  void put(int32_t box, int64_t low) {
    size_t at = 0;
    while (at + 1 < chunks_.size() && chunks_[at + 1].front().low <= low) ++at;
    auto& chunk = chunks_[at];
    const auto after = std::upper_bound(chunk.begin(), chunk.end(), low, [](int64_t address, const Placed& other) {
      return address < other.low;
    });
    chunk.insert(after, {low, low + boxes_.size[box], boxes_.first[box], boxes_.last[box]});
    if (chunk.size() < 2 * kChunk) return;
    std::vector<Placed> upper(chunk.begin() + kChunk, chunk.end());
    chunk.resize(kChunk);
    chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(upper));
  }

  static constexpr size_t kChunk = 128;
  const Boxes& boxes_;
  std::vector<std::vector<Placed>> chunks_; // by address; in chunks, so that a new one moves few others
  int64_t looked_ = 0;
};

} // namespace bayplan
