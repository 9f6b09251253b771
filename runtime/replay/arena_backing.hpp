// What the arena needs of a device, and a block of the memory that it gets there.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace bayplan {
namespace {

// Where memory is used: a device, and a queue of work on it (a CUDA stream). The CPU has one of each.
struct Place {
  int64_t device = 0, queue = 0;
  bool operator==(const Place& other) const { return device == other.device && queue == other.queue; }
};

// What the core needs from a device.
struct Backing {
  const int64_t alignment; // of the arena's first byte
  const int64_t padding;   // bytes to ask for beyond, because acquired memory is aligned to less
  const int64_t granule;   // of blocks in the scratch pool
  const bool shares;       // two tensors may have the same address: blocks can be taken over

  Backing(int64_t alignment, int64_t padding, int64_t granule, bool shares)
      : alignment(alignment), padding(padding), granule(granule), shares(shares) {}
  virtual ~Backing() = default;
  virtual void* acquire(int64_t bytes, Place place) = 0; // may throw or return null: no memory
  virtual void release(void* acquired) = 0;
  virtual void fill(void* pointer, int value, int64_t bytes, Place place) = 0;
  // Work issued to `later` from now on waits for what was issued to `earlier`. False: it cannot.
  virtual bool order(Place, Place) { return true; }
  // Acquired memory is used in `place`, too: it must not be released for others before that is done.
  virtual void used(void*, Place) {}
};

Backing& backing(); // defined by the adapter

// One block of the backing's memory with an aligned first byte.
struct Block {
  void* raw = nullptr;
  std::atomic<char*> start{nullptr};
  int64_t bytes = 0;

  bool reserve(int64_t wanted, Place place) {
    const auto alignment = static_cast<uintptr_t>(backing().alignment);
    raw = backing().acquire(wanted + backing().padding, place);
    if (!raw) return false;
    const auto address = reinterpret_cast<uintptr_t>(raw);
    bytes = wanted;
    start.store(reinterpret_cast<char*>((address + alignment - 1) / alignment * alignment));
    return true;
  }
  // Nobody's any more; what it held is to be given to the backing.
  void* abandon() {
    start.store(nullptr);
    return std::exchange(raw, nullptr);
  }
  bool contains(const void* pointer) const {
    const char* first = start.load(std::memory_order_acquire);
    return first && pointer >= first && pointer < first + bytes;
  }
};

} // namespace
} // namespace bayplan
