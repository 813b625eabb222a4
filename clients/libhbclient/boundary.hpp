// boundary: where C calls us: what is exported, and no exception that gets out
#pragma once

#include <exception>
#include <utility>

/// The only symbols that leave the library, together with libhbclient.map.
#define HB_EXPORT extern "C" __attribute__((visibility("default")))

namespace hb::clients::libhbclient {

/// What `body` returns, or `failure` when memory runs out in it: nothing else throws. Not for every
/// exception and not noexcept, so that a thread that is cancelled while it waits unwinds in peace.
template <class T, class Body>
T guarded(T failure, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const std::exception&) {
    return failure;
  }
}

}  // namespace hb::clients::libhbclient
