// PyTorch's libc10_cuda without a GPU: the slot of the CUDA allocator, and an allocator in it that
// takes memory from the fake CUDA runtime and keeps its own statistics.
//
// Compiled against torch's own headers, so that what the adapter overrides is what torch declares.
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/headeronly/version.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <string>

#define API extern "C" __attribute__((visibility("default")))
#define FAKE_TORCH (TORCH_VERSION_MAJOR * 100 + TORCH_VERSION_MINOR)

extern "C" int cudaMalloc(void**, size_t);
extern "C" int cudaFree(void*);

namespace {

using namespace c10::cuda::CUDACachingAllocator;
using c10::DataPtr;
using c10::DeviceIndex;
using c10::MempoolId_t;
using c10::cuda::CUDAStream;

thread_local DeviceIndex device = 0;
thread_local int64_t stream = 0;

struct Native final : CUDAAllocator {
  std::mutex lock;
  std::map<void*, size_t> blocks;
  std::map<void*, std::set<int64_t>> streams; // recorded
  int64_t allocated = 0, mistakes = 0;
  std::set<std::string> called;

  // Functions that only the test of forwarding calls note their name.
  void note(const char* name) {
    std::lock_guard<std::mutex> guard(lock);
    called.insert(name);
  }
  void* take(size_t size) {
    void* pointer = nullptr;
    if (cudaMalloc(&pointer, size)) TORCH_CHECK(false, "CUDA out of memory. Tried to allocate ", size);
    std::lock_guard<std::mutex> guard(lock);
    blocks[pointer] = size;
    allocated += static_cast<int64_t>(size);
    return pointer;
  }
  void give_back(void* pointer) {
    {
      std::lock_guard<std::mutex> guard(lock);
      auto found = blocks.find(pointer);
      if (found == blocks.end()) {
        ++mistakes;
        return;
      }
      allocated -= static_cast<int64_t>(found->second);
      blocks.erase(found);
      streams.erase(pointer);
    }
    cudaFree(pointer);
  }

