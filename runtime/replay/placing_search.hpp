// The search for a low placement: by many orders, then by changing the best of them.
//
// Ends where a placement is as high as what is alive at once, or after an effort that is counted in
// steps, not seconds: so the same boxes are always placed alike.
#pragma once

#include <cmath>
#include <random>

#include "placing_dive.hpp"
#include "placing_fit.hpp"
#include "placing_orders.hpp"

namespace bayplan {

class Search {
 public:
  // `known`: a right placement. What is found is never higher.
  Search(const Boxes& boxes, const Numbers& known, int64_t effort)
      : boxes_(boxes), effort_(effort), dive_(boxes), fit_(boxes), address_(known), best_(known),
        best_height_(boxes.height(known)) {}

  const Numbers& run() {
    slide();
    for (int number = 0; number < kOrders; ++number) try_order(order_number(boxes_, number));
    turn_wheels();
    return best_;
  }

 private:
  enum class Way { kDive, kFirstFit };

  struct Leader { // an order that did well, as it is changed
    int64_t height;
    Way way;
    Order order;
    double over;                  // bytes above the bound, of all boxes together; kUnknown before the first change
    std::vector<char> sticks_out; // by box
  };

  bool ended() const { return best_height_ <= boxes_.bound || dive_.steps() + fit_.steps() >= effort_; }

  // Into address_; returns the height.
  int64_t place(Way way, const Order& order) {
    std::fill(address_.begin(), address_.end(), kFree);
    if (way == Way::kDive) dive_.place(order, address_);
    else fit_.place(order, address_);
    const int64_t height = boxes_.height(address_);
    if (height < best_height_) {
      best_ = address_;
      best_height_ = height;
    }
    return height;
  }

  void try_order(const Order& order) {
    for (Way way : {Way::kDive, Way::kFirstFit}) {
      if (!ended()) leaders_.push_back({place(way, order), way, order, kUnknown, {}});
    }
  }

  // Placed first fit in the order of their addresses all slide down and none rises. Upside down the
  // highest lie lowest and slide the other way; and back again.
  void slide() {
    Numbers below = best_;
    try_order(sorted(boxes_, [&](int32_t i) { return Key{double(below[i])}; }));
    for (int turn = 0; turn < 2 * kTurns && !ended(); ++turn) {
      below = address_;
      try_order(sorted(boxes_, [&](int32_t i) { return Key{-double(below[i] + boxes_.size[i])}; }));
    }
  }

  // Squeaky wheel (Joslin and Clements, JAIR 1999): what sticks out above the bound comes earlier.
  void turn_wheels() {
    std::stable_sort(leaders_.begin(), leaders_.end(),
                     [](const Leader& a, const Leader& b) { return a.height < b.height; });
    if (leaders_.size() > kLeaders) leaders_.resize(kLeaders);
    for (int64_t left = kRounds * boxes_.count(); left > 0 && !ended();) {
      for (Leader& leader : leaders_)
        for (int round = 0; round < kSpell && !ended(); ++round, --left) turn(leader);
    }
  }

  void turn(Leader& leader) {
    const bool unknown = leader.over == kUnknown;
    Order order = unknown ? leader.order : changed(leader);
    place(leader.way, order);
    double over = 0;
    for (int32_t box = 0; box < boxes_.count(); ++box) over += double(above_bound(box));
    // As in simulated annealing: seldom much worse than before.
    if (!unknown && over > leader.over * (1 - kWarmth * std::log(1 - chance()))) return;
    leader.over = over;
    leader.order = std::move(order);
    leader.sticks_out.resize(boxes_.size.size());
    for (int32_t box = 0; box < boxes_.count(); ++box) leader.sticks_out[box] = above_bound(box) > 0;
  }

  int64_t above_bound(int32_t box) const {
    return std::max<int64_t>(0, address_[box] + boxes_.size[box] - boxes_.bound);
  }

  // The leader's order, with some of what sticks out earlier.
  Order changed(const Leader& leader) {
    Order order = leader.order;
    std::vector<int64_t> blamed; // places in the order; there are some while the search goes on
    for (size_t at = 0; at < order.size(); ++at)
      if (leader.sticks_out[order[at]]) blamed.push_back(int64_t(at));
    if (chance() < kStrong) return all_earlier(order, blamed);
    do {
      int64_t from = below(boxes_.count()), to = below(boxes_.count());
      if (chance() < kBlamed) {
        from = blamed[below(int64_t(blamed.size()))];
        to = below(from + 1);
      }
      const auto begin = order.begin();
      if (to < from) std::rotate(begin + to, begin + from, begin + from + 1);
      else std::rotate(begin + from, begin + from + 1, begin + to + 1);
    } while (chance() < kMore);
    return order;
  }

  Order all_earlier(const Order& order, const std::vector<int64_t>& blamed) {
    std::vector<double> place(order.size());
    for (size_t at = 0; at < order.size(); ++at) place[order[at]] = double(at);
    for (int64_t at : blamed) place[order[at]] *= chance();
    return sorted(boxes_, [&](int32_t i) { return Key{place[i]}; });
  }

  // The standard's distributions differ between libraries; its generator does not.
  double chance() { return double(random_() >> 11) * 0x1p-53; }
  int64_t below(int64_t end) { return int64_t(random_() % uint64_t(end)); }

  static constexpr double kUnknown = -1;
  static constexpr int kTurns = 2;        // times that all are turned over and back
  static constexpr size_t kLeaders = 4;   // orders that are changed
  static constexpr int kSpell = 50;       // changes of one before the next has its turn
  static constexpr int64_t kRounds = 200; // changes in all for each box: a few boxes have few orders
  static constexpr double kWarmth = 0.02; // a change for the worse by this share is taken one time in e
  static constexpr double kStrong = 0.1;  // changes that move all that sticks out
  static constexpr double kBlamed = 0.7;  // moves of something that sticks out, of the other changes
  static constexpr double kMore = 0.6;    // moves that are followed by another one

  const Boxes& boxes_;
  const int64_t effort_;
  Dive dive_;
  FirstFit fit_;
  Numbers address_, best_;
  int64_t best_height_;
  std::vector<Leader> leaders_;
  std::mt19937_64 random_{1};
};

} // namespace bayplan
