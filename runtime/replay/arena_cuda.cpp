// CUDA adapter: puts the planned-address allocator in front of PyTorch's own CUDA allocator.
//
// A decorator: whatever is not a planned request goes on to the allocator that was there, so that its
// statistics, memory pools, snapshots and graph pools are what they were. The arena's and the scratch
// pool's memory comes from it, too, so its statistics count them. It can be installed at any time: who
// owns a block is decided where the block is freed. Written for torch 2.11 to 2.13.
#include "arena_cudart.hpp"
#include "arena_interface.hpp"

#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/headeronly/version.h>

#include <string>

#define BAYPLAN_TORCH (TORCH_VERSION_MAJOR * 100 + TORCH_VERSION_MINOR)
#if BAYPLAN_TORCH < 211
#error "This adapter needs torch 2.11 or later; with an older one use CUDAPluggableAllocator."
#endif

namespace bayplan {
namespace {

using namespace c10::cuda::CUDACachingAllocator;
using c10::DeviceIndex;
using c10::MempoolId_t;
using c10::cuda::CUDAStream;

CUDAAllocator* original = nullptr; // what was installed before us
thread_local bool probing = false, reached = false;

Place place_of(DeviceIndex device, cudaStream_t stream) {
  return {device, reinterpret_cast<int64_t>(stream)};
}

// Where this thread issues work now.
Place here() {
  const DeviceIndex device = c10::cuda::current_device();
  return place_of(device, c10::cuda::getCurrentCUDAStream(device).stream());
}

c10::Device device_of(Place place) {
  return {c10::DeviceType::CUDA, static_cast<DeviceIndex>(place.device)};
}

// The original allocator looks up what it knows of a block only where the block has its deleter.
void record_original(void* pointer, CUDAStream stream) {
  c10::DataPtr known(pointer, pointer, original->raw_deleter(), stream.device());
  original->recordStream(known, stream);
  known.release_context();
}

struct CudaBacking final : Backing {
  CudaBacking() : Backing(kCudaAlignment, 0, kCudaAlignment, true) {}
  void* acquire(int64_t bytes, Place place) override {
    OnDevice guard(place.device);
    const auto stream = static_cast<cudaStream_t>(stream_of(place));
    return original->raw_alloc_with_stream(static_cast<size_t>(bytes), stream);
  }
  void release(void* acquired) override { original->raw_delete(acquired); }
  void fill(void* pointer, int value, int64_t bytes, Place place) override {
    OnDevice guard(place.device);
    (void)cudart().memset_async(pointer, value, static_cast<size_t>(bytes), stream_of(place));
  }
  bool order(Place earlier, Place later) override { return order_streams(earlier, later); }
  void used(void* acquired, Place place) override {
    const auto stream = static_cast<cudaStream_t>(stream_of(place));
    record_original(acquired, c10::cuda::getStreamFromExternal(stream, device_of(place).index()));
  }
};

Backing& backing() {
  static auto& cuda = *new CudaBacking;
  return cuda;
}

// Deleter of blocks that the core served.
void planned_delete(void* pointer) {
  if (pointer && !release_anywhere(pointer)) original->raw_delete(pointer);
}

// Deleter of blocks that the original allocator served while a step was recorded.
void recorded_delete(void* pointer) {
  if (!pointer) return;
  (void)release_anywhere(pointer);
  original->raw_deleter()(pointer);
}

struct PlannedCudaAllocator final : CUDAAllocator {
  c10::DataPtr allocate(size_t size) override {
    Arena* arena = running ? serving(here()) : serving({});
    if (!arena || size == 0) return original->allocate(size);
    const auto bytes = static_cast<int64_t>(size);
    if (void* pointer = arena->request(bytes))
      return {pointer, pointer, &planned_delete, device_of(arena->place())};
    c10::DataPtr result = original->allocate(size);
    if (arena->recording()) {
      arena->note(result.get(), bytes);
      (void)result.compare_exchange_deleter(original->raw_deleter(), &recorded_delete);
    }
    return result;
  }

