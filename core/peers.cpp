// peers: per node generation, sequence, duplicates, gaps, and what must be saved
#include "core/peers.hpp"

#include "core/uuid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace hb::core {

namespace {

/// Every tenth number of a sender is acknowledged (wire-protocol §5.4).
constexpr std::uint64_t ack_modulus = 10;
/// 3.0.6 sends out of order as a matter of course (§5.5): nothing is asked for sooner than this,
constexpr Duration least_delay = std::chrono::milliseconds{50};
/// unless the site wants quick requests (`max_rexmit_delay` below this).
constexpr Duration quick_delay = std::chrono::milliseconds{100};

std::string_view take_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Judgement PeerStream::judge(Generation generation, Seqno seqno, Instant now, Duration delay,
                            Random& random) {
  Judgement result;
  if (generation < generation_) {
    result.arrival = Arrival::replay;
    return result;
  }
  if (generation > generation_) {
    result.restarted = generation_ > Generation{};
    forget();
    last_status_ = Seqno{};
    generation_ = generation;
  }
  const bool nothing_missing = missing_.empty();
  if (!last_ || seqno.value == last_->value + 1) {
    result.arrival = Arrival::fresh;
    last_ = seqno;
    if (nothing_missing && seqno.value % ack_modulus == ack_residue_) result.ack = seqno;
    return result;
  }
  if (seqno == *last_) {
    result.arrival = Arrival::duplicate;
    return result;
  }
  if (seqno > *last_) {
    result.arrival = Arrival::fresh;
    result.before = *last_;
    const std::uint64_t gap = seqno.value - last_->value - 1;
    if (gap > limits::lost_a_lot || missing_.size() + gap > limits::missing) {
      forget();
      result.lost_a_lot = true;
    } else {
      const Instant ask_at =
          now + random.between(delay < quick_delay ? Duration{} : least_delay, delay);
      for (std::uint64_t value = last_->value + 1; value < seqno.value; ++value) {
        missing_.push_back({Seqno{value}, ask_at});
      }
      next_request_ = std::min(next_request_, ask_at);
      result.lost = gap;
    }
    last_ = seqno;
    return result;
  }
  if (!give_up(seqno)) return result;  // stale
  result.arrival = Arrival::filled;
  result.complete = missing_.empty();
  result.ack = ack_after_filling(seqno);
  return result;
}

std::optional<Seqno> PeerStream::ack_after_filling(Seqno filled) const {
  // The greatest number of our residue below the next missing one covers all that came meanwhile.
  const std::uint64_t whole = missing_.empty() ? last_->value : missing_.front().seqno.value - 1;
  if (whole < filled.value) return std::nullopt;  // something lower is still missing
  const std::uint64_t excess = (whole + ack_modulus - ack_residue_) % ack_modulus;
  if (whole < excess || whole - excess < filled.value) return std::nullopt;
  return Seqno{whole - excess};
}

void PeerStream::forget() {
  last_.reset();
  missing_.clear();
  next_request_ = never;
}

bool PeerStream::give_up(Seqno seqno) {
  const auto found = std::ranges::lower_bound(missing_, seqno, {}, &Missing::seqno);
  if (found == missing_.end() || found->seqno != seqno) return false;
  missing_.erase(found);
  refresh_next_request();
  return true;
}

void PeerStream::refresh_next_request() {
  next_request_ = never;
  for (const Missing& each : missing_) next_request_ = std::min(next_request_, each.ask_at);
}

void PeerStream::due(Instant now, Duration repeat, std::vector<Range>& out) {
  if (now < next_request_) return;
  const std::size_t before = out.size();
  for (Missing& each : missing_) {
    if (each.ask_at > now) continue;
    each.ask_at = now + repeat;
    if (out.size() > before && out.back().last.value + 1 == each.seqno.value) {
      out.back().last = each.seqno;
    } else {
      out.push_back({each.seqno, each.seqno});
    }
  }
  refresh_next_request();
}

std::optional<Seqno> PeerStream::first_missing() const {
  if (missing_.empty()) return std::nullopt;
  return missing_.front().seqno;
}

std::optional<Seqno> PeerStream::whole() const {
  if (missing_.empty()) return last_;
  return Seqno{missing_.front().seqno.value - 1};
}

void PeerStream::restore(Generation generation, Seqno last_status, std::optional<Seqno> whole) {
  generation_ = generation;
  last_status_ = last_status;
  last_ = whole;
}

void append_saved_peer(const SavedPeer& peer, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{} {:x} {:x} {}\n", peer.name, peer.generation.value,
                 peer.last_status.value, to_text(peer.uuid));
}

std::vector<SavedPeer> parse_saved_peers(std::string_view text) {
  std::vector<SavedPeer> peers;
  while (!text.empty() && peers.size() < limits::nodes) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;  // cut
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const std::string_view name = take_word(line);
    const auto generation = number(take_word(line));
    const auto last_status = number(take_word(line));
    const auto uuid = uuid_from_text(line);
    if (name.empty() || !generation || !last_status || !uuid) continue;
    peers.push_back({name, Generation{*generation}, Seqno{*last_status}, *uuid});
  }
  return peers;
}

}  // namespace hb::core
