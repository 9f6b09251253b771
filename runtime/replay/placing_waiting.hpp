// Boxes that wait to be placed: which of those that live within some sections comes first?
//
// A box lives within [begin, end) when it starts at `begin` or later and ends at `end` or earlier: as a
// point (first, last) it lies in one quarter of a plane. So a k-d tree, with the least rank under each
// of its nodes, finds it without a look at most others.
#pragma once

#include <limits>
#include <numeric>

#include "placing_boxes.hpp"

namespace bayplan {

class Waiting {
 public:
  explicit Waiting(const Boxes& boxes)
      : boxes_(boxes), box_(boxes.count()), rank_(boxes.count()), leaf_of_(boxes.count()) {
    std::iota(box_.begin(), box_.end(), 0);
    if (!box_.empty()) build(0, boxes.count(), kNobody, true);
  }

  // All wait, to come in `order`.
  void fill(const Order& order) {
    for (int32_t rank = 0; rank < boxes_.count(); ++rank) rank_[order[rank]] = rank;
    for (size_t at = nodes_.size(); at-- > 0;) nodes_[at].least = least_under(nodes_[at]);
  }

  // It waits no more.
  void remove(int32_t box) {
    rank_[box] = kNever;
    for (int32_t at = leaf_of_[box]; at != kNobody; at = nodes_[at].parent) {
      const int32_t least = least_under(nodes_[at]);
      if (nodes_[at].least == least) break;
      nodes_[at].least = least;
    }
  }

  // The first of those that live within sections [begin, end), or kNobody.
  int32_t first_within(int32_t begin, int32_t end) {
    found_ = kNobody;
    least_ = kNever;
    if (!nodes_.empty()) look(nodes_[0], begin, end);
    return found_;
  }

  static constexpr int32_t kNobody = -1;
  int64_t looked = 0; // nodes and boxes, so far

 private:
  static constexpr int32_t kNever = std::numeric_limits<int32_t>::max();
  static constexpr int32_t kLeaf = 8; // boxes that need no tree

  struct Node {
    int32_t parent, left, right; // left is kNobody: a leaf
    int32_t from, to;            // of box_
    int32_t first_from = kNever, first_to = -1, last_from = kNever, last_to = -1;
    int32_t least = kNever; // rank
  };

  int32_t build(int32_t from, int32_t to, int32_t parent, bool by_first) {
    const auto at = static_cast<int32_t>(nodes_.size());
    Node node{parent, kNobody, kNobody, from, to};
    for (int32_t i = from; i < to; ++i) {
      const int32_t box = box_[i];
      node.first_from = std::min(node.first_from, boxes_.first[box]);
      node.first_to = std::max(node.first_to, boxes_.first[box]);
      node.last_from = std::min(node.last_from, boxes_.last[box]);
      node.last_to = std::max(node.last_to, boxes_.last[box]);
      leaf_of_[box] = at; // or a child, which comes later
    }
    nodes_.push_back(node);
    if (to - from <= kLeaf) return at;
    const int32_t middle = (from + to) / 2;
    const auto& key = by_first ? boxes_.first : boxes_.last;
    std::nth_element(box_.begin() + from, box_.begin() + middle, box_.begin() + to, [&](int32_t a, int32_t b) {
      return std::tie(key[a], a) < std::tie(key[b], b);
    });
    const int32_t left = build(from, middle, at, !by_first);
    const int32_t right = build(middle, to, at, !by_first);
    nodes_[at].left = left;
    nodes_[at].right = right;
    return at;
  }

  int32_t least_under(const Node& node) const {
    if (node.left != kNobody) return std::min(nodes_[node.left].least, nodes_[node.right].least);
    int32_t least = kNever;
    for (int32_t i = node.from; i < node.to; ++i) least = std::min(least, rank_[box_[i]]);
    return least;
  }

  void look(const Node& node, int32_t begin, int32_t end) {
    ++looked;
    if (node.least >= least_ || node.first_to < begin || node.last_from > end) return;
    if (node.left != kNobody) {
      const Node &left = nodes_[node.left], &right = nodes_[node.right];
      look(left.least <= right.least ? left : right, begin, end);
      look(left.least <= right.least ? right : left, begin, end);
      return;
    }
    looked += node.to - node.from;
    for (int32_t i = node.from; i < node.to; ++i) {
      const int32_t box = box_[i];
      if (rank_[box] >= least_ || boxes_.first[box] < begin || boxes_.last[box] > end) continue;
      least_ = rank_[box];
      found_ = box;
    }
  }

  const Boxes& boxes_;
  std::vector<Node> nodes_; // every one before its children
  Order box_;               // as the tree has them
  std::vector<int32_t> rank_, leaf_of_;
  int32_t found_ = kNobody, least_ = kNever;
};

} // namespace bayplan
