// The C interface of an adapter's library: what native.py calls. An adapter includes this once.
#pragma once

#include "arena_core.hpp"

#if defined(_WIN32)
#define BAYPLAN_API extern "C" __declspec(dllexport)
#else
#define BAYPLAN_API extern "C" __attribute__((visibility("default")))
#endif

// Handles are from bayplan_create and stay valid for ever.

// Null, and `problem` is 1: a table that reaches outside the arena; 2: no memory.
BAYPLAN_API void* bayplan_create(int64_t capacity, int64_t scratch, int64_t slots, const int64_t* first,
                                 const int64_t* sizes, const int64_t* addresses, const int64_t* takes,
                                 int64_t device, int64_t queue, int64_t* problem) {
  using namespace bayplan;
  *problem = 1;
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
  *problem = 2;
  try {
    auto arena = std::make_unique<Arena>(capacity, scratch, std::vector<int64_t>(first, first + slots + 1),
                                         std::move(entries), Place{device, queue});
    if (!arena->reserve()) return nullptr;
    Arena* made = arena.release();
    made->next = registry.load();
    while (!registry.compare_exchange_weak(made->next, made)) {
    }
    *problem = 0;
    return made;
  } catch (...) { // the device's allocator throws when it has no memory
    return nullptr;
  }
}

BAYPLAN_API void bayplan_retire(void* handle) { static_cast<bayplan::Arena*>(handle)->retire(); }

// 0: begun; 1: this arena is running already; 2: this thread runs another step. The queue is the one
// that this thread issues the step's work to.
BAYPLAN_API int bayplan_begin(void* handle, int64_t mode, int64_t queue) {
  using namespace bayplan;
  if (running) return 2;
  auto* arena = static_cast<Arena*>(handle);
  if (!arena->begin(static_cast<Mode>(mode), queue)) return 1;
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

BAYPLAN_API int bayplan_fill(void* handle, int value, int64_t queue) {
  return static_cast<bayplan::Arena*>(handle)->fill(value, queue) ? 1 : 0;
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
