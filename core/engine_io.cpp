// engine_io: the arena that a step's outputs live in
#include "core/engine_io.hpp"

#include <algorithm>
#include <cstring>

namespace hb::core {

namespace {
/// A step of a quiet node fits into one; more are made when needed.
constexpr std::size_t chunk_bytes = 64 * 1024;
/// Chunks kept over clear(); what an exceptional step needed beyond is given back.
constexpr std::size_t chunks_kept = 8;
}  // namespace

std::string_view name_of(Operation operation) {
  switch (operation) {
    case Operation::start: return "start";
    case Operation::stop: return "stop";
    case Operation::status: return "status";
  }
  return "";
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::emerg: return "emerg";
    case LogLevel::alert: return "alert";
    case LogLevel::crit: return "crit";
    case LogLevel::error: return "error";
    case LogLevel::warn: return "warn";
    case LogLevel::notice: return "notice";
    case LogLevel::info: return "info";
    case LogLevel::debug: return "debug";
  }
  return "";
}

void Outputs::clear() {
  items_.clear();
  if (chunks_.size() > chunks_kept) chunks_.resize(chunks_kept);
  chunk_ = used_ = 0;
}

Bytes Outputs::keep(Bytes bytes) {
  if (bytes.empty()) return {};
  while (chunk_ < chunks_.size() && chunks_[chunk_].size - used_ < bytes.size()) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    const std::size_t size = std::max(chunk_bytes, bytes.size());
    chunks_.push_back({std::make_unique<std::byte[]>(size), size});
  }
  std::byte* const place = chunks_[chunk_].memory.get() + used_;
  std::memcpy(place, bytes.data(), bytes.size());
  used_ += bytes.size();
  return {place, bytes.size()};
}

std::string_view Outputs::keep(std::string_view text) {
  return as_text(keep(as_bytes(text)));
}

void Outputs::add(Output output) {
  items_.push_back(output);
}

}  // namespace hb::core
