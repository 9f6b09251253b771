// The planned-address allocator: which request of which op gets which bytes of the arena.
//
// Device-neutral: it never touches the memory it hands out. An adapter (arena_cpu.cpp, arena_cuda.cpp,
// arena_pluggable.cpp) puts it into PyTorch's allocator of one device, supplies the memory, and serves
// what the core passes on.
//
//   step      arm(0)  conv ......  arm(1)  relu ...  arm(2)  bn .............
//   requests          128  4096           128                64  64  512
//   table     slot 0: 128@0 4096@512   1: 128@5120   2: 64@0  64@64  512@pass
//                     ^ cursor: the next request is the next entry of this size at or after it
//
// A request that is not in the table (a miss), or whose bytes are still occupied (an overlap), is
// served from the scratch pool, or by the adapter where that is full: a mismatch costs memory, never
// correctness. Memory may be freed by any thread, so everything behind a pointer is locked.
//
// A step whose requests are the same each time needs no arming: *flat*, one cursor runs over the whole
// table, and a request is the next entry or a miss.
//
// In-place reuse: an entry may take over the bytes of a living block of exactly its size, at exactly its
// address. The block then has two holders, the old tensor and the new one, and is free when both are
// gone, whichever goes first.
//
// On a GPU memory is handed out when work is issued, not when it is done. That is right as long as all
// work on it is issued to one queue (a CUDA stream): the one that was current when the step began, and
// only requests of that queue are served. Where other queues are said to use a block (shared), the
// step's queue waits for them before the bytes are handed out again.
#pragma once

#include "arena_backing.hpp"
#include "arena_scratch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bayplan {
namespace {

constexpr int64_t kPass = -1;     // table address: not the arena's, the adapter serves it
constexpr size_t kMaxMisses = 64; // misses kept for messages, per step

enum Mode : int64_t { kOff = 0, kRecord = 1, kRun = 2, kFlat = 3 };

struct Entry {
  int64_t size;
  int64_t address; // from the arena's first byte, or kPass
  bool takes;      // it may take over the block that lives there
};

struct Living { // a block of the arena that is not free
  int64_t bytes;
  int64_t holders; // tensors that have it: two from a takeover until the old one is freed
};

struct Miss {
  int64_t slot, size;
};

struct Request { // one line of a recording
  int64_t slot, size, pointer;
  int64_t allocated; // event number; events are allocations and frees in the order they happened
  int64_t freed;     // event number, or -1: not freed before the step ended
};

struct Counters { // of the step that ran last; order known to native.py
  std::atomic<int64_t> planned{0};    // requests served at their planned address
  std::atomic<int64_t> passed{0};     // requests that the table leaves to the adapter
  std::atomic<int64_t> missed{0};     // requests that the table does not know
  std::atomic<int64_t> overlapped{0}; // requests whose planned bytes were still occupied
  std::atomic<int64_t> overflowed{0}; // missed or overlapped, and the scratch pool was full
  std::atomic<int64_t> foreign{0};    // requests of other threads, devices or queues meanwhile
  std::atomic<int64_t> arena_top{0};  // bytes: end of the highest address handed out
  std::atomic<int64_t> scratch_peak{0}; // bytes: most of the scratch pool in use at once
  std::atomic<int64_t> taken{0};      // planned ones that took over the bytes of a living block
};
constexpr int kCounters = 9;

inline void raise_to(std::atomic<int64_t>& value, int64_t candidate) {
  if (candidate > value.load(std::memory_order_relaxed)) value.store(candidate, std::memory_order_relaxed);
}

class Arena {
 public:
  Arena(int64_t capacity, int64_t scratch_capacity, std::vector<int64_t> first, std::vector<Entry> entries,
        Place place)
      : capacity_(capacity), scratch_capacity_(scratch_capacity), first_(std::move(first)),
        entries_(std::move(entries)), place_(place) {}

  // False when there is no memory for it.
  bool reserve() { return capacity_ == 0 || arena_.reserve(capacity_, place_); }