  // Ops take workspaces this way, too (Thrust's).
  void* raw_alloc(size_t size) override {
    Arena* arena = running ? serving(here()) : serving({});
    if (!arena || size == 0) return original->raw_alloc(size);
    const auto bytes = static_cast<int64_t>(size);
    if (void* pointer = arena->request(bytes)) return pointer;
    void* pointer = original->raw_alloc(size);
    if (arena->recording()) arena->note(pointer, bytes);
    return pointer;
  }

  void raw_delete(void* pointer) override {
    if (pointer && !release_anywhere(pointer)) original->raw_delete(pointer);
  }

  // The block is not handed out again before the stream has done what it does now.
  void recordStream(const c10::DataPtr& data, CUDAStream stream) override {
    void* pointer = data.get();
    if (data.get_deleter() == &planned_delete)
      (void)share_anywhere(pointer, place_of(stream.device_index(), stream.stream()));
    else if (data.get_deleter() == &recorded_delete)
      record_original(pointer, stream);
    else
      original->recordStream(data, stream);
  }
  void recordStream(const c10::DataPtr& data, c10::Stream stream) override {
    recordStream(data, CUDAStream(stream));
  }

  // A block of the arena lies in the arena's own block.
  void* getBaseAllocation(void* pointer, size_t* size) override {
    void* acquired = acquired_anywhere(pointer);
    return original->getBaseAllocation(acquired ? acquired : pointer, size);
  }
  ShareableHandle shareIpcHandle(void* pointer) override {
    void* acquired = acquired_anywhere(pointer);
    if (!acquired) return original->shareIpcHandle(pointer);
    ShareableHandle handle = original->shareIpcHandle(acquired);
    handle.offset += static_cast<char*>(pointer) - static_cast<char*>(acquired);
    return handle;
  }

  bool initialized() override {
    reached |= probing;
    return original->initialized();
  }

  // ---- The rest is the original's. Its own deleter stays the one that PyTorch compares with. ----