  DataPtr allocate(size_t size) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void*, const void*, std::size_t) const override { const_cast<Native*>(this)->note("copy_data"); }
  bool initialized() override {
    note("initialized");
    return true;
  }
  void emptyCache(MempoolId_t) override { note("emptyCache"); }
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(DeviceIndex) override {
    note("getDeviceStats");
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[0].current = allocated;
    return stats;
  }
  void resetAccumulatedStats(DeviceIndex) override { note("resetAccumulatedStats"); }
  void resetPeakStats(DeviceIndex) override { note("resetPeakStats"); }
  std::pair<size_t, size_t> getMemoryInfo(DeviceIndex) override {
    note("getMemoryInfo");
    return {};
  }
  void* raw_alloc(size_t size) override {
    note("raw_alloc");
    return take(size);
  }
  void* raw_alloc_with_stream(size_t size, cudaStream_t) override {
    note("raw_alloc_with_stream");
    return take(size);
  }
  void raw_delete(void* pointer) override {
    note("raw_delete");
    give_back(pointer);
  }
  void init(int) override { note("init"); }
  double getMemoryFraction(DeviceIndex) override {
    note("getMemoryFraction");
    return 0;
  }
  void setMemoryFraction(double, DeviceIndex) override { note("setMemoryFraction"); }
  std::vector<StreamSegmentSize> getExpandableSegmentSizes(DeviceIndex) override {
    note("getExpandableSegmentSizes");
    return {};
  }
  void enable(bool) override { note("enable"); }
  bool isEnabled() const override {
    const_cast<Native*>(this)->note("isEnabled");
    return true;
  }
  void cacheInfo(DeviceIndex, size_t*) override { note("cacheInfo"); }
  void* getBaseAllocation(void* pointer, size_t* size) override {
    note("getBaseAllocation");
    std::lock_guard<std::mutex> guard(lock);
    auto found = blocks.find(pointer);
    TORCH_CHECK(found != blocks.end(), "invalid device pointer");
    if (size) *size = found->second;
    return pointer;
  }
  // As torch's does: it knows blocks by their deleter.
  void recordStream(const DataPtr& data, CUDAStream on) override {
    note("recordStream");
    if (data.get_deleter() != raw_deleter()) return;
    std::lock_guard<std::mutex> guard(lock);
    if (!blocks.count(data.get())) ++mistakes;
    streams[data.get()].insert(on.id());
  }
  SnapshotInfo snapshot(MempoolId_t, bool) override {
    note("snapshot");
    return {};
  }
  void beginAllocateToPool(DeviceIndex, MempoolId_t, std::function<bool(cudaStream_t)>) override {
    note("beginAllocateToPool");
  }
  void endAllocateToPool(DeviceIndex, MempoolId_t) override { note("endAllocateToPool"); }
  void releasePool(DeviceIndex, MempoolId_t) override { note("releasePool"); }
  int getPoolUseCount(DeviceIndex, MempoolId_t) override {
    note("getPoolUseCount");
    return 0;
  }
  void createOrIncrefPool(DeviceIndex, MempoolId_t, std::shared_ptr<CUDAAllocator>) override {
    note("createOrIncrefPool");
  }
  void setUseOnOOM(DeviceIndex, MempoolId_t, bool) override { note("setUseOnOOM"); }
  void setNoSplit(DeviceIndex, MempoolId_t) override { note("setNoSplit"); }
  bool checkPoolLiveAllocations(DeviceIndex, MempoolId_t, const std::unordered_set<void*>&) override {
    note("checkPoolLiveAllocations");
    return true;
  }
  ShareableHandle shareIpcHandle(void* pointer) override {
    note("shareIpcHandle");
    std::lock_guard<std::mutex> guard(lock);
    TORCH_CHECK(!pointer || blocks.count(pointer), "invalid device pointer");
    return {0, "handle"};
  }
  std::shared_ptr<void> getIpcDevPtr(std::string) override {
    note("getIpcDevPtr");
    return {};
  }
  bool isHistoryEnabled() override {
    note("isHistoryEnabled");
    return false;
  }
  void recordHistory(bool, CreateContextFn, size_t, RecordContext, bool, const std::vector<std::string>&) override {
    note("recordHistory");
  }
  void recordAnnotation(const std::vector<std::pair<std::string, std::string>>&) override {
    note("recordAnnotation");
  }
  void pushCompileContext(std::string&) override { note("pushCompileContext"); }
  void popCompileContext() override { note("popCompileContext"); }
  void setUserMetadata(const std::string&) override { note("setUserMetadata"); }
  std::string getUserMetadata() override {
    note("getUserMetadata");
    return "";
  }
  void attachOutOfMemoryObserver(OutOfMemoryObserver) override { note("attachOutOfMemoryObserver"); }
  void attachAllocatorTraceTracker(AllocatorTraceTracker) override { note("attachAllocatorTraceTracker"); }
  void enablePeerAccess(DeviceIndex, DeviceIndex) override { note("enablePeerAccess"); }
  cudaError_t memcpyAsync(void*, int, const void*, int, size_t, cudaStream_t, bool) override {
    note("memcpyAsync");
    return cudaSuccess;
  }
  std::shared_ptr<AllocatorState> getCheckpointState(DeviceIndex, MempoolId_t) override {
    note("getCheckpointState");
    return {};
  }
  CheckpointDelta setCheckpointPoolState(DeviceIndex, std::shared_ptr<AllocatorState>) override {
    note("setCheckpointPoolState");
    return {};
  }
  std::string name() override {
    note("name");
    return "fake";
  }
#if FAKE_TORCH >= 212
  std::shared_ptr<c10::GatheredContext> getContextForPointer(const void*) override {
    note("getContextForPointer");
    return {};
  }
  void attachOomRejectionObserver(OomRejectionObserver) override { note("attachOomRejectionObserver"); }
#endif
#if FAKE_TORCH >= 213
  void markCaptureBegin(DeviceIndex) override { note("markCaptureBegin"); }
  void markCaptureEnd(DeviceIndex) override { note("markCaptureEnd"); }
  DataPtr allocateWithAddress(size_t, void*) override {
    note("allocateWithAddress");
    return {};
  }
#endif
};

Native& native() {
  static auto& one = *new Native;
  return one;
}

void native_delete(void* pointer) { native().give_back(pointer); }

DataPtr Native::allocate(size_t size) {
  void* pointer = size ? take(size) : nullptr;
  return {pointer, pointer, &native_delete, c10::Device(c10::DeviceType::CUDA, device)};
}
c10::DeleterFnPtr Native::raw_deleter() const {
  const_cast<Native*>(this)->note("raw_deleter");
  return &native_delete;
}

} // namespace

namespace c10::cuda {
namespace CUDACachingAllocator {
std::atomic<CUDAAllocator*> allocator{&native()};
}
DeviceIndex current_device() { return device; }
CUDAStream getStreamFromExternal(cudaStream_t external, DeviceIndex on) {
  return CUDAStream(CUDAStream::UNCHECKED, c10::Stream(c10::Stream::UNSAFE, c10::Device(c10::kCUDA, on),
                                                       reinterpret_cast<int64_t>(external)));
}
CUDAStream getCurrentCUDAStream(DeviceIndex on) {
  return getStreamFromExternal(reinterpret_cast<cudaStream_t>(stream), on);
}
cudaStream_t CUDAStream::stream() const { return reinterpret_cast<cudaStream_t>(stream_.id()); }
void c10_cuda_check_implementation(const int32_t, const char*, const char*, const uint32_t, const bool) {}
} // namespace c10::cuda