  // False when it is running already, perhaps in another thread.
  bool begin(Mode mode, int64_t queue) {
    bool idle = false;
    if (!busy_.compare_exchange_strong(idle, true)) return false;
    move_to(queue);
    std::lock_guard<std::mutex> guard(lock_);
    mode_ = mode;
    slot_ = -1;
    cursor_ = 0;
    pool_refused_ = false;
    misses_.clear();
    for (auto* counter : counters()) counter->store(0);
    if (mode == kRecord) {
      requests_.clear();
      open_.clear();
      events_ = 0;
    }
    return true;
  }

  void end() {
    std::lock_guard<std::mutex> guard(lock_);
    open_.clear();
    open_count_.store(0);
    mode_ = kOff;
    slot_ = -1;
    busy_.store(false);
  }

  void arm(int64_t slot) {
    if (mode_ == kFlat) return;
    slot_ = slot >= 0 && slot < slots() ? slot : -1;
    cursor_ = slot_ >= 0 ? first_[slot_] : 0;
  }

  bool recording() const { return mode_ == kRecord; }

  // Whether this step's requests come from there. For the thread that runs the step.
  bool works_in(Place place) const { return place == place_; }
  Place place() const { return place_; }

  // Memory for a request of the thread that runs the step; null: the adapter serves it.
  void* request(int64_t size) {
    const bool flat = mode_ == kFlat;
    if (size <= 0 || !(flat || (mode_ == kRun && slot_ >= 0))) return nullptr;
    std::unique_lock<std::mutex> guard(lock_);
    const int64_t end = flat ? static_cast<int64_t>(entries_.size()) : first_[slot_ + 1];
    int64_t at = cursor_;
    if (flat && at < end && entries_[at].size != size) at = end;
    while (at < end && entries_[at].size != size) ++at;
    if (at == end) {
      counters_.missed++;
      if (misses_.size() < kMaxMisses) misses_.push_back({flat ? slot_due() : slot_, size});
      return scratch(size, guard);
    }
    cursor_ = at + 1;
    const int64_t address = entries_[at].address;
    if (address < 0) {
      counters_.passed++;
      return nullptr;
    }
    char* base = arena_.start.load();
    if (base && entries_[at].takes && backing().shares && take_over(base, address, size)) {
      counters_.taken++;
      counters_.planned++;
      return base + address;
    }
    if (!base || address + size > capacity_ || occupied(address, size)) {
      counters_.overlapped++;
      return scratch(size, guard);
    }
    live_[address] = {size, 1};
    counters_.planned++;
    raise_to(counters_.arena_top, address + size);
    return base + address;
  }

  // The adapter served a request itself while this step is being recorded.
  void note(const void* pointer, int64_t size) {
    std::lock_guard<std::mutex> guard(lock_);
    if (mode_ != kRecord) return;
    open_[pointer] = requests_.size();
    open_count_.store(static_cast<int64_t>(open_.size()));
    requests_.push_back({slot_, size, static_cast<int64_t>(reinterpret_cast<intptr_t>(pointer)), events_++, -1});
  }

  void note_foreign() { counters_.foreign++; }

  // The block that begins at the pointer is used by work in `place`, too. False: it is not the arena's.
  bool share(void* pointer, Place place) {
    const Block* block = block_with(pointer);
    if (!block) return false;
    {
      std::lock_guard<std::mutex> guard(lock_);
      if (place == place_) return true;
      auto& places = shared_[pointer];
      if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
    }
    backing().used(block->raw, place);
    return true;
  }

  // True when the memory was the arena's or the scratch pool's and is free again.
  bool release(void* pointer) {
    if (block_with(pointer)) {
      std::vector<void*> dropped;
      bool ours = false;
      {
        std::lock_guard<std::mutex> guard(lock_);
        ours = release_block(static_cast<char*>(pointer));
        dropped = abandoned();
      }
      for (void* acquired : dropped) backing().release(acquired);
      if (ours) return true;
    }
    if (open_count_.load(std::memory_order_relaxed) > 0) {
      std::lock_guard<std::mutex> guard(lock_);
      auto found = open_.find(pointer);
      if (found != open_.end()) {
        requests_[found->second].freed = events_++;
        open_.erase(found);
        open_count_.store(static_cast<int64_t>(open_.size()));
      }
    }
    return false;
  }

