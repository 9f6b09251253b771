// Orders in which boxes are placed: by what a key says of each, the least first.
#pragma once

#include <array>
#include <utility>

#include "placing_boxes.hpp"

namespace bayplan {

using Key = std::array<double, 3>; // most important first; bytes and events are far below 2^53

template <class KeyOf>
Order sorted(const Boxes& boxes, KeyOf key_of) {
  std::vector<std::pair<Key, int32_t>> keyed;
  keyed.reserve(boxes.size.size());
  for (int32_t box = 0; box < boxes.count(); ++box) keyed.emplace_back(key_of(box), box);
  std::sort(keyed.begin(), keyed.end());
  Order order;
  order.reserve(keyed.size());
  for (const auto& [key, box] : keyed) order.push_back(box);
  return order;
}

inline Order largest_first(const Boxes& boxes) {
  return sorted(boxes, [&](int32_t i) { return Key{-double(boxes.size[i]), double(boxes.first[i])}; });
}

constexpr int kOrders = 8;

// One of those that place most steps well.
inline Order order_number(const Boxes& boxes, int number) {
  return number == 0 ? largest_first(boxes) : sorted(boxes, [&](int32_t i) -> Key {
    const double size = double(boxes.size[i]), life = double(boxes.lifetime[i]), crowd = double(boxes.crowd[i]);
    const double first = boxes.first[i], last = boxes.last[i];
    switch (number) {
      case 1: return {-life, -size};
      case 2: return {-crowd, -life, -size};
      case 3: return {-life * size};
      case 4: return {first - last, -size};
      case 5: return {-crowd, -life * size};
      case 6: return {first, -size};
      default: return {-last, -size};
    }
  });
}

} // namespace bayplan