// ---- What the tests call, through the slot as torch does. ----

// Null, and `message` says why, where it throws.
API DataPtr* fake_allocate(int64_t size, char* message, int64_t room) {
  try {
    return new DataPtr(get()->allocate(static_cast<size_t>(size)));
  } catch (const std::exception& error) {
    std::strncpy(message, error.what(), static_cast<size_t>(room) - 1);
    return nullptr;
  }
}
API void* fake_pointer(DataPtr* data) { return data->get(); }
API int fake_device(DataPtr* data) { return data->device().index(); }
API void fake_free(DataPtr* data) { delete data; }
API void fake_record_stream(DataPtr* data, int64_t on) {
  get()->recordStream(*data, c10::cuda::getStreamFromExternal(reinterpret_cast<cudaStream_t>(on), data->device().index()));
}
API void* fake_raw_alloc(int64_t size) { return get()->raw_alloc(static_cast<size_t>(size)); }
API void fake_raw_delete(void* pointer) { get()->raw_delete(pointer); }
API int64_t fake_base(void* pointer) {
  size_t size = 0;
  return reinterpret_cast<int64_t>(get()->getBaseAllocation(pointer, &size));
}
API int64_t fake_ipc_offset(void* pointer) { return get()->shareIpcHandle(pointer).offset; }
API int64_t fake_allocated() { return get()->getDeviceStats(0).allocated_bytes[0].current; }
API int64_t fake_mistakes() { return native().mistakes; }
API int fake_is_native() { return get() == &native(); }
API void fake_set_stream(int64_t on) { stream = on; }
API int64_t fake_stream() { return stream; }
API void fake_set_device(int to) { device = static_cast<DeviceIndex>(to); }
// Whether the stream was recorded on the native block that begins there.
API int fake_recorded(void* pointer, int64_t on) {
  std::lock_guard<std::mutex> guard(native().lock);
  auto found = native().streams.find(pointer);
  return found != native().streams.end() && found->second.count(on);
}

// Calls every function of the allocator in the slot; `out` gets the names of those that arrived at the
// native one, a space between.
API void fake_call_all(char* out, int64_t room) {
  CUDAAllocator* a = get();
  native().called.clear();
  const MempoolId_t pool{0, 0};
  std::string text;
  a->copy_data(nullptr, nullptr, 0);
  a->initialized();
  a->emptyCache(pool);
  a->getDeviceStats(0);
  a->resetAccumulatedStats(0);
  a->resetPeakStats(0);
  a->getMemoryInfo(0);
  a->raw_delete(a->raw_alloc(512));
  a->raw_delete(a->raw_alloc_with_stream(512, nullptr));
  a->raw_deleter();
  a->init(1);
  a->getMemoryFraction(0);
  a->setMemoryFraction(1, 0);
  a->getExpandableSegmentSizes(0);
  a->enable(true);
  a->isEnabled();
  a->cacheInfo(0, nullptr);
  {
    DataPtr data = a->allocate(512);
    a->getBaseAllocation(data.get(), nullptr);
    a->recordStream(data, c10::cuda::getCurrentCUDAStream(0));
    if (native().blocks.count(data.get())) native().called.insert("allocate");
  }
  a->snapshot(pool, true);
  a->beginAllocateToPool(0, pool, {});
  a->endAllocateToPool(0, pool);
  a->releasePool(0, pool);
  a->getPoolUseCount(0, pool);
  a->createOrIncrefPool(0, pool, nullptr);
  a->setUseOnOOM(0, pool, true);
  a->setNoSplit(0, pool);
  a->checkPoolLiveAllocations(0, pool, {});
  a->shareIpcHandle(nullptr);
  a->getIpcDevPtr("");
  a->isHistoryEnabled();
  a->recordHistory(false, nullptr, 0, RecordContext::NEVER, false, {});
  a->recordAnnotation({});
  a->pushCompileContext(text);
  a->popCompileContext();
  a->setUserMetadata("");
  a->getUserMetadata();
  a->attachOutOfMemoryObserver({});
  a->attachAllocatorTraceTracker({});
  a->enablePeerAccess(0, 0);
  a->memcpyAsync(nullptr, 0, nullptr, 0, 0, nullptr, false);
  a->getCheckpointState(0, pool);
  a->setCheckpointPoolState(0, nullptr);
  a->name();
#if FAKE_TORCH >= 212
  a->getContextForPointer(nullptr);
  a->attachOomRejectionObserver({});
#endif
#if FAKE_TORCH >= 213
  a->markCaptureBegin(0);
  a->markCaptureEnd(0);
  a->allocateWithAddress(0, nullptr);
#endif
  std::string names;
  for (const std::string& name : native().called) names += name + " ";
  std::strncpy(out, names.c_str(), static_cast<size_t>(room) - 1);
}
