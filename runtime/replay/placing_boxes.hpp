// Boxes to be placed: lifetimes counted in sections, sizes in bytes.
//
// Only who lives with whom matters, not for how long. So time is cut into sections, one for each
// largest set of boxes alive at once: a new one begins where a box starts after another one ended.
//
//   events     0  1  2  3  4  5  6
//   box a      |--------)                     sections [0, 1)
//   box b         |-----------)               sections [0, 2)
//   box c                  |-----)            sections [1, 2)
#pragma once

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

namespace bayplan {

constexpr int64_t kFree = -1; // address of a box that is not placed

using Numbers = std::vector<int64_t>;
using Order = std::vector<int32_t>; // boxes, the first one first

struct Boxes {
  std::vector<int32_t> first, last; // alive in sections [first, last)
  Numbers size;
  Numbers lifetime; // in events
  Numbers crowd;    // the most bytes alive in any of its sections
  int32_t sections = 0;
  int64_t bound = 0; // the most bytes alive in any section: no placement is lower

  int32_t count() const { return static_cast<int32_t>(size.size()); }

  // Every box starts before it ends and has no negative size.
  Boxes(int64_t count, const int64_t* starts, const int64_t* ends, const int64_t* sizes)
      : first(count), last(count), size(sizes, sizes + count), lifetime(count), crowd(count) {
    const Numbers live = cut_into_sections(starts, ends);
    sections = static_cast<int32_t>(live.size());
    for (int64_t sum : live) bound = std::max(bound, sum);
    for (int32_t i = 0; i < count; ++i) lifetime[i] = ends[i] - starts[i];
    find_crowds(live);
  }

  int64_t height(const Numbers& address) const {
    int64_t top = 0;
    for (int32_t i = 0; i < count(); ++i) top = std::max(top, address[i] + size[i]);
    return top;
  }

 private:
  // Sets `first` and `last`; returns the bytes alive in each section.
  Numbers cut_into_sections(const int64_t* starts, const int64_t* ends) {
    std::vector<std::tuple<int64_t, bool, int32_t>> events; // time, whether it starts (after ends), box
    events.reserve(2 * size.size());
    for (int32_t i = 0; i < count(); ++i) {
      events.emplace_back(starts[i], true, i);
      events.emplace_back(ends[i], false, i);
    }
    std::sort(events.begin(), events.end());
    Numbers live;
    int64_t alive = 0;
    bool ended = true;
    for (const auto& [time, starts_now, box] : events) {
      if (starts_now) {
        if (ended) live.push_back(0);
        first[box] = static_cast<int32_t>(live.size()) - 1;
        live.back() = alive += size[box];
      } else {
        last[box] = static_cast<int32_t>(live.size());
        alive -= size[box];
      }
      ended = !starts_now;
    }
    return live;
  }

  // A table of the maxima of all stretches of 1, 2, 4 ... sections; two of them cover any lifetime.
  void find_crowds(const Numbers& live) {
    std::vector<Numbers> most{live};
    for (size_t width = 1; 2 * width <= live.size(); width *= 2) {
      const Numbers& half = most.back();
      Numbers whole(live.size() - 2 * width + 1);
      for (size_t at = 0; at < whole.size(); ++at) whole[at] = std::max(half[at], half[at + width]);
      most.push_back(std::move(whole));
    }
    for (int32_t i = 0; i < count(); ++i) {
      int32_t level = 0;
      while (2 << level <= last[i] - first[i]) ++level;
      crowd[i] = std::max(most[level][first[i]], most[level][last[i] - (1 << level)]);
    }
  }
};

} // namespace bayplan
