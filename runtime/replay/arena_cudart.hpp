// The CUDA runtime that PyTorch has loaded, without CUDA's headers: both CUDA adapters order streams.
#pragma once

#include "arena_core.hpp"

#include <dlfcn.h>

namespace bayplan {
namespace {

constexpr int kEventWithoutTiming = 2;  // cudaEventDisableTiming
constexpr int kReleaseThreshold = 4;    // cudaMemPoolAttrReleaseThreshold
constexpr int64_t kCudaAlignment = 512; // what PyTorch's allocator aligns and rounds to

// CUDA's functions as far as the adapters call them; cudaError_t is an int, handles are pointers.
struct Cudart {
  int (*malloc)(void**, size_t);
  int (*free)(void*);
  int (*malloc_async)(void**, size_t, void*);
  int (*free_async)(void*, void*);
  int (*memset_async)(void*, int, size_t, void*);
  int (*get_device)(int*);
  int (*set_device)(int);
  int (*default_pool)(void**, int);
  int (*set_pool)(void*, int, void*);
  int (*trim_pool)(void*, size_t);
  int (*event_create)(void**, unsigned);
  int (*event_record)(void*, void*);
  int (*event_destroy)(void*);
  int (*stream_wait)(void*, void*, unsigned);
  int (*stream_capturing)(void*, int*);
  int (*last_error)();
  bool complete = true;

  Cudart() {
    find(malloc, "cudaMalloc");
    find(free, "cudaFree");
    find(malloc_async, "cudaMallocAsync");
    find(free_async, "cudaFreeAsync");
    find(memset_async, "cudaMemsetAsync");
    find(get_device, "cudaGetDevice");
    find(set_device, "cudaSetDevice");
    find(default_pool, "cudaDeviceGetDefaultMemPool");
    find(set_pool, "cudaMemPoolSetAttribute");
    find(trim_pool, "cudaMemPoolTrimTo");
    find(event_create, "cudaEventCreateWithFlags");
    find(event_record, "cudaEventRecord");
    find(event_destroy, "cudaEventDestroy");
    find(stream_wait, "cudaStreamWaitEvent");
    find(stream_capturing, "cudaStreamIsCapturing");
    find(last_error, "cudaGetLastError");
  }

 private:
  template <typename Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(library(), name));
    complete = complete && function;
  }

  // Wherever PyTorch has it from; it is loaded already.
  static void* library() {
    if (dlsym(RTLD_DEFAULT, "cudaMalloc")) return RTLD_DEFAULT;
    for (const char* name : {"libcudart.so.13", "libcudart.so.12", "libcudart.so"})
      if (void* loaded = dlopen(name, RTLD_NOW | RTLD_NOLOAD)) return loaded;
    return RTLD_DEFAULT;
  }
};

const Cudart& cudart() {
  static const Cudart found;
  return found;
}

inline void* stream_of(Place place) { return reinterpret_cast<void*>(place.queue); }

// While it lives this thread's device is another one.
class OnDevice {
 public:
  explicit OnDevice(int64_t device) {
    if (cudart().get_device(&before_) || before_ == device) return;
    changed_ = cudart().set_device(static_cast<int>(device)) == 0;
  }
  ~OnDevice() {
    if (changed_) (void)cudart().set_device(before_);
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_ = -1;
  bool changed_ = false;
};

// 1: work issued there is captured; 0: it is done; -1: that cannot be told.
inline int is_capturing(Place place) {
  OnDevice guard(place.device);
  int status = 0;
  if (cudart().stream_capturing(stream_of(place), &status) == 0) return status != 0;
  (void)cudart().last_error(); // the default stream while one that blocks it is captured
  return -1;
}

// See Backing::order. Streams inside and outside of a capture cannot wait for one another: trying to
// would end the capture.
inline bool order_streams(Place earlier, Place later) {
  if (earlier == later) return true;
  const int captured = is_capturing(earlier);
  if (captured < 0 || captured != is_capturing(later)) return false;
  OnDevice guard(earlier.device);
  void* event = nullptr;
  if (cudart().event_create(&event, kEventWithoutTiming)) {
    (void)cudart().last_error();
    return false;
  }
  const bool done = cudart().event_record(event, stream_of(earlier)) == 0 &&
                    cudart().stream_wait(stream_of(later), event, 0) == 0;
  (void)cudart().event_destroy(event);
  if (!done) (void)cudart().last_error();
  return done;
}

} // namespace
} // namespace bayplan
