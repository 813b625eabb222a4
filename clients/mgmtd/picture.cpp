// picture: the cluster as one value: what verbs, events and the web page are made from
#include "clients/mgmtd/picture.hpp"

#include <algorithm>

namespace hb::clients::mgmtd {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool same_name(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

const Picture::Node* Picture::find(std::string_view name) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) {
    return same_name(node.name, name);
  });
  return found == nodes.end() ? nullptr : &*found;
}

bool Picture::is_self(const Node& node) const {
  return same_name(node.name, self);
}

}  // namespace hb::clients::mgmtd
