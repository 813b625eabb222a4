// blackbox: the last log lines in shared memory: written without a system call, read by anyone
#include "ipc/blackbox.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace hb::ipc {
namespace {

/// Everything is copied in words by relaxed atomic accesses: a reader may look while we overwrite,
/// finds out afterwards, and throws its copy away.
constexpr std::uint64_t word_bytes = sizeof(std::uint64_t);
constexpr std::uint64_t header_words = 2;  // length and level; time
constexpr std::size_t most_words = header_words + blackbox_line_bytes / word_bytes;

std::uint64_t load(const std::uint64_t& word, std::memory_order order) {
  return std::atomic_ref{const_cast<std::uint64_t&>(word)}.load(order);
}

void store(std::uint64_t& word, std::uint64_t value, std::memory_order order) {
  std::atomic_ref{word}.store(value, order);
}

std::size_t index_of(std::uint64_t position) {
  return static_cast<std::size_t>(position % blackbox_bytes / word_bytes);
}

constexpr std::uint64_t pack(std::size_t length, core::LogLevel level) {
  return static_cast<std::uint64_t>(level) << 32 | length;
}
constexpr std::size_t length_in(std::uint64_t word) {
  return static_cast<std::size_t>(word & 0xffffffff);
}

std::uint64_t entry_bytes(std::size_t length) {
  return (header_words + (length + word_bytes - 1) / word_bytes) * word_bytes;
}

}  // namespace

BlackBoxWriter::BlackBoxWriter(BlackBoxPage& page) : page_{&page} {
  store(page_->oldest, 0, std::memory_order_relaxed);
  store(page_->tail, 0, std::memory_order_release);
}

void BlackBoxWriter::make_room(std::uint64_t end) {
  if (end - oldest_ <= blackbox_bytes) return;
  while (end - oldest_ > blackbox_bytes) {
    const std::uint64_t word = load(page_->data[index_of(oldest_)], std::memory_order_relaxed);
    oldest_ += entry_bytes(length_in(word));
  }
  // Before anything is overwritten, and ordered before it: whoever copies a word of the new line
  // also sees that the old one has gone.
  store(page_->oldest, oldest_, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
}

void BlackBoxWriter::write(core::LogLevel level, core::WallTime time, std::string_view text) {
  if (page_ == nullptr) return;
  text = text.substr(0, blackbox_line_bytes);
  const std::uint64_t end = tail_ + entry_bytes(text.size());
  make_room(end);
  std::uint64_t position = tail_;
  const auto put = [&](std::uint64_t word) {
    store(page_->data[index_of(position)], word, std::memory_order_relaxed);
    position += word_bytes;
  };
  put(pack(text.size(), level));
  put(static_cast<std::uint64_t>(time.time_since_epoch().count()));
  while (!text.empty()) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), std::min<std::size_t>(text.size(), word_bytes));
    put(word);
    text.remove_prefix(std::min<std::size_t>(text.size(), word_bytes));
  }
  tail_ = end;
  store(page_->tail, tail_, std::memory_order_release);
}

BlackBoxReader::BlackBoxReader(const BlackBoxPage& page, From from) : page_{&page} {
  position_ = load(from == From::oldest ? page.oldest : page.tail, std::memory_order_acquire);
}

std::optional<LogLine> BlackBoxReader::next() {
  while (page_ != nullptr) {
    const std::uint64_t tail = load(page_->tail, std::memory_order_acquire);
    const std::uint64_t oldest = load(page_->oldest, std::memory_order_acquire);
    if (position_ < oldest) {
      position_ = oldest;
      ++gaps_;
    }
    if (position_ >= tail) return std::nullopt;

    std::array<std::uint64_t, most_words> words{};
    words[0] = load(page_->data[index_of(position_)], std::memory_order_relaxed);
    const std::size_t length = std::min(length_in(words[0]), blackbox_line_bytes);
    const std::uint64_t bytes = entry_bytes(length);
    for (std::uint64_t i = 1; i < bytes / word_bytes; ++i) {
      words[i] = load(page_->data[index_of(position_ + i * word_bytes)], std::memory_order_relaxed);
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (load(page_->oldest, std::memory_order_relaxed) > position_) continue;  // overtaken: again

    LogLine line;
    line.level = static_cast<core::LogLevel>(words[0] >> 32 & 0x7);
    line.wall_seconds = static_cast<std::int64_t>(words[1]);
    line.text.resize(length);
    std::memcpy(line.text.data(), &words[header_words], length);
    position_ += bytes;
    return line;
  }
  return std::nullopt;
}

}  // namespace hb::ipc
