// prober: asks a service address every millisecond; tells gaps and owners as lines of JSON
// usage: prober ADDRESS [INTERVAL_US [ARP_INTERFACE]]; ends at end of file on standard input
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

namespace {

constexpr std::uint16_t echo_port = 7007;
constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t arp_interval = 10'000'000;  // ownership is known this precisely
constexpr std::int64_t late = 5'000'000;  // a slower answer waited in a queue: the service was away
constexpr std::int64_t short_gap = 2'500'000;  // one lost question is no news
using Mac = std::array<std::uint8_t, 6>;
// Asks in nobody's name, so that no cache learns from the answers and the kernel does not see them.
constexpr Mac nobody{0x02, 0xfe, 0, 0, 0, 0x77};

std::int64_t now_ns(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return t.tv_sec * second + t.tv_nsec;
}

// Events carry wall-clock seconds, comparable with time.time() of a test.
double wall(std::int64_t monotonic) {
    static const std::int64_t offset = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
    return static_cast<double>(monotonic + offset) / 1e9;
}

double milliseconds(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "prober: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

struct Question {
    std::uint64_t number;
};
struct Answer {
    std::uint64_t number;
    std::array<char, 16> host;
};
static_assert(sizeof(Answer) == 24);

class Service {
public:
    explicit Service(in_addr address) : fd_{socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)} {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(echo_port);
        to.sin_addr = address;
        if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
            give_up("cannot open a socket to the service address");
        }
    }
    [[nodiscard]] int fd() const { return fd_; }

    void ask(std::int64_t now) {
        const Question question{next_};
        sent_at_.at(next_ % sent_at_.size()) = now;
        ++next_;
        // An error is the peer's ICMP answer to an earlier question: a gap shows it.
        if (send(fd_, &question, sizeof question, MSG_DONTWAIT) < 0) {
            ++refused_;
        }
    }

    // overslept: for how long this process, not the service, kept the answers waiting
    void hear(std::int64_t now, std::int64_t overslept) {
        Answer answer{};
        while (true) {
            const ssize_t got = recv(fd_, &answer, sizeof answer, 0);
            if (got < 0 && errno != EAGAIN) {
                continue;  // a pending ICMP error, reported once
            }
            if (got != sizeof answer || answer.number >= next_) {
                return;
            }
            take(answer, now, overslept);
        }
    }

    void finish(std::int64_t now) {
        if (answered_ > 0 && now - last_heard_ > short_gap && next_ - last_number_ > 2) {
            report_gap(now, "");
        }
        std::printf("{\"event\":\"end\",\"at\":%.6f,\"asked\":%" PRIu64 ",\"answered\":%" PRIu64
                    ",\"refused\":%" PRIu64 ",\"gaps\":%" PRIu64 "}\n",
                    wall(now), next_, answered_, refused_, gaps_);
    }

private:
    void take(const Answer& answer, std::int64_t now, std::int64_t overslept) {
        const std::string host{answer.host.data(), strnlen(answer.host.data(), 15)};
        const bool slow = next_ - answer.number < sent_at_.size() &&
                          now - overslept - sent_at_.at(answer.number % sent_at_.size()) > late;
        const bool lost = answered_ > 0 && answer.number > last_number_ + 1;
        if (answered_ > 0 && (lost || slow) && now - last_heard_ > short_gap) {
            report_gap(now, host.c_str());
        }
        if (host != host_) {
            std::printf("{\"event\":\"owner\",\"at\":%.6f,\"host\":\"%s\"}\n", wall(now),
                        host.c_str());
            std::fflush(stdout);
            host_ = host;
        }
        ++answered_;
        last_heard_ = now;
        last_number_ = answer.number;
    }

    void report_gap(std::int64_t now, const char* after) {
        ++gaps_;
        std::printf("{\"event\":\"gap\",\"at\":%.6f,\"ms\":%.3f,\"before\":\"%s\","
                    "\"after\":\"%s\"}\n",
                    wall(last_heard_), milliseconds(now - last_heard_), host_.c_str(), after);
        std::fflush(stdout);
    }

    int fd_;
    std::uint64_t next_ = 0;
    std::uint64_t answered_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t gaps_ = 0;
    std::uint64_t last_number_ = 0;
    std::int64_t last_heard_ = 0;
    std::string host_;
    std::array<std::int64_t, 4096> sent_at_{};
};

