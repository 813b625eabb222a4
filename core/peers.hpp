// peers: per node generation, sequence, duplicates, gaps, and what must be saved
#pragma once

#include "core/random.hpp"
#include "core/types.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

/// What a sequenced message is in the stream of its sender (wire-protocol §5.2).
enum class Arrival : std::uint8_t {
  fresh,      ///< next, or first, or after a gap: deliver
  filled,     ///< a missing one arrived: deliver
  duplicate,  ///< the last one again (other link): only proves the link
  stale,      ///< older and not missing: drop
  replay,     ///< of an older generation: drop, loudly
};

struct Judgement {
  Arrival arrival = Arrival::stale;
  bool restarted = false;       ///< a newer generation than the one known before
  bool lost_a_lot = false;      ///< gap above limits::lost_a_lot: tracking began anew
  bool complete = false;        ///< nothing is missing any more
  std::uint64_t lost = 0;       ///< numbers that went missing just now
  Seqno before{};               ///< `last` before a gap, for the log line
  std::optional<Seqno> ack;     ///< to be acknowledged now
};

/// The receiving side of one node's message stream. Numbers are hostile input until here.
class PeerStream {
 public:
  /// `ack_residue`: numbers congruent to it modulo 10 are acknowledged (§5.4).
  explicit PeerStream(std::uint64_t ack_residue) : ack_residue_(ack_residue) {}

  /// Judges and records an arrival. Gaps are asked for after a random part of `delay` (§5.3).
  [[nodiscard]] Judgement judge(Generation generation, Seqno seqno, Instant now, Duration delay,
                                Random& random);
  /// The node was declared dead: forget the sequence, keep generation and last status (§6.3).
  void forget();
  /// A NAK: that number will never come. True if it was missing; then it may complete the list.
  bool give_up(Seqno seqno);

  /// Requests that are due now, as ranges of adjacent numbers; each is due again after `repeat`.
  struct Range {
    Seqno first, last;
  };
  void due(Instant now, Duration repeat, std::vector<Range>& out);
  /// When the next request is due; never if nothing is missing.
  [[nodiscard]] Instant next_request() const { return next_request_; }

  /// A status is news only if its number is above that of the last one (§5.2).
  [[nodiscard]] bool is_newer_status(Seqno seqno) const { return seqno > last_status_; }
  void saw_status(Seqno seqno) { last_status_ = seqno; }

  [[nodiscard]] Generation generation() const { return generation_; }
  [[nodiscard]] std::optional<Seqno> last() const { return last_; }
  [[nodiscard]] Seqno last_status() const { return last_status_; }
  [[nodiscard]] std::size_t missing() const { return missing_.size(); }
  /// The lowest number that is missing, if any: ordered messages above it wait.
  [[nodiscard]] std::optional<Seqno> first_missing() const;

  /// Up to here everything came; none if nothing did.
  [[nodiscard]] std::optional<Seqno> whole() const;

  /// What was saved by an earlier life; only before the first judge(). `whole`: in the same life of
  /// our node everything up to it was seen, so that what came while no master ran is asked for.
  void restore(Generation generation, Seqno last_status, std::optional<Seqno> whole = {});

 private:
  struct Missing {
    Seqno seqno;
    Instant ask_at;
  };
  [[nodiscard]] std::optional<Seqno> ack_after_filling(Seqno filled) const;
  void refresh_next_request();

  std::uint64_t ack_residue_;
  Generation generation_{};
  std::optional<Seqno> last_;
  Seqno last_status_{};
  std::vector<Missing> missing_;  // ascending; at most limits::missing
  Instant next_request_ = never;
};

/// One node in the file "peers", which protects a restarted master from old recordings.
struct SavedPeer {
  std::string_view name;
  Generation generation;
  Seqno last_status;
  Uuid uuid;
};
void append_saved_peer(const SavedPeer& peer, std::string& out);
/// Lines that are not well-formed are skipped: the file may be cut or edited.
[[nodiscard]] std::vector<SavedPeer> parse_saved_peers(std::string_view text);

}  // namespace hb::core
