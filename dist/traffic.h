#pragma once

#include <array>
#include <cstdint>
#include <numeric>
#include <string_view>

namespace stint::dist {

/// What a message carries. `index`: scales and places beside compressed values; `buffer`: running statistics;
/// `state`: of optimisers; `control`: what the program itself has to say.
enum class Payload : std::uint8_t { gradient, parameter, index, buffer, state, control };

inline constexpr int payload_count = 6;
inline constexpr std::array<std::string_view, payload_count> payload_names = {"gradient", "parameter", "index",
                                                                              "buffer",   "state",     "control"};

/// Bytes of payload that one rank has sent to other ranks and received from them. Headers and packet framing are not
/// payload.
struct Traffic {
  std::array<std::uint64_t, payload_count> sent{};
  std::array<std::uint64_t, payload_count> received{};

  std::uint64_t sent_by(Payload payload) const { return sent[static_cast<int>(payload)]; }
  std::uint64_t received_by(Payload payload) const { return received[static_cast<int>(payload)]; }
  std::uint64_t total_sent() const { return std::accumulate(sent.begin(), sent.end(), std::uint64_t{0}); }
  std::uint64_t total_received() const { return std::accumulate(received.begin(), received.end(), std::uint64_t{0}); }

  bool operator==(const Traffic&) const = default;
};

}  // namespace stint::dist
