// The placer's C interface. Built by build.py into a library of its own.
#include <limits>
#include <new>

#include "placing_search.hpp"

#define PLACER_API extern "C" __attribute__((visibility("default")))

namespace bayplan {
namespace {

enum Answer : int { kPlaced = 0, kNoMemory = 1, kNoBoxes = 2 };

// Fails where a box has no lifetime, a negative size or an address below 0 that is not kFree.
template <class Place>
Answer place(int64_t count, const int64_t* starts, const int64_t* ends, const int64_t* sizes, int64_t* addresses,
             Place place_boxes) {
  if (count < 0 || count > std::numeric_limits<int32_t>::max() / 4) return kNoBoxes;
  for (int64_t i = 0; i < count; ++i)
    if (starts[i] >= ends[i] || sizes[i] < 0 || addresses[i] < kFree) return kNoBoxes;
  try {
    const Boxes boxes(count, starts, ends, sizes);
    const Numbers found = place_boxes(boxes, Numbers(addresses, addresses + count));
    std::copy(found.begin(), found.end(), addresses);
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  }
  return kPlaced;
}

} // namespace
} // namespace bayplan

// Gives those whose address is -1 one around the others, whose addresses are right.
PLACER_API int bayplan_place_around(int64_t count, const int64_t* starts, const int64_t* ends, const int64_t* sizes,
                                     int64_t* addresses) {
  using namespace bayplan;
  return place(count, starts, ends, sizes, addresses, [](const Boxes& boxes, Numbers address) {
    FirstFit(boxes).place(largest_first(boxes), address);
    return address;
  });
}

// Gives all new addresses: as low as can be found from right ones in `effort` steps of some nanosecond.
PLACER_API int bayplan_place_anew(int64_t count, const int64_t* starts, const int64_t* ends, const int64_t* sizes,
                                   int64_t* addresses, int64_t effort) {
  using namespace bayplan;
  return place(count, starts, ends, sizes, addresses, [effort](const Boxes& boxes, const Numbers& known) {
    return Search(boxes, known, effort).run();
  });
}
