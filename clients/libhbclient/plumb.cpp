// plumb: libplumb's own functions, when the program that uses us has loaded it
#include "clients/libhbclient/plumb.hpp"

#include <dlfcn.h>

namespace hb::clients::libhbclient {

namespace {

/// libplumb as a handle, so that names which we export too are found there and not here. It is
/// known by a name that we do not export.
void* library() {
  static void* const handle = []() -> void* {
    void* known = ::dlsym(RTLD_DEFAULT, "wirefmt2msg");
    Dl_info info{};
    if (known == nullptr || ::dladdr(known, &info) == 0) return nullptr;
    return ::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  }();
  return handle;
}

template <class Function>
bool find(const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library(), name));
  return function != nullptr;
}

bool find_all(Plumb& it) {
  return find("wirefmt2msg", it.from_wire) && find("msg2wirefmt_noac", it.to_wire) &&
         find("ha_msg_new", it.make) && find("ha_msg_copy", it.copy) &&
         find("ha_msg_del", it.destroy) && find("ha_msg_add", it.add) &&
         find("ha_msg_add_int", it.add_int) && find("ha_msg_add_ul", it.add_ul) &&
         find("ha_msg_addbin", it.add_binary) && find("ha_msg_adduuid", it.add_uuid) &&
         find("ha_msg_addstruct", it.add_message) && find("cl_msg_modstring", it.set) &&
         find("cl_msg_modbin", it.set_binary) && find("cl_msg_moduuid", it.set_uuid) &&
         find("ha_msg_mod_int", it.set_int) && find("ha_msg_mod_ul", it.set_ul) &&
         find("cl_msg_remove", it.remove) && find("cl_get_string", it.text) &&
         find("cl_get_binary", it.binary) && find("cl_get_uuid", it.uuid) &&
         find("cl_get_struct", it.message) && find("ha_msg_value_int", it.number) &&
         find("ha_msg_value_ul", it.number_ul) && find("cl_get_type", it.type);
}

}  // namespace

const Plumb* plumb() {
  static Plumb functions{};
  static const bool found = library() != nullptr && find_all(functions);
  return found ? &functions : nullptr;
}

void* plumb_symbol(const char* name) {
  return plumb() != nullptr ? ::dlsym(library(), name) : nullptr;
}

}  // namespace hb::clients::libhbclient
