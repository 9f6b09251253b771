// CPU adapter: puts the planned-address allocator in front of PyTorch's CPU allocator.
//
// Built by build.py on first use: g++ -O2 -shared -fPIC, linked against c10 only.
#include "arena_interface.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <cstring>

namespace bayplan {
namespace {

c10::Allocator* original = nullptr; // what was installed before us
thread_local bool probing = false, reached = false;

struct CpuBacking final : Backing {
  CpuBacking() : Backing(4096, 4096, 64, true) {}
  void* acquire(int64_t bytes, Place) override { return original->raw_allocate(static_cast<size_t>(bytes)); }
  void release(void* pointer) override { original->raw_deallocate(pointer); }
  void fill(void* pointer, int value, int64_t bytes, Place) override {
    std::memset(pointer, value, static_cast<size_t>(bytes));
  }
};

void planned_delete(void* pointer) {
  if (pointer && !release_anywhere(pointer)) original->raw_deallocate(pointer);
}

// The context of a DataPtr is its pointer, as raw_allocate's callers require.
c10::DataPtr owned(void* pointer) {
  return {pointer, pointer, &planned_delete, c10::Device(c10::DeviceType::CPU)};
}

struct PlannedCpuAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t size) override {
    reached |= probing;
    Arena* arena = serving({});
    if (!arena) return original->allocate(size);
    const auto bytes = static_cast<int64_t>(size);
    if (void* pointer = arena->request(bytes)) return owned(pointer);
    if (!arena->recording() || size == 0) return original->allocate(size);
    void* pointer = original->raw_allocate(size);
    arena->note(pointer, bytes);
    return owned(pointer);
  }
  c10::DeleterFnPtr raw_deleter() const override { return &planned_delete; }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    default_copy_data(to, from, count);
  }
};

// Never destroyed: memory is allocated and freed until the process is gone.
auto& planned_allocator = *new PlannedCpuAllocator;

} // namespace

namespace {
Backing& backing() {
  static CpuBacking cpu;
  return cpu;
}
} // namespace
} // namespace bayplan

// Puts our allocator in front, once; 1: requests reach it (another one may sit in front of ours).
BAYPLAN_API int bayplan_install() {
  using namespace bayplan;
  if (!original) {
    original = c10::GetCPUAllocator();
    c10::SetCPUAllocator(&planned_allocator);
  }
  probing = true;
  reached = false;
  (void)c10::GetCPUAllocator()->allocate(64);
  probing = false;
  if (!reached) {
    c10::SetCPUAllocator(&planned_allocator);
    reached = c10::GetCPUAllocator() == &planned_allocator;
  }
  return reached ? 1 : 0;
}
