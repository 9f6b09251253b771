// The planned-address allocator: which request of which op gets which bytes of the arena.
//
// Device-neutral: it never touches the memory it hands out. An adapter (arena_cpu.cpp) puts it into
// PyTorch's allocator of one device, supplies the memory, and serves what the core passes on.
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
// In-place reuse: an entry may take over the bytes of a living block of exactly its size, at exactly its
// address. The block then has two holders, the old tensor and the new one, and is free when both are
// gone, whichever goes first.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#if defined(_WIN32)
#define BAYPLAN_API extern "C" __declspec(dllexport)
#else
#define BAYPLAN_API extern "C" __attribute__((visibility("default")))
#endif

namespace bayplan {
namespace {

constexpr int64_t kAlignment = 4096;    // of the arena's first byte
constexpr int64_t kScratchGranule = 64; // of blocks in the scratch pool
constexpr int64_t kPass = -1;           // table address: not the arena's, the adapter serves it
constexpr size_t kMaxMisses = 64;       // misses kept for messages, per step

enum Mode : int64_t { kOff = 0, kRecord = 1, kRun = 2 };

// What the core needs from a device. `acquire` may throw or return null when there is no memory.
struct Backing {
  virtual ~Backing() = default;
  virtual void* acquire(int64_t bytes) = 0;
  virtual void release(void* pointer) = 0;
  virtual void fill(void* pointer, int value, int64_t bytes) = 0;
};

Backing& backing(); // defined by the adapter

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
  std::atomic<int64_t> foreign{0};    // requests of other threads while the step ran
  std::atomic<int64_t> arena_top{0};  // bytes: end of the highest address handed out
  std::atomic<int64_t> scratch_peak{0}; // bytes: most of the scratch pool in use at once
  std::atomic<int64_t> taken{0};      // planned ones that took over the bytes of a living block
};
constexpr int kCounters = 9;

inline void raise_to(std::atomic<int64_t>& value, int64_t candidate) {
  if (candidate > value.load(std::memory_order_relaxed)) value.store(candidate, std::memory_order_relaxed);
}

// One block of the backing's memory with an aligned first byte.
struct Block {
  void* raw = nullptr;
  std::atomic<char*> start{nullptr};
  int64_t bytes = 0;

  bool reserve(int64_t wanted) {
    raw = backing().acquire(wanted + kAlignment);
    if (!raw) return false;
    const auto address = reinterpret_cast<uintptr_t>(raw);
    bytes = wanted;
    start.store(reinterpret_cast<char*>((address + kAlignment - 1) / kAlignment * kAlignment));
    return true;
  }
  void drop() {
    start.store(nullptr);
    if (raw) backing().release(raw);
    raw = nullptr;
    bytes = 0;
  }
  bool contains(const void* pointer) const {
    const char* first = start.load(std::memory_order_relaxed);
    return first && pointer >= first && pointer < first + bytes;
  }
};

class Arena {
 public:
  Arena(int64_t capacity, int64_t scratch_capacity, std::vector<int64_t> first, std::vector<Entry> entries)
      : capacity_(capacity), scratch_capacity_(scratch_capacity), first_(std::move(first)),
        entries_(std::move(entries)) {}

  // False when there is no memory for it.
  bool reserve() { return capacity_ == 0 || arena_.reserve(capacity_); }

  // False when it is running already, perhaps in another thread.
  bool begin(Mode mode) {
    bool idle = false;
    if (!busy_.compare_exchange_strong(idle, true)) return false;
    std::lock_guard<std::mutex> guard(lock_);
    mode_ = mode;
    slot_ = -1;
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
    slot_ = slot >= 0 && slot + 1 < static_cast<int64_t>(first_.size()) ? slot : -1;
    cursor_ = slot_ >= 0 ? first_[slot_] : 0;
  }

  bool recording() const { return mode_ == kRecord; }