  // The acquired memory that the pointer points into; null: not this arena's.
  void* acquired_with(const void* pointer) const {
    const Block* block = block_with(pointer);
    return block ? block->raw : nullptr;
  }

  // Its memory goes back once nothing lives in it. Tensors that outlive the step keep it.
  void retire() {
    std::vector<void*> dropped;
    {
      std::lock_guard<std::mutex> guard(lock_);
      retired_ = true;
      dropped = abandoned();
    }
    for (void* acquired : dropped) backing().release(acquired);
  }

  // False while something lives there.
  bool fill(int value, int64_t queue) {
    move_to(queue);
    std::lock_guard<std::mutex> guard(lock_);
    if (!live_.empty() || !scratch_.blocks() == 0) return false;
    if (arena_.raw) backing().fill(arena_.start.load(), value, capacity_, place_);
    if (pool_.raw) backing().fill(pool_.start.load(), value, scratch_capacity_, place_);
    return true;
  }

  int64_t base() const { return static_cast<int64_t>(reinterpret_cast<intptr_t>(arena_.start.load())); }

  int64_t live_blocks() {
    std::lock_guard<std::mutex> guard(lock_);
    return static_cast<int64_t>(live_.size() + scratch_.blocks() - held_.size());
  }

  std::vector<std::atomic<int64_t>*> counters() {
    auto& c = counters_;
    return {&c.planned, &c.passed, &c.missed, &c.overlapped, &c.overflowed, &c.foreign, &c.arena_top,
            &c.scratch_peak, &c.taken};
  }

  const std::vector<Request>& requests() const { return requests_; }
  const std::vector<Miss>& misses() const { return misses_; }

  Arena* next = nullptr; // in the registry

 private:
  int64_t slots() const { return static_cast<int64_t>(first_.size()) - 1; }

  // Flat: slot of the op whose request is next.
  int64_t slot_due() const {
    const auto after = std::upper_bound(first_.begin(), first_.end(), cursor_);
    return std::min(slots(), static_cast<int64_t>(after - first_.begin())) - 1;
  }

  const Block* block_with(const void* pointer) const {
    if (arena_.contains(pointer)) return &arena_;
    return pool_.contains(pointer) ? &pool_ : nullptr;
  }

  // The memory is used from that queue of its device from now on.
  void move_to(int64_t queue) {
    {
      std::lock_guard<std::mutex> guard(lock_);
      const Place before = place_;
      place_.queue = queue;
      // False where one of them is being captured; who begins a capture waits for all work before.
      if (!(before == place_)) (void)backing().order(before, place_);
      retry_held();
      if (before == place_) return;
    }
    if (arena_.raw) backing().used(arena_.raw, place_);
    if (pool_.raw) backing().used(pool_.raw, place_);
  }

  bool occupied(int64_t address, int64_t size) const {
    auto after = live_.lower_bound(address);
    if (after != live_.end() && after->first < address + size) return true;
    if (after == live_.begin()) return false;
    auto before = std::prev(after);
    return before->first + before->second.bytes > address;
  }

  bool take_over(char* base, int64_t address, int64_t size) {
    auto found = live_.find(address);
    if (found == live_.end() || found->second.bytes != size || found->second.holders != 1) return false;
    if (!settled(base + address)) return false;
    found->second.holders = 2;
    return true;
  }

  // First fit in the scratch pool; null: full.
  void* scratch(int64_t size, std::unique_lock<std::mutex>& guard) {
    const int64_t granule = backing().granule;
    size = (size + granule - 1) / granule * granule;
    if (!pool_.raw && scratch_capacity_ > 0 && !pool_refused_) {
      guard.unlock(); // the device's allocator has locks of its own, and callbacks
      bool there = false;
      try {
        there = pool_.reserve(scratch_capacity_, place_);
      } catch (...) { // no memory: the adapter reports it if it has none either
      }
      guard.lock();
      pool_refused_ = !there;
      if (there) scratch_.begin(scratch_capacity_);
    }
    const int64_t at = scratch_.take(size);
    if (at >= 0) {
      raise_to(counters_.scratch_peak, scratch_.live());
      return pool_.start.load() + at;
    }
    counters_.overflowed++;
    return nullptr;
  }

