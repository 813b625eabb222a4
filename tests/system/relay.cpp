// relay: carries the frames of one lab link in user space, with seeded loss, duplication and delay
// usage: relay SEED INTERFACE...; commands on standard input, ends at end of file:
//   policy FROM TO LOSS DUPLICATE REORDER DELAY_MS   FROM, TO: interface or *; chances 0..1;
//          a reordered frame waits up to DELAY_MS longer than its neighbours
//   scope all|heartbeat          which frames a policy may harm (heartbeat: UDP port 694)
//   counts                       prints passed, lost, doubled, delayed
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <queue>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr std::size_t largest_frame = 70'000;  // a whole offloaded datagram
constexpr std::int64_t millisecond = 1'000'000;

std::int64_t now_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// What may happen to a frame on its way from one port to another.
struct Policy {
    double loss = 0;
    double duplicate = 0;
    double reorder = 0;
    double delay_ms = 0;
};

// The kernel's note on a checksum that is left to the network card; virtio_net_hdr in its header,
// which C++ cannot read (a member is called class).
struct Note {
    std::array<std::uint8_t, 10> bytes;
};

// A frame on its way.
struct Frame {
    std::int64_t due = 0;
    std::uint64_t order = 0;
    std::size_t to = 0;
    Note note{};
    std::vector<std::uint8_t> bytes;
};
struct Later {
    bool operator()(const Frame& a, const Frame& b) const {
        return a.due != b.due ? a.due > b.due : a.order > b.order;
    }
};

int open_port(const std::string& name) {
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
    const int on = 1;
    sockaddr_ll link{};
    link.sll_family = AF_PACKET;
    link.sll_protocol = htons(ETH_P_ALL);
    link.sll_ifindex = static_cast<int>(if_nametoindex(name.c_str()));
    packet_mreq all{};
    all.mr_ifindex = link.sll_ifindex;
    all.mr_type = PACKET_MR_PROMISC;
    if (fd < 0 || link.sll_ifindex == 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0 ||
        bind(fd, reinterpret_cast<sockaddr*>(&link), sizeof link) != 0) {
        std::fprintf(stderr, "relay: cannot open interface %s: %s\n", name.c_str(),
                     std::strerror(errno));
        std::exit(1);
    }
    return fd;
}

bool is_heartbeat(const std::vector<std::uint8_t>& b) {
    constexpr std::uint16_t heartbeat_port = 694;
    if (b.size() < 42 || b[12] != 0x08 || b[13] != 0 || b[23] != IPPROTO_UDP) {
        return false;
    }
    const std::size_t udp = 14 + 4U * (b[14] & 0x0fU);
    return b.size() >= udp + 4 && (b[udp + 2] << 8 | b[udp + 3]) == heartbeat_port;
}

class Relay {
public:
    Relay(std::uint64_t seed, std::vector<std::string> names)
        : names_{std::move(names)}, policies_(names_.size() * names_.size()), random_{seed} {
        for (const std::string& name : names_) {
            ports_.push_back(open_port(name));
        }
    }

    void run() {
        std::puts("up");
        std::fflush(stdout);
        std::string commands;
        for (;;) {
            std::vector<pollfd> watched{{STDIN_FILENO, POLLIN, 0}};
            for (const int fd : ports_) {
                watched.push_back({fd, POLLIN, 0});
            }
            timespec pause{};
            const std::int64_t wait =
                waiting_.empty() ? 0 : std::max<std::int64_t>(0, waiting_.top().due - now_ns());
            pause.tv_sec = wait / 1'000'000'000;
            pause.tv_nsec = wait % 1'000'000'000;
            ppoll(watched.data(), watched.size(), waiting_.empty() ? nullptr : &pause, nullptr);
            for (std::size_t i = 0; i < ports_.size(); ++i) {
                if (watched[i + 1].revents != 0) {
                    receive(i);
                }
            }
            deliver();
            if (watched[0].revents != 0 && !read_commands(commands)) {
                return;
            }
        }
    }

private:
    Policy& policy(std::size_t from, std::size_t to) {
        return policies_.at(from * names_.size() + to);
    }
    bool chance(double p) { return p > 0 && std::uniform_real_distribution<>{}(random_) < p; }

