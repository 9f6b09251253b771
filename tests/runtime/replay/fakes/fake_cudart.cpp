// A CUDA runtime without a GPU: memory is the host's, streams are numbers, and everything is counted.
//
// It knows enough to see mistakes: memory that is freed twice, waiting across the border of a capture,
// and what waited for what. Symbols are those that the adapters look up in the real one.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

namespace {

enum Count { kMalloc, kFree, kMallocAsync, kFreeAsync, kMemset, kEvents, kTrims, kMistakes, kBytes, kCounts };

std::recursive_mutex lock;
int64_t counts[kCounts];
std::map<void*, size_t> blocks;
std::map<void*, void*> recorded; // event -> stream
std::vector<std::pair<int64_t, int64_t>> waits; // (earlier stream, later stream)
std::set<void*> capturing;
int64_t limit = INT64_MAX;
bool pools = true;
uint64_t threshold = 0;
thread_local int device = 0;

int allocate(void** pointer, size_t size, Count count) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  if (counts[kBytes] + static_cast<int64_t>(size) > limit) return 2; // cudaErrorMemoryAllocation
  *pointer = std::aligned_alloc(512, (size + 511) / 512 * 512);
  blocks[*pointer] = size;
  counts[kBytes] += static_cast<int64_t>(size);
  counts[count]++;
  return 0;
}

int give_back(void* pointer, Count count) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  auto found = blocks.find(pointer);
  if (found == blocks.end()) {
    counts[kMistakes]++;
    return 1; // cudaErrorInvalidValue
  }
  counts[kBytes] -= static_cast<int64_t>(found->second);
  counts[count]++;
  blocks.erase(found);
  std::free(pointer);
  return 0;
}

} // namespace

API int cudaMalloc(void** pointer, size_t size) { return allocate(pointer, size, kMalloc); }
API int cudaFree(void* pointer) { return give_back(pointer, kFree); }
API int cudaMallocAsync(void** pointer, size_t size, void*) { return allocate(pointer, size, kMallocAsync); }
API int cudaFreeAsync(void* pointer, void*) { return give_back(pointer, kFreeAsync); }
API int cudaMemsetAsync(void* pointer, int value, size_t size, void*) {
  std::memset(pointer, value, size);
  counts[kMemset]++;
  return 0;
}
API int cudaMemGetInfo(size_t* free, size_t* total) {
  *free = 1;
  *total = 2;
  return 0;
}
API int cudaGetDevice(int* out) {
  *out = device;
  return 0;
}
API int cudaSetDevice(int to) {
  device = to;
  return 0;
}
API int cudaDeviceGetDefaultMemPool(void** pool, int) {
  *pool = &threshold;
  return pools ? 0 : 801; // cudaErrorNotSupported
}
API int cudaMemPoolSetAttribute(void* pool, int attribute, void* value) {
  if (attribute != 4) return 1;
  std::memcpy(pool, value, sizeof threshold);
  return 0;
}
API int cudaMemPoolTrimTo(void*, size_t keep) {
  if (keep == 0) counts[kTrims]++;
  return 0;
}
API int cudaEventCreateWithFlags(void** event, unsigned) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  *event = std::malloc(1);
  recorded[*event] = nullptr;
  counts[kEvents]++;
  return 0;
}
API int cudaEventRecord(void* event, void* stream) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  recorded.at(event) = stream;
  return 0;
}
API int cudaEventDestroy(void* event) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  recorded.erase(event);
  std::free(event);
  return 0;
}
API int cudaStreamWaitEvent(void* stream, void* event, unsigned) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  void* earlier = recorded.at(event);
  if (capturing.count(earlier) != capturing.count(stream)) {
    counts[kMistakes]++;
    return 905; // cudaErrorStreamCaptureIsolation
  }
  waits.emplace_back(reinterpret_cast<int64_t>(earlier), reinterpret_cast<int64_t>(stream));
  return 0;
}
API int cudaStreamIsCapturing(void* stream, int* status) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  *status = static_cast<int>(capturing.count(stream));
  return 0;
}
API int cudaGetLastError() { return 0; }

// ---- What the tests call. ----

API void fake_reset() {
  std::memset(counts, 0, sizeof counts - sizeof *counts); // bytes stay
  waits.clear();
  capturing.clear();
  limit = INT64_MAX;
}
API void fake_counts(int64_t* out) { std::memcpy(out, counts, sizeof counts); }
API int64_t fake_waits(int64_t* out, int64_t room) {
  int64_t count = 0;
  for (const auto& [earlier, later] : waits) {
    if (count == room) break;
    *out++ = earlier;
    *out++ = later;
    ++count;
  }
  return count;
}
API void fake_capture(int64_t stream, int on) {
  if (on)
    capturing.insert(reinterpret_cast<void*>(stream));
  else
    capturing.erase(reinterpret_cast<void*>(stream));
}
API void fake_limit(int64_t bytes) { limit = bytes; }
API void fake_pools(int there) { pools = there != 0; }
API int64_t fake_threshold() { return static_cast<int64_t>(threshold); }

// ---- What PyTorch's CUDAPluggableAllocator does with the two functions that it is given. ----

namespace {
struct Known {
  size_t size;
  int device;
  void* stream;
};
std::map<void*, Known> known;
void* (*given_alloc)(size_t, int, void*) = nullptr;
void (*given_free)(void*, size_t, int, void*) = nullptr;
} // namespace

API void fake_torch_use(void* alloc, void* free) {
  given_alloc = reinterpret_cast<decltype(given_alloc)>(alloc);
  given_free = reinterpret_cast<decltype(given_free)>(free);
}
// Null where the function throws; `message` then has what it said.
API void* fake_torch_malloc(int64_t size, int on, int64_t stream, char* message, int64_t room) {
  try {
    void* queue = reinterpret_cast<void*>(stream);
    void* pointer = given_alloc(static_cast<size_t>(size), on, queue);
    std::lock_guard<std::recursive_mutex> guard(lock);
    known.emplace(pointer, Known{static_cast<size_t>(size), on, queue});
    return pointer;
  } catch (const std::exception& error) {
    std::strncpy(message, error.what(), static_cast<size_t>(room) - 1);
    return nullptr;
  }
}
// 0: PyTorch does not know the pointer, which ends the process there.
API int fake_torch_delete(void* pointer) {
  Known metadata;
  {
    std::lock_guard<std::recursive_mutex> guard(lock);
    auto found = known.find(pointer);
    if (found == known.end()) return 0;
    metadata = found->second;
    known.erase(found);
  }
  given_free(pointer, metadata.size, metadata.device, metadata.stream);
  return 1;
}
