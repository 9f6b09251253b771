// The dive: always place the box whose lowest possible address is lowest; of equals the first in order.
//
// That address is the top of what is placed and lives with the box. Along time those tops are a
// skyline, and the box is one that lives within its lowest valley. Where none waits that does, nothing
// will ever lie there, and the valley is filled up to the lower one of its banks.
//
//    ┌────┐          ┌───┐
//    │    │  valley  │   └──┐
//    │    └──────────┘      └─
#pragma once

#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "placing_waiting.hpp"

namespace bayplan {

class Dive {
 public:
  explicit Dive(const Boxes& boxes)
      : boxes_(boxes), waiting_(boxes), end_(boxes.sections + 1), begin_(boxes.sections + 1),
        top_(boxes.sections + 1) {}

  void place(const Order& order, Numbers& address) {
    waiting_.fill(order);
    lowest_ = {};
    std::fill(end_.begin(), end_.end(), kNone);
    if (boxes_.sections > 0) set(0, boxes_.sections, 0);
    for (int32_t left = boxes_.count(); left > 0;) {
      const auto [top, begin] = lowest_.top();
      const int32_t end = end_[begin];
      if (end == kNone || top_[begin] != top) {
        lowest_.pop(); // there is another valley now
        continue;
      }
      const int32_t box = waiting_.first_within(begin, end);
      if (box == Waiting::kNobody) {
        set(begin, end, lower_bank(begin, end));
        continue;
      }
      waiting_.remove(box);
      --left;
      address[box] = top;
      const int32_t first = boxes_.first[box], last = boxes_.last[box];
      if (begin < first) set(begin, first, top);
      if (last < end) set(last, end, top);
      set(first, last, top + boxes_.size[box]);
    }
  }

  int64_t steps() const { return kStep * waiting_.looked; }

 private:
  static constexpr int32_t kNone = -1;
  static constexpr int64_t kStep = 8; // so many times a step of first fit takes a look into the tree
  using Valley = std::pair<int64_t, int32_t>; // top, first section

  // Sections [begin, end) of one top; those before and after are joined where theirs is the same.
  void set(int32_t begin, int32_t end, int64_t top) {
    if (end < boxes_.sections && end_[end] != kNone && top_[end] == top) end = std::exchange(end_[end], kNone);
    const int32_t before = begin > 0 ? begin_[begin] : 0;
    if (begin > 0 && end_[before] == begin && top_[before] == top) {
      end_[begin] = kNone;
      begin = before;
    }
    end_[begin] = end;
    begin_[end] = begin;
    top_[begin] = top;
    lowest_.push({top, begin});
  }

  int64_t lower_bank(int32_t begin, int32_t end) const {
    int64_t lower = std::numeric_limits<int64_t>::max();
    if (begin > 0) lower = top_[begin_[begin]];
    if (end < boxes_.sections) lower = std::min(lower, top_[end]);
    return lower;
  }

  const Boxes& boxes_;
  Waiting waiting_;
  std::vector<int32_t> end_;   // of the valley that begins in a section, or kNone
  std::vector<int32_t> begin_; // of the valley that ends before a section
  Numbers top_;                // of the valley that begins in a section
  std::priority_queue<Valley, std::vector<Valley>, std::greater<>> lowest_;
};

} // namespace bayplan
