// ha_cf_media: the directives of links between nodes: bcast, ucast, mcast, serial and their ports
#include "core/ha_cf_parser.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::core::ha_cf {

bool has_room(State& state, const Line& line, Word value) {
  if (state.config.media.size() < limits::links) return true;
  state.refuse(line, value, fmt::format("at most {} media, ping media included", limits::links),
               fmt::format("Too many media specified (> {})\nOffending command: {} {}",
                           limits::links, line.directive.text, printable(value.text)));
  return false;
}

MediumConfig medium_at(const Line& line, MediumType type) {
  MediumConfig medium;
  medium.type = type;
  medium.line = line.number;
  return medium;
}

namespace {

constexpr int port_limit = 65535;

bool interface_exists(const State& state, std::string_view name) {
  const auto& known = state.host.interfaces;
  return known.empty() || std::find(known.begin(), known.end(), name) != known.end();
}

/// True if the interface exists; else one error that names those that do.
bool check_interface(State& state, const Line& line, Word name, std::string legacy) {
  if (interface_exists(state, name.text)) return true;
  state.refuse(line, name,
               fmt::format("no such interface; this host has {}",
                           join(state.host.interfaces, ", ")),
               std::move(legacy));
  return false;
}

/// habit: a type of medium keeps the port that was in force at its first line.
std::uint16_t port_for(State& state, const Line& line, MediumType type) {
  const auto [entry, first] = state.port_of_type.try_emplace(type, state.port);
  if (!first && entry->second != state.port) {
    state.advise(line, {},
                 fmt::format("uses port {}, not {}: a udpport line counts only before the first "
                             "{} line",
                             entry->second, state.port, line.directive.text));
  }
  return entry->second;
}

void add_bcast(State& state, const Line& line, Word value) {
  if (!has_room(state, line, value)) return;
  const std::string shown = printable(value.text);
  if (!check_interface(state, line, value,
                       fmt::format("glib: IP interface [{0}] does not exist\n"
                                   "Illegal bcast [UDP/IP broadcast] in config file [{0}]",
                                   shown))) {
    return;
  }
  MediumConfig medium = medium_at(line, MediumType::bcast);
  medium.interface = value.text;
  medium.port = port_for(state, line, medium.type);
  state.config.media.push_back(std::move(medium));
}

/// The words of a whole-line medium; false, with an error, if there is none.
bool split_arguments(State& state, const Line& line, std::vector<Word>& words,
                     std::string_view usage) {
  words = words_of(line.rest.text, line.rest.column);
  if (!words.empty()) return true;
  state.refuse(line, {}, fmt::format("no arguments; write: {} {}", line.directive.text, usage),
               fmt::format("glib: {} statement without device", line.directive.text));
  return false;
}

void warn_of_surplus(State& state, const Line& line, const std::vector<Word>& words,
                     std::size_t wanted) {
  if (words.size() > wanted) state.advise(line, words[wanted], "not understood here; ignored");
}

void add_ucast(State& state, const Line& line, Word) {
  constexpr std::string_view usage = "interface address";
  std::vector<Word> words;
  if (!split_arguments(state, line, words, usage) || !has_room(state, line, line.rest)) return;
  const Word interface = words[0];
  const std::string name = printable(interface.text);
  if (words.size() < 2) {
    state.refuse(line, interface,
                 "the peer's address is missing; write: ucast interface address-or-name",
                 fmt::format("glib: ucast: [{}] missing target IP address/hostname", name));
    return;
  }
  warn_of_surplus(state, line, words, 2);
  // 3.0.6 would start, log "cannot open ucast eth9" and end; we know it now.
  const bool good = check_interface(state, line, interface,
                                    fmt::format("glib: ucast: interface [{}] does not exist",
                                                name));
  const Word peer = words[1];
  if (!is_ipv4(peer.text) && !ask(state.host.lookup.resolves, peer.text)) {
    state.refuse(line, peer,
                 "cannot be resolved to an IPv4 address; put it into /etc/hosts or write the "
                 "address itself",
                 fmt::format("glib: ucast: cannot resolve hostname\n"
                             "glib: ucast: interface [{}] does not exist", name));
    return;
  }
  if (!good) return;
  MediumConfig medium = medium_at(line, MediumType::ucast);
  medium.interface = interface.text;
  medium.address = peer.text;
  medium.port = port_for(state, line, medium.type);
  state.config.media.push_back(std::move(medium));
}

void add_ucast6(State& state, const Line& line, Word) {
  std::vector<Word> words;
  if (!split_arguments(state, line, words, "interface address") ||
      !has_room(state, line, line.rest)) {
    return;
  }
  const Word interface = words[0];
  const std::string name = printable(interface.text);
  if (words.size() < 2) {
    state.refuse(line, interface, "the peer's IPv6 address is missing",
                 fmt::format("glib: ucast6 [{}] missing ucast6 address", name));
    return;
  }
  warn_of_surplus(state, line, words, 2);
  const bool good = check_interface(
      state, line, interface,
      fmt::format("glib: ucast6 device [{}] is invalid or not set up properly", name));
  if (!is_ipv6(words[1].text)) {
    state.refuse(line, words[1], "is no IPv6 address",
                 fmt::format("glib: ucast6 [{}] bad addr [{}]", name, printable(words[1].text)));
    return;
  }
  if (!good) return;
  MediumConfig medium = medium_at(line, MediumType::ucast6);
  medium.interface = interface.text;
  medium.address = words[1].text;
  medium.port = port_for(state, line, medium.type);
  state.config.media.push_back(std::move(medium));
}

/// What differs between mcast and mcast6.
struct MulticastKind {
  MediumType type;
  std::string_view ttl_name;
  int lowest_ttl;
  bool (*is_group)(std::string_view);
  std::string_view groups;
};
constexpr int highest_ttl = 4;  // as 3.0.6; heartbeats are no traffic for the world

/// Group, port, ttl and loop, each with its own message; false if one was refused.
bool check_multicast(State& state, const Line& line, const std::vector<Word>& words,
                     const MulticastKind& kind, MediumConfig& medium) {
  const auto start = fmt::format("glib: {} [{}] ", line.directive.text,
                                 printable(words[0].text));
  bool good = true;
  const auto bad = [&](std::size_t at, std::string_view what, std::string_view cure) {
    state.refuse(line, words[at], cure,
                 fmt::format("{}bad {} [{}]", start, what, printable(words[at].text)));
    good = false;
  };
  const auto number_in = [&](std::size_t at, int low, int high) {
    const int number = leading_integer(words[at].text);
    if (number < low || number > high) return false;
    if (!is_integer(words[at].text)) {  // habit: atoi
      state.advise(line, words[at], fmt::format("is no whole number; read as {}", number));
    }
    return true;
  };
  if (!kind.is_group(words[1].text)) {
    bad(1, "addr", fmt::format("is no multicast group; use one of {}", kind.groups));
  }
  if (!number_in(2, 1, port_limit)) bad(2, "port", "the port must be 1 to 65535");
  if (!number_in(3, kind.lowest_ttl, highest_ttl)) {
    bad(3, kind.ttl_name, fmt::format("the {} must be {} to {}", kind.ttl_name, kind.lowest_ttl,
                                      highest_ttl));
  }
  if (!number_in(4, 0, 1)) bad(4, "loop", "the loop must be 0 or 1");
  if (!good) return false;
  medium.interface = words[0].text;
  medium.address = words[1].text;
  medium.port = static_cast<std::uint16_t>(leading_integer(words[2].text));
  medium.ttl = leading_integer(words[3].text);
  medium.loop = leading_integer(words[4].text) == 1;
  return true;
}

void add_multicast(State& state, const Line& line, const MulticastKind& kind) {
  const std::array<std::string, 4> parts{fmt::format("{} address", line.directive.text), "port",
                                         std::string{kind.ttl_name}, "loop"};
  const std::string usage = fmt::format("interface group port {} loop", kind.ttl_name);
  std::vector<Word> words;
  if (!split_arguments(state, line, words, usage) || !has_room(state, line, line.rest)) return;
  const std::string name = printable(words[0].text);
  const bool good = check_interface(
      state, line, words[0],
      fmt::format("glib: {} device [{}] is invalid or not set up properly", line.directive.text,
                  name));
  if (words.size() <= parts.size()) {
    const std::string& missing = parts[words.size() - 1];
    state.refuse(line, words.back(),
                 fmt::format("{} is missing; write: {} {}", missing, line.directive.text, usage),
                 fmt::format("glib: {} [{}] missing {}", line.directive.text, name, missing));
    return;
  }
  warn_of_surplus(state, line, words, parts.size() + 1);
  MediumConfig medium = medium_at(line, kind.type);
  if (!check_multicast(state, line, words, kind, medium) || !good) return;
  state.config.media.push_back(std::move(medium));
}

void add_mcast(State& state, const Line& line, Word) {
  add_multicast(state, line, {MediumType::mcast, "ttl", 0, is_ipv4_multicast,
                              "224.0.0.0 to 239.255.255.255, e.g. 239.77.0.1"});
}

void add_mcast6(State& state, const Line& line, Word) {
  add_multicast(state, line, {MediumType::mcast6, "hops", -1, is_ipv6_multicast,
                              "ff00::/8, e.g. ff05::694"});
}

// ---- serial lines

void set_baud(State& state, const Line& line, Word value) {
  constexpr std::array<int, 7> speeds{9600, 19200, 38400, 57600, 115200, 230400, 460800};
  if (state.baud) {
    state.refuse(line, value, "the speed was set before; keep one of both",
                 "Baudrate multiply specified.");
    return;
  }
  const int speed = leading_integer(value.text);
  if (std::find(speeds.begin(), speeds.end(), speed) == speeds.end()) {
    state.refuse(line, value,
                 "must be 9600, 19200, 38400, 57600, 115200, 230400 or 460800",
                 fmt::format("invalid baudrate [{}] specified.", printable(value.text)));
    return;
  }
  if (state.line_of("serial") != 0) {
    state.advise(line, value,
                 "has no effect on the serial lines above; put it before the first one");
  }
  state.baud = static_cast<unsigned>(speed);
}

void add_serial(State& state, const Line& line, Word value) {
  if (!has_room(state, line, value)) return;
  const std::string shown = printable(value.text);
  const auto refuse = [&](std::string_view text, std::string_view legacy) {
    state.refuse(line, value, text,
                 fmt::format("glib: {}\nIllegal serial [serial ring] in config file [{}]",
                             legacy, shown));
  };
  if (value.text.front() != '/') {
    refuse("write the full path, e.g. /dev/ttyS0",
           fmt::format("Serial port not full pathname [{}] in config file", shown));
  } else if (!ask(state.host.lookup.exists, value.text)) {
    refuse("no such device",
           fmt::format("Nonexistent serial port [{}] in config file", shown));
  } else if (!ask(state.host.lookup.is_char_device, value.text)) {
    refuse("is no character device",
           fmt::format("Serial port [{}] not a char device in config file", shown));
  } else if (!ask(state.host.lookup.is_tty, value.text)) {
    // 3.0.6 would start, fail to open it, and end; we know it now.
    refuse("is no terminal line", fmt::format("cannot open serial {}", shown));
  } else {
    MediumConfig medium = medium_at(line, MediumType::serial);
    medium.interface = value.text;
    medium.baud = state.baud.value_or(medium.baud);
    state.config.media.push_back(std::move(medium));
  }
}

void set_udpport(State& state, const Line& line, Word value) {
  const int number = leading_integer(value.text);
  // 3.0.6 takes a port above 65535 and then uses the lower 16 bits of it.
  if (number <= 0 || number > port_limit) {
    state.refuse(line, value, "the port must be 1 to 65535",
                 fmt::format("invalid port [{}] specified.", printable(value.text)));
    return;
  }
  if (!is_integer(value.text)) {  // habit: atoi
    state.advise(line, value, fmt::format("is no whole number; read as {}", number));
  }
  state.port = static_cast<std::uint16_t>(number);
  if (state.host.lookup.service_of == nullptr) return;
  const std::string service = state.host.lookup.service_of(state.port);
  if (!service.empty() && service != "ha-cluster") {
    state.advise(line, value, fmt::format("services(5) gives this port to {}", service),
                 fmt::format("udp port {} reserved for service \"{}\".", number, service));
  }
}

constexpr auto list = Style::list;
constexpr auto whole = Style::whole_line;
constexpr auto kept = Record::parameter;
constexpr auto not_kept = Record::nothing;

constexpr Directive table[]{
    {"bcast", list, Values::many, not_kept, add_bcast},
    {"ucast", whole, Values::many, not_kept, add_ucast},
    {"ucast6", whole, Values::many, not_kept, add_ucast6},
    {"mcast", whole, Values::many, not_kept, add_mcast},
    {"mcast6", whole, Values::many, not_kept, add_mcast6},
    {"serial", list, Values::many, not_kept, add_serial},
    {"udpport", list, Values::one, kept, set_udpport},
    {"baud", list, Values::one, kept, set_baud},
};

}  // namespace

std::span<const Directive> medium_directives() {
  return table;
}

}  // namespace hb::core::ha_cf
