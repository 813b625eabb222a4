// plumb: libplumb's own functions, when the program that uses us has loaded it
#pragma once

#include <cstddef>

struct ha_msg;
struct cl_uuid_s;

namespace hb::clients::libhbclient {

/// The functions of cluster-glue's libplumb.so.2 that this library calls or stands in for. A
/// program that links both must see one kind of message only, and that is libplumb's.
struct Plumb {
  ha_msg* (*from_wire)(const char*, std::size_t, int);
  char* (*to_wire)(ha_msg*, std::size_t*);
  ha_msg* (*make)(int);
  ha_msg* (*copy)(const ha_msg*);
  void (*destroy)(ha_msg*);
  int (*add)(ha_msg*, const char*, const char*);
  int (*add_int)(ha_msg*, const char*, int);
  int (*add_ul)(ha_msg*, const char*, unsigned long);
  int (*add_binary)(ha_msg*, const char*, const void*, std::size_t);
  int (*add_uuid)(ha_msg*, const char*, const cl_uuid_s*);
  int (*add_message)(ha_msg*, const char*, const void*);
  int (*set)(ha_msg*, const char*, const char*);
  int (*set_binary)(ha_msg*, const char*, const void*, std::size_t);
  int (*set_uuid)(ha_msg*, const char*, const cl_uuid_s*);
  int (*set_int)(ha_msg*, const char*, int);
  int (*set_ul)(ha_msg*, const char*, unsigned long);
  int (*remove)(ha_msg*, const char*);
  const char* (*text)(const ha_msg*, const char*);
  const void* (*binary)(const ha_msg*, const char*, std::size_t*);
  int (*uuid)(const ha_msg*, const char*, cl_uuid_s*);
  ha_msg* (*message)(ha_msg*, const char*);
  int (*number)(const ha_msg*, const char*, int*);
  int (*number_ul)(const ha_msg*, const char*, unsigned long*);
  int (*type)(const ha_msg*, const char*);
};

/// libplumb's functions, or nullptr if the process has no libplumb at the first call of this:
/// decided once, since messages made by one kind cannot become the other's.
[[nodiscard]] const Plumb* plumb();

/// One of libplumb's functions by name; nullptr without libplumb.
[[nodiscard]] void* plumb_symbol(const char* name);

}  // namespace hb::clients::libhbclient
