// page: the one web page, with its style and its script, as it was compiled in
#include "clients/mgmtd/page.hpp"

// The assembler takes the file as it is, so that the page stays a file that browsers open.
__asm__(
    ".pushsection .rodata\n"
    ".global systole_page, systole_page_end\n"
    "systole_page:\n"
    ".incbin \"clients/mgmtd/page.html\"\n"
    "systole_page_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" const char systole_page[], systole_page_end[];

namespace hb::clients::mgmtd {

std::string page(std::string_view json) {
  constexpr std::string_view place = R"(<script id="first" type="application/json">)";
  const std::string_view file{systole_page,
                              static_cast<std::size_t>(systole_page_end - systole_page)};
  const std::size_t at = file.find(place) + place.size();
  std::string result(file.substr(0, at));
  // Within a script only `<` could end it; in JSON it stands in strings alone.
  for (const char c : json)
    if (c == '<') result += "\\u003c";
    else result.push_back(c);
  return result.append(file.substr(at));
}

}  // namespace hb::clients::mgmtd