  bool release_block(char* pointer) {
    if (arena_.contains(pointer)) {
      auto living = live_.find(pointer - arena_.start.load());
      if (living == live_.end() || living->second.holders == 0) return false;
      if (--living->second.holders > 0) return true;
    } else if (!scratch_.has(pointer - pool_.start.load())) {
      return false;
    }
    if (settled(pointer))
      vacate(pointer);
    else
      held_.push_back(pointer);
    return true;
  }

  // Whether what this arena's queue does next comes after all that others do with the block.
  bool settled(const void* pointer) {
    if (shared_.empty()) return true;
    auto found = shared_.find(pointer);
    if (found == shared_.end()) return true;
    for (const Place& place : found->second)
      if (!(place == place_) && !backing().order(place, place_)) return false;
    shared_.erase(found);
    return true;
  }

  // Blocks that nobody has but whose bytes could not be handed out again yet.
  void retry_held() {
    std::vector<char*> still;
    for (char* pointer : held_)
      if (settled(pointer))
        vacate(pointer);
      else
        still.push_back(pointer);
    held_ = std::move(still);
  }

  void vacate(char* pointer) {
    if (arena_.contains(pointer)) {
      live_.erase(pointer - arena_.start.load());
      return;
    }
    scratch_.give(pointer - pool_.start.load());
  }

  // The acquired memory of a retired arena in which nothing lives; the caller releases it, unlocked.
  std::vector<void*> abandoned() {
    std::vector<void*> result;
    if (!retired_ || live_.size() + scratch_.blocks() > held_.size()) return result;
    for (Block* block : {&arena_, &pool_})
      if (void* acquired = block->abandon()) result.push_back(acquired);
    scratch_.forget();
    return result;
  }

  const int64_t capacity_, scratch_capacity_;
  const std::vector<int64_t> first_; // entries of slot s: [first_[s], first_[s + 1])
  const std::vector<Entry> entries_;
  Block arena_, pool_;
  Mode mode_ = kOff;
  std::atomic<bool> busy_{false};
  bool retired_ = false;
  bool pool_refused_ = false; // in this step
  int64_t slot_ = -1, cursor_ = 0;
  Place place_;       // where the memory is used
  std::map<int64_t, Living> live_;         // arena: by address
  FirstFit scratch_;                       // of the scratch pool
  std::map<const void*, std::vector<Place>> shared_; // blocks that other queues use
  std::vector<char*> held_;
  Counters counters_;
  std::vector<Miss> misses_;
  std::vector<Request> requests_;
  std::unordered_map<const void*, size_t> open_; // recorded requests that are not freed yet
  std::atomic<int64_t> open_count_{0};
  int64_t events_ = 0;
  std::mutex lock_;
};

// All arenas ever made; nodes stay so that a late free can always look for its owner.
std::atomic<Arena*> registry{nullptr};
std::atomic<Arena*> last_begun{nullptr};  // to count requests of other threads meanwhile
thread_local Arena* running = nullptr;    // the step that this thread runs

inline bool release_anywhere(void* pointer) {
  if (running && running->release(pointer)) return true;
  for (Arena* arena = registry.load(std::memory_order_acquire); arena; arena = arena->next)
    if (arena != running && arena->release(pointer)) return true;
  return false;
}

inline bool share_anywhere(void* pointer, Place place) {
  for (Arena* arena = registry.load(std::memory_order_acquire); arena; arena = arena->next)
    if (arena->share(pointer, place)) return true;
  return false;
}

// The acquired memory of whichever arena the pointer points into; null: none's.
inline void* acquired_anywhere(const void* pointer) {
  for (Arena* arena = registry.load(std::memory_order_acquire); arena; arena = arena->next)
    if (void* acquired = arena->acquired_with(pointer)) return acquired;
  return nullptr;
}

// The arena that serves a request of this thread in `place`; null: none does.
inline Arena* serving(Place place) {
  if (running && running->works_in(place)) return running;
  Arena* other = running ? running : last_begun.load(std::memory_order_relaxed);
  if (other) other->note_foreign();
  return nullptr;
}

} // namespace
} // namespace bayplan
