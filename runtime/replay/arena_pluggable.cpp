// CUDA adapter without PyTorch's or CUDA's headers: the two functions that PyTorch's public
// torch.cuda.memory.CUDAPluggableAllocator takes, and those it calls for record_stream and empty_cache.
//
// It stands in for the caching allocator altogether, so what is not planned comes from CUDA's own pool
// (cudaMallocAsync), which is told to keep its memory. PyTorch forgets a pointer when it is freed once,
// so no two tensors may have the same: nothing is taken over.
#include "arena_cudart.hpp"
#include "arena_interface.hpp"

#include <stdexcept>
#include <string>

namespace bayplan {
namespace {

// Memory of CUDA's that is to be given back to it.
struct Returned {
  void* pointer;
  Place place;
  std::vector<Place> others; // that use it, too
};

// What is passed on to CUDA. Never destroyed: memory is freed until the process is gone.
struct Passed {
  std::mutex lock;
  std::map<const void*, std::vector<Place>> shared; // blocks that other streams use
  std::map<int64_t, bool> pooled;                   // by device: whether it has a pool
  std::vector<Returned> waiting;                    // could not be ordered yet
};
auto& passed = *new Passed;

void require_cudart() {
  if (!cudart().complete) throw std::runtime_error("Bayplan: the CUDA runtime is not loaded.");
}

// Whether the device has a pool of CUDA's, which from the first call on keeps what is freed.
bool has_pool(int64_t device) {
  std::lock_guard<std::mutex> guard(passed.lock);
  auto found = passed.pooled.find(device);
  if (found != passed.pooled.end()) return found->second;
  void* pool = nullptr;
  uint64_t everything = UINT64_MAX;
  const bool there = cudart().default_pool(&pool, static_cast<int>(device)) == 0 &&
                     cudart().set_pool(pool, kReleaseThreshold, &everything) == 0;
  if (!there) (void)cudart().last_error();
  return passed.pooled[device] = there;
}

// Null where there is no memory.
void* pass(int64_t bytes, Place place) {
  OnDevice guard(place.device);
  void* pointer = nullptr;
  const int refused = has_pool(place.device)
                          ? cudart().malloc_async(&pointer, static_cast<size_t>(bytes), stream_of(place))
                          : cudart().malloc(&pointer, static_cast<size_t>(bytes));
  if (!refused) return pointer;
  (void)cudart().last_error();
  return nullptr;
}

// False: work that uses it cannot be waited for yet.
bool give_back(const Returned& of) {
  OnDevice guard(of.place.device);
  const bool pool = has_pool(of.place.device);
  if (pool) // else cudaFree waits for the device
    for (const Place& other : of.others)
      if (!order_streams(other, of.place)) return false;
  if (pool ? cudart().free_async(of.pointer, stream_of(of.place)) : cudart().free(of.pointer))
    (void)cudart().last_error();
  return true;
}

void give_back(void* pointer, Place place) {
  std::vector<Returned> due;
  {
    std::lock_guard<std::mutex> lock(passed.lock);
    due = std::move(passed.waiting);
    passed.waiting.clear();
    due.push_back({pointer, place, {}});
    auto found = passed.shared.find(pointer);
    if (found != passed.shared.end()) {
      due.back().others = std::move(found->second);
      passed.shared.erase(found);
    }
  }
  for (Returned& of : due)
    if (!give_back(of)) {
      std::lock_guard<std::mutex> lock(passed.lock);
      passed.waiting.push_back(std::move(of));
    }
}

struct PluggableBacking final : Backing {
  PluggableBacking() : Backing(kCudaAlignment, kCudaAlignment, kCudaAlignment, false) {}
  void* acquire(int64_t bytes, Place place) override {
    require_cudart();
    OnDevice guard(place.device);
    void* pointer = nullptr;
    if (cudart().malloc(&pointer, static_cast<size_t>(bytes)) == 0) return pointer;
    (void)cudart().last_error();
    return nullptr;
  }
  void release(void* acquired) override { (void)cudart().free(acquired); }
  void fill(void* pointer, int value, int64_t bytes, Place place) override {
    OnDevice guard(place.device);
    (void)cudart().memset_async(pointer, value, static_cast<size_t>(bytes), stream_of(place));
  }
  bool order(Place earlier, Place later) override { return order_streams(earlier, later); }
};

Backing& backing() {
  static auto& cuda = *new PluggableBacking;
  return cuda;
}

Place place_of(int device, void* stream) { return {device, reinterpret_cast<int64_t>(stream)}; }

} // namespace
} // namespace bayplan

// Memory for PyTorch. Throws where there is none: a null pointer would be taken for memory.
BAYPLAN_API void* bayplan_alloc(size_t size, int device, void* stream) {
  using namespace bayplan;
  require_cudart();
  const auto bytes = static_cast<int64_t>(size);
  if (bytes <= 0) return nullptr;
  const Place place = place_of(device, stream);
  Arena* arena = serving(place);
  if (arena)
    if (void* pointer = arena->request(bytes)) return pointer;
  void* pointer = pass(bytes, place);
  if (!pointer)
    throw std::runtime_error("CUDA out of memory. Tried to allocate " + std::to_string(bytes) +
                             " bytes on device " + std::to_string(device) + ".");
  if (arena && arena->recording()) arena->note(pointer, bytes);
  return pointer;
}

BAYPLAN_API void bayplan_free(void* pointer, size_t, int device, void* stream) {
  using namespace bayplan;
  if (pointer && !release_anywhere(pointer)) give_back(pointer, place_of(device, stream));
}

// PyTorch: the memory is used on that stream of the current device, too.
BAYPLAN_API void bayplan_record_stream(void* pointer, void* stream) {
  using namespace bayplan;
  int device = 0;
  if (!pointer || cudart().get_device(&device)) return;
  const Place place = place_of(device, stream);
  if (share_anywhere(pointer, place)) return;
  std::lock_guard<std::mutex> guard(passed.lock);
  passed.shared[pointer].push_back(place);
}

// PyTorch: give back what is not used, of every device.
BAYPLAN_API void bayplan_empty_cache() {
  using namespace bayplan;
  std::lock_guard<std::mutex> guard(passed.lock);
  for (const auto& [device, there] : passed.pooled) {
    void* pool = nullptr;
    if (there && cudart().default_pool(&pool, static_cast<int>(device)) == 0)
      (void)cudart().trim_pool(pool, 0);
  }
}

// Set by who has made PyTorch call the functions above, which it can be made once.
BAYPLAN_API int bayplan_in_use;
int bayplan_in_use = 0;

// 1: the CUDA runtime is there; -1: it is not. Who calls it then has PyTorch call the functions above.
BAYPLAN_API int bayplan_install() { return bayplan::cudart().complete ? 1 : -1; }
