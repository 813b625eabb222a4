// result: Result<T>, an Error that gathers context on its way up, and ENSURE for our own bugs
#pragma once

#include <boost/system/result.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace hb::core {

/// What can happen and is no bug: a text that names the object and the cure, and the errno if any.
struct Error {
  std::string text;
  int os_error = 0;

  /// Each level puts its noun in front: "ha.cf:12: bcast eth7: no such interface".
  [[nodiscard]] Error in(std::string_view noun) && {
    text.insert(0, ": ").insert(0, noun);
    return std::move(*this);
  }
};

template <class T>
using Result = boost::system::result<T, Error>;

/// A good Result<std::string>: a bare string could be meant as an Error's text, so it must be said.
template <class T>
[[nodiscard]] Result<T> ok(T value) {
  return Result<T>{boost::system::in_place_value, std::move(value)};
}

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  std::fprintf(stderr, "value() of a failed Result: %s\n", error.text.c_str());
  std::abort();
}

[[noreturn]] inline void ensure_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: ENSURE(%s) does not hold: a bug of ours\n", file, line, what);
  std::abort();
}

}  // namespace hb::core

/// Our own inconsistency aborts, always on: a restart costs milliseconds, a wrong decision more.
#define ENSURE(condition)                                              \
  do {                                                                 \
    if (!(condition)) hb::core::ensure_failed(#condition, __FILE__, __LINE__); \
  } while (false)