// Asks "who has the service address?" and notes when two hardware addresses answer one question.
class Owners {
public:
    Owners(in_addr address, const char* interface)
        : fd_{socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ARP))}, address_{address} {
        link_.sll_family = AF_PACKET;
        link_.sll_protocol = htons(ETH_P_ARP);
        link_.sll_ifindex = static_cast<int>(if_nametoindex(interface));
        packet_mreq all{};
        all.mr_ifindex = link_.sll_ifindex;
        all.mr_type = PACKET_MR_PROMISC;  // answers go to `nobody`
        if (fd_ < 0 || bind(fd_, reinterpret_cast<sockaddr*>(&link_), sizeof link_) != 0 ||
            setsockopt(fd_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0) {
            give_up("cannot open a packet socket");
        }
    }
    [[nodiscard]] int fd() const { return fd_; }

    void ask() {
        first_seen_ = false;
        told_ = false;
        Packet p{};
        p.ethernet.ether_type = htons(ETH_P_ARP);
        std::memset(p.ethernet.ether_dhost, 0xff, 6);
        std::memcpy(p.ethernet.ether_shost, nobody.data(), 6);
        p.header.ar_hrd = htons(ARPHRD_ETHER);
        p.header.ar_pro = htons(ETH_P_IP);
        p.header.ar_hln = 6;
        p.header.ar_pln = 4;
        p.header.ar_op = htons(ARPOP_REQUEST);
        p.sender = nobody;
        p.target_address = address_.s_addr;
        send(fd_, &p, sizeof p, MSG_DONTWAIT);
    }

    void hear(std::int64_t now) {
        std::array<std::uint8_t, 128> frame{};
        for (ssize_t got = 0; (got = recv(fd_, frame.data(), frame.size(), 0)) > 0;) {
            Packet p{};
            if (got < static_cast<ssize_t>(sizeof p)) {
                continue;
            }
            std::memcpy(&p, frame.data(), sizeof p);
            if (ntohs(p.header.ar_op) == ARPOP_REPLY && p.sender_address == address_.s_addr &&
                std::memcmp(p.ethernet.ether_dhost, nobody.data(), 6) == 0) {
                take(p.sender, now);
            }
        }
    }

private:
    struct [[gnu::packed]] Packet {
        ether_header ethernet;
        arphdr header;
        Mac sender;
        std::uint32_t sender_address;
        Mac target;
        std::uint32_t target_address;
    };
    static_assert(sizeof(Packet) == 42);

    static std::string text(const Mac& mac) {
        std::array<char, 18> out{};
        std::snprintf(out.data(), out.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
                      mac[2], mac[3], mac[4], mac[5]);
        return out.data();
    }

    void take(const Mac& mac, std::int64_t now) {
        if (first_seen_ && mac != first_ && !told_) {
            std::printf("{\"event\":\"two owners\",\"at\":%.6f,\"macs\":[\"%s\",\"%s\"]}\n",
                        wall(now), text(first_).c_str(), text(mac).c_str());
            std::fflush(stdout);
            told_ = true;
        }
        if (mac != last_) {
            std::printf("{\"event\":\"mac\",\"at\":%.6f,\"mac\":\"%s\"}\n", wall(now),
                        text(mac).c_str());
            std::fflush(stdout);
        }
        first_seen_ = true;
        first_ = mac;
        last_ = mac;
    }

    int fd_;
    in_addr address_;
    sockaddr_ll link_{};
    bool first_seen_ = false;
    bool told_ = false;
    Mac first_{};
    Mac last_{};
};

void become_punctual() {
    sched_param wanted{};
    wanted.sched_priority = 20;
    // Where this is refused the figures are a little less sharp, no more.
    sched_setscheduler(0, SCHED_RR, &wanted);
    mlockall(MCL_CURRENT | MCL_FUTURE);
}

}  // namespace

int main(int argc, char** argv) {
    in_addr address{};
    if (argc < 2 || inet_pton(AF_INET, argv[1], &address) != 1) {
        std::fprintf(stderr, "usage: prober IPV4-ADDRESS [INTERVAL_US [ARP_INTERFACE]]\n");
        return 2;
    }
    const std::int64_t interval = 1000 * (argc > 2 ? std::strtoll(argv[2], nullptr, 10) : 1000);
    Service service{address};
    Owners owners{address, argc > 3 ? argv[3] : "eth0"};
    become_punctual();
    const std::int64_t start = now_ns(CLOCK_MONOTONIC);
    std::printf("{\"event\":\"start\",\"at\":%.6f}\n", wall(start));
    std::fflush(stdout);
    std::int64_t ask_at = start;
    std::int64_t arp_at = start;
    for (;;) {
        std::int64_t now = now_ns(CLOCK_MONOTONIC);
        if (now >= ask_at) {
            service.ask(now);
            // Missed turns are skipped: a burst would hide that nobody asked.
            ask_at += interval * ((now - ask_at) / interval + 1);
        }
        if (now >= arp_at) {
            owners.ask();
            arp_at = now + arp_interval;
        }
        const std::int64_t wait = std::max<std::int64_t>(0, ask_at - now);
        const timespec pause{wait / second, wait % second};
        std::array<pollfd, 3> watched{pollfd{service.fd(), POLLIN, 0},
                                      pollfd{owners.fd(), POLLIN, 0},
                                      pollfd{STDIN_FILENO, POLLIN, 0}};
        ppoll(watched.data(), watched.size(), &pause, nullptr);
        now = now_ns(CLOCK_MONOTONIC);
        service.hear(now, std::max<std::int64_t>(0, now - ask_at));
        owners.hear(now);
        std::array<char, 64> ignored{};
        if (watched[2].revents != 0 && read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0) {
            service.finish(now);
            return 0;
        }
    }
}