  c10::DeleterFnPtr raw_deleter() const override { return original->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    original->copy_data(to, from, count);
  }
  void emptyCache(MempoolId_t pool) override { original->emptyCache(pool); }
  DeviceStats getDeviceStats(DeviceIndex device) override { return original->getDeviceStats(device); }
  void resetAccumulatedStats(DeviceIndex device) override { original->resetAccumulatedStats(device); }
  void resetPeakStats(DeviceIndex device) override { original->resetPeakStats(device); }
  std::pair<size_t, size_t> getMemoryInfo(DeviceIndex device) override {
    return original->getMemoryInfo(device);
  }
  void* raw_alloc_with_stream(size_t size, cudaStream_t stream) override {
    return original->raw_alloc_with_stream(size, stream);
  }
  void init(int devices) override { original->init(devices); }
  double getMemoryFraction(DeviceIndex device) override { return original->getMemoryFraction(device); }
  void setMemoryFraction(double fraction, DeviceIndex device) override {
    original->setMemoryFraction(fraction, device);
  }
  std::vector<StreamSegmentSize> getExpandableSegmentSizes(DeviceIndex device) override {
    return original->getExpandableSegmentSizes(device);
  }
  void enable(bool value) override { original->enable(value); }
  bool isEnabled() const override { return original->isEnabled(); }
  void cacheInfo(DeviceIndex device, size_t* largest) override { original->cacheInfo(device, largest); }
  SnapshotInfo snapshot(MempoolId_t pool, bool traces) override { return original->snapshot(pool, traces); }
  void beginAllocateToPool(DeviceIndex device, MempoolId_t pool,
                           std::function<bool(cudaStream_t)> filter) override {
    original->beginAllocateToPool(device, pool, std::move(filter));
  }
  void endAllocateToPool(DeviceIndex device, MempoolId_t pool) override {
    original->endAllocateToPool(device, pool);
  }
  void releasePool(DeviceIndex device, MempoolId_t pool) override { original->releasePool(device, pool); }
  int getPoolUseCount(DeviceIndex device, MempoolId_t pool) override {
    return original->getPoolUseCount(device, pool);
  }
  void createOrIncrefPool(DeviceIndex device, MempoolId_t pool,
                          std::shared_ptr<CUDAAllocator> allocator) override {
    original->createOrIncrefPool(device, pool, std::move(allocator));
  }
  void setUseOnOOM(DeviceIndex device, MempoolId_t pool, bool use) override {
    original->setUseOnOOM(device, pool, use);
  }
  void setNoSplit(DeviceIndex device, MempoolId_t pool) override { original->setNoSplit(device, pool); }
  bool checkPoolLiveAllocations(DeviceIndex device, MempoolId_t pool,
                                const std::unordered_set<void*>& expected) override {
    return original->checkPoolLiveAllocations(device, pool, expected);
  }
  std::shared_ptr<void> getIpcDevPtr(std::string handle) override {
    return original->getIpcDevPtr(std::move(handle));
  }
  bool isHistoryEnabled() override { return original->isHistoryEnabled(); }
  void recordHistory(bool enabled, CreateContextFn context, size_t entries, RecordContext when, bool clear,
                     const std::vector<std::string>& skipped) override {
    original->recordHistory(enabled, context, entries, when, clear, skipped);
  }
  void recordAnnotation(const std::vector<std::pair<std::string, std::string>>& annotation) override {
    original->recordAnnotation(annotation);
  }
  void pushCompileContext(std::string& context) override { original->pushCompileContext(context); }
  void popCompileContext() override { original->popCompileContext(); }
  void setUserMetadata(const std::string& metadata) override { original->setUserMetadata(metadata); }
  std::string getUserMetadata() override { return original->getUserMetadata(); }
  void attachOutOfMemoryObserver(OutOfMemoryObserver observer) override {
    original->attachOutOfMemoryObserver(std::move(observer));
  }
  void attachAllocatorTraceTracker(AllocatorTraceTracker tracker) override {
    original->attachAllocatorTraceTracker(std::move(tracker));
  }
  void enablePeerAccess(DeviceIndex device, DeviceIndex other) override {
    original->enablePeerAccess(device, other);
  }
  cudaError_t memcpyAsync(void* to, int to_device, const void* from, int from_device, size_t count,
                          cudaStream_t stream, bool peers) override {
    return original->memcpyAsync(to, to_device, from, from_device, count, stream, peers);
  }
  std::shared_ptr<AllocatorState> getCheckpointState(DeviceIndex device, MempoolId_t pool) override {
    return original->getCheckpointState(device, pool);
  }
  CheckpointDelta setCheckpointPoolState(DeviceIndex device, std::shared_ptr<AllocatorState> state) override {
    return original->setCheckpointPoolState(device, std::move(state));
  }
  std::string name() override { return original->name(); }
#if BAYPLAN_TORCH >= 212
  std::shared_ptr<c10::GatheredContext> getContextForPointer(const void* pointer) override {
    return original->getContextForPointer(pointer);
  }
  void attachOomRejectionObserver(OomRejectionObserver observer) override {
    original->attachOomRejectionObserver(std::move(observer));
  }
#endif
#if BAYPLAN_TORCH >= 213
  void markCaptureBegin(DeviceIndex device) override { original->markCaptureBegin(device); }
  void markCaptureEnd(DeviceIndex device) override { original->markCaptureEnd(device); }
  c10::DataPtr allocateWithAddress(size_t size, void* address) override {
    return original->allocateWithAddress(size, address);
  }
#endif
};

PlannedCudaAllocator* planned_allocator = nullptr; // never destroyed: memory is freed until the end

} // namespace
} // namespace bayplan

// Puts our allocator in front, or in front again after bayplan_uninstall. 1: requests reach it (another
// one may sit in front of ours); 0: another one does and does not pass them on; -1: no CUDA runtime.
BAYPLAN_API int bayplan_install() {
  using namespace bayplan;
  if (!cudart().complete) return -1;
  if (!planned_allocator) {
    original = allocator.load();
    planned_allocator = new PlannedCudaAllocator;
    allocator.store(planned_allocator);
  } else if (allocator.load() == original) {
    allocator.store(planned_allocator);
  }
  probing = true;
  reached = false;
  (void)allocator.load()->initialized();
  probing = false;
  return reached ? 1 : 0;
}

// 1: PyTorch's allocator is in front again, and frees what we served through us.
BAYPLAN_API int bayplan_uninstall() {
  using namespace bayplan;
  if (!planned_allocator || allocator.load() != planned_allocator) return 0;
  allocator.store(original);
  return 1;
}