    void receive(std::size_t from) {
        for (int turn = 0; turn < 64; ++turn) {
            Frame frame;
            frame.bytes.resize(largest_frame);
            std::array<iovec, 2> parts{iovec{&frame.note, sizeof frame.note},
                                       iovec{frame.bytes.data(), frame.bytes.size()}};
            const ssize_t got = readv(ports_[from], parts.data(), 2);
            if (got <= static_cast<ssize_t>(sizeof frame.note)) {
                return;
            }
            frame.bytes.resize(static_cast<std::size_t>(got) - sizeof frame.note);
            for (std::size_t to = 0; to < ports_.size(); ++to) {
                if (to != from) {
                    carry(frame, from, to);
                }
            }
        }
    }

    void carry(Frame frame, std::size_t from, std::size_t to) {
        const Policy& rule = policy(from, to);
        const bool may_harm = !only_heartbeat_ || is_heartbeat(frame.bytes);
        if (may_harm && chance(rule.loss)) {
            ++lost_;
            return;
        }
        const int copies = may_harm && chance(rule.duplicate) ? 2 : 1;
        doubled_ += copies == 2 ? 1U : 0U;
        for (int i = 0; i < copies; ++i) {
            frame.to = to;
            frame.due = 0;
            if (may_harm && chance(rule.reorder)) {
                const double ms = std::uniform_real_distribution<>{0, rule.delay_ms}(random_);
                frame.due = now_ns() + static_cast<std::int64_t>(ms * millisecond);
                ++delayed_;
            }
            frame.order = order_++;
            waiting_.push(frame);
        }
    }

    void deliver() {
        const std::int64_t now = now_ns();
        while (!waiting_.empty() && waiting_.top().due <= now) {
            Frame frame = waiting_.top();
            waiting_.pop();
            std::array<iovec, 2> parts{iovec{&frame.note, sizeof frame.note},
                                       iovec{frame.bytes.data(), frame.bytes.size()}};
            // A port that is down loses frames, as a switch would.
            passed_ += writev(ports_[frame.to], parts.data(), 2) > 0 ? 1U : 0U;
        }
    }

    bool read_commands(std::string& commands) {
        std::array<char, 512> text{};
        const ssize_t got = read(STDIN_FILENO, text.data(), text.size());
        if (got <= 0) {
            return false;
        }
        commands.append(text.data(), static_cast<std::size_t>(got));
        for (std::size_t end = 0; (end = commands.find('\n')) != std::string::npos;) {
            obey(commands.substr(0, end));
            commands.erase(0, end + 1);
        }
        return true;
    }

    void obey(const std::string& line) {
        std::istringstream in{line};
        std::string verb;
        std::string from;
        std::string to;
        Policy wanted;
        in >> verb;
        if (verb == "counts") {
            std::printf("%llu %llu %llu %llu\n", passed_, lost_, doubled_, delayed_);
        } else if (verb == "scope" && in >> to && (to == "all" || to == "heartbeat")) {
            only_heartbeat_ = to == "heartbeat";
            std::puts("ok");
        } else if (verb == "policy" && in >> from >> to >> wanted.loss >> wanted.duplicate >>
                                           wanted.reorder >> wanted.delay_ms) {
            for (std::size_t i = 0; i < names_.size(); ++i) {
                for (std::size_t j = 0; j < names_.size(); ++j) {
                    if ((from == "*" || from == names_[i]) && (to == "*" || to == names_[j])) {
                        policy(i, j) = wanted;
                    }
                }
            }
            std::puts("ok");
        } else {
            std::printf("relay: cannot understand '%s'\n", line.c_str());
        }
        std::fflush(stdout);
    }

    std::vector<std::string> names_;
    std::vector<int> ports_;
    std::vector<Policy> policies_;
    std::priority_queue<Frame, std::vector<Frame>, Later> waiting_;
    std::mt19937_64 random_;
    bool only_heartbeat_ = false;
    unsigned long long order_ = 0;
    unsigned long long passed_ = 0;
    unsigned long long lost_ = 0;
    unsigned long long doubled_ = 0;
    unsigned long long delayed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::fprintf(stderr, "usage: relay SEED INTERFACE INTERFACE...\n");
        return 2;
    }
    Relay{std::strtoull(argv[1], nullptr, 10), {argv + 2, argv + argc}}.run();
}
