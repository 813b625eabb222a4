// page: the one web page, with its style and its script, as it was compiled in
#pragma once

#include <string>
#include <string_view>

namespace hb::clients::mgmtd {

/// page.html with the first state in it (`json`, as status.json, or nothing), so that it is whole
/// before the first event comes.
[[nodiscard]] std::string page(std::string_view json);

}  // namespace hb::clients::mgmtd