  // Memory for a request of the thread that runs the step; null: the adapter serves it.
  void* request(int64_t size) {
    if (mode_ != kRun || slot_ < 0 || size <= 0) return nullptr;
    std::lock_guard<std::mutex> guard(lock_);
    const int64_t end = first_[slot_ + 1];
    int64_t at = cursor_;
    while (at < end && entries_[at].size != size) ++at;
    if (at == end) {
      counters_.missed++;
      if (misses_.size() < kMaxMisses) misses_.push_back({slot_, size});
      return scratch(size);
    }
    cursor_ = at + 1;
    const int64_t address = entries_[at].address;
    if (address < 0) {
      counters_.passed++;
      return nullptr;
    }
    char* base = arena_.start.load();
    if (base && entries_[at].takes && take_over(address, size)) {
      counters_.taken++;
      counters_.planned++;
      return base + address;
    }
    if (!base || address + size > capacity_ || occupied(address, size)) {
      counters_.overlapped++;
      return scratch(size);
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

  // True when the memory was the arena's or the scratch pool's and is free again.
  bool release(void* pointer) {
    if (arena_.contains(pointer) || pool_.contains(pointer)) {
      std::unique_lock<std::mutex> guard(lock_);
      const bool ours = release_block(static_cast<char*>(pointer));
      if (retired_ && live_.empty() && used_.empty()) drop_blocks();
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

  // Its memory goes back once nothing lives in it. Tensors that outlive the step keep it.
  void retire() {
    std::lock_guard<std::mutex> guard(lock_);
    retired_ = true;
    if (live_.empty() && used_.empty()) drop_blocks();
  }

  // False while something lives there.
  bool fill(int value) {
    std::lock_guard<std::mutex> guard(lock_);
    if (!live_.empty() || !used_.empty()) return false;
    if (arena_.raw) backing().fill(arena_.start.load(), value, capacity_);
    if (pool_.raw) backing().fill(pool_.start.load(), value, scratch_capacity_);
    return true;
  }

  int64_t base() const { return static_cast<int64_t>(reinterpret_cast<intptr_t>(arena_.start.load())); }

  int64_t live_blocks() {
    std::lock_guard<std::mutex> guard(lock_);
    return static_cast<int64_t>(live_.size() + used_.size());
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
  bool occupied(int64_t address, int64_t size) const {
    auto after = live_.lower_bound(address);
    if (after != live_.end() && after->first < address + size) return true;
    if (after == live_.begin()) return false;
    auto before = std::prev(after);
    return before->first + before->second.bytes > address;
  }

  bool take_over(int64_t address, int64_t size) {
    auto found = live_.find(address);
    if (found == live_.end() || found->second.bytes != size || found->second.holders != 1) return false;
    found->second.holders = 2;
    return true;
  }

  // First fit in the scratch pool; null: full.
  void* scratch(int64_t size) {
    size = (size + kScratchGranule - 1) / kScratchGranule * kScratchGranule;
    if (!pool_.raw && scratch_capacity_ > 0) {
      bool there = false;
      try {
        there = pool_.reserve(scratch_capacity_);
      } catch (...) { // no memory: the adapter reports it if it has none either
      }
      if (there) free_[0] = scratch_capacity_;
    }
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->second < size) continue;
      const int64_t at = it->first, rest = it->second - size;
      free_.erase(it);
      if (rest > 0) free_[at + size] = rest;
      used_[at] = size;
      scratch_live_ += size;
      raise_to(counters_.scratch_peak, scratch_live_);
      return pool_.start.load() + at;
    }
    counters_.overflowed++;
    return nullptr;
  }

  bool release_block(char* pointer) {
    if (arena_.contains(pointer)) {
      auto living = live_.find(pointer - arena_.start.load());
      if (living == live_.end()) return false;
      if (--living->second.holders == 0) live_.erase(living);
      return true;
    }
    if (!pool_.contains(pointer)) return false;
    auto found = used_.find(pointer - pool_.start.load());
    if (found == used_.end()) return false;
    int64_t at = found->first, size = found->second;
    used_.erase(found);
    scratch_live_ -= size;
    auto after = free_.lower_bound(at);
    if (after != free_.end() && after->first == at + size) {
      size += after->second;
      after = free_.erase(after);
    }
    if (after != free_.begin()) {
      auto before = std::prev(after);
      if (before->first + before->second == at) {
        before->second += size;
        return true;
      }
    }
    free_[at] = size;
    return true;
  }

  void drop_blocks() {
    arena_.drop();
    pool_.drop();
    free_.clear();
  }

  const int64_t capacity_, scratch_capacity_;
  const std::vector<int64_t> first_; // entries of slot s: [first_[s], first_[s + 1])
  const std::vector<Entry> entries_;
  Block arena_, pool_;
  Mode mode_ = kOff;
  std::atomic<bool> busy_{false};
  bool retired_ = false;
  int64_t slot_ = -1, cursor_ = 0;
  std::map<int64_t, Living> live_;           // arena: by address
  std::map<int64_t, int64_t> free_, used_;   // scratch pool: address -> bytes
  int64_t scratch_live_ = 0;
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
  for (Arena* arena = registry.load(std::memory_order_acquire); arena; arena = arena->next)
    if (arena->release(pointer)) return true;
  return false;
}

} // namespace
} // namespace bayplan

// ---- What native.py calls. Handles are from bayplan_create and stay valid for ever. ----

// Null: no memory, or a table that is not one.
BAYPLAN_API void* bayplan_create(int64_t capacity, int64_t scratch, int64_t slots, const int64_t* first,
                                 const int64_t* sizes, const int64_t* addresses, const int64_t* takes) {
  using namespace bayplan;
  if (capacity < 0 || scratch < 0 || slots < 0 || first[0] != 0) return nullptr;
  for (int64_t slot = 0; slot < slots; ++slot)
    if (first[slot + 1] < first[slot]) return nullptr;
  std::vector<Entry> entries;
  for (int64_t at = 0; at < first[slots]; ++at) {
    const bool inside = addresses[at] == kPass ||
                        (addresses[at] >= 0 && sizes[at] > 0 && sizes[at] <= capacity &&
                         addresses[at] <= capacity - sizes[at]);
    if (!inside) return nullptr;
    entries.push_back({sizes[at], addresses[at], takes[at] != 0});
  }
  try {
    auto arena = std::make_unique<Arena>(capacity, scratch, std::vector<int64_t>(first, first + slots + 1),
                                         std::move(entries));
    if (!arena->reserve()) return nullptr;
    Arena* made = arena.release();
    made->next = registry.load();
    while (!registry.compare_exchange_weak(made->next, made)) {
    }
    return made;
  } catch (...) { // the device's allocator throws when it has no memory
    return nullptr;
  }
}

BAYPLAN_API void bayplan_retire(void* handle) { static_cast<bayplan::Arena*>(handle)->retire(); }

// 0: begun; 1: this arena is running already; 2: this thread runs another step.
BAYPLAN_API int bayplan_begin(void* handle, int64_t mode) {
  using namespace bayplan;
  if (running) return 2;
  auto* arena = static_cast<Arena*>(handle);
  if (!arena->begin(static_cast<Mode>(mode))) return 1;
  running = arena;
  last_begun.store(arena);
  return 0;
}

BAYPLAN_API void bayplan_arm(int64_t slot) {
  if (bayplan::running) bayplan::running->arm(slot);
}

BAYPLAN_API void bayplan_end() {
  using namespace bayplan;
  if (!running) return;
  Arena* self = running;
  last_begun.compare_exchange_strong(self, nullptr);
  running->end();
  running = nullptr;
}

BAYPLAN_API int bayplan_fill(void* handle, int value) {
  return static_cast<bayplan::Arena*>(handle)->fill(value) ? 1 : 0;
}

BAYPLAN_API int64_t bayplan_base(void* handle) { return static_cast<bayplan::Arena*>(handle)->base(); }

BAYPLAN_API int64_t bayplan_live_blocks(void* handle) {
  return static_cast<bayplan::Arena*>(handle)->live_blocks();
}

BAYPLAN_API void bayplan_counters(void* handle, int64_t* out) {
  for (auto* counter : static_cast<bayplan::Arena*>(handle)->counters()) *out++ = counter->load();
}

// Pairs (slot, size) of the last step's misses; `out` has room for `room` pairs. Returns how many.
BAYPLAN_API int64_t bayplan_misses(void* handle, int64_t* out, int64_t room) {
  const auto& misses = static_cast<bayplan::Arena*>(handle)->misses();
  const int64_t count = std::min<int64_t>(room, static_cast<int64_t>(misses.size()));
  for (int64_t at = 0; at < count; ++at) {
    *out++ = misses[at].slot;
    *out++ = misses[at].size;
  }
  return count;
}

BAYPLAN_API int64_t bayplan_request_count(void* handle) {
  return static_cast<int64_t>(static_cast<bayplan::Arena*>(handle)->requests().size());
}

// Five numbers each: slot, size, pointer, allocated, freed.
BAYPLAN_API void bayplan_requests(void* handle, int64_t* out) {
  for (const auto& request : static_cast<bayplan::Arena*>(handle)->requests()) {
    *out++ = request.slot;
    *out++ = request.size;
    *out++ = request.pointer;
    *out++ = request.allocated;
    *out++ = request.freed;
  }
}
