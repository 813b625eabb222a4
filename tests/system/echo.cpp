// echo: first process of a lab host; reaps orphans and answers UDP port 7007 with the host's name
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

constexpr std::uint16_t echo_port = 7007;  // the prober's default, outside what heartbeat uses
constexpr int echo_priority = 10;  // above the daemon's: a busy node must not look like a dead one

int open_socket() {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(echo_port);
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0 ||
        bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
        std::perror("echo: cannot open UDP port 7007");
        _exit(1);
    }
    return fd;
}

// Answers from the address that was asked: the control message of the question goes back as it is.
void answer_all(int fd, const std::array<char, 16>& name) {
    std::array<char, 64> data{};
    alignas(cmsghdr) std::array<char, 64> control{};
    sockaddr_in from{};
    for (;;) {
        iovec part{data.data(), 8};
        msghdr question{};
        question.msg_name = &from;
        question.msg_namelen = sizeof from;
        question.msg_iov = &part;
        question.msg_iovlen = 1;
        question.msg_control = control.data();
        question.msg_controllen = control.size();
        if (recvmsg(fd, &question, 0) != 8) {
            return;
        }
        in_pktinfo where{};
        for (cmsghdr* c = CMSG_FIRSTHDR(&question); c != nullptr; c = CMSG_NXTHDR(&question, c)) {
            if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                std::memcpy(&where, CMSG_DATA(c), sizeof where);
            }
        }
        in_pktinfo source{};
        source.ipi_spec_dst = where.ipi_addr;
        std::memcpy(data.data() + 8, name.data(), name.size());
        part.iov_len = 8 + name.size();
        question.msg_controllen = CMSG_SPACE(sizeof source);
        cmsghdr* c = CMSG_FIRSTHDR(&question);
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof source);
        std::memcpy(CMSG_DATA(c), &source, sizeof source);
        sendmsg(fd, &question, MSG_DONTWAIT);
    }
}

}  // namespace

int main() {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, nullptr);
    const int reaper = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    sched_param wanted{};
    wanted.sched_priority = echo_priority;
    sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &wanted);
    const int service = open_socket();
    std::array<char, 16> name{};
    gethostname(name.data(), name.size() - 1);
    std::puts("up");
    std::fflush(stdout);
    std::array<pollfd, 2> watched{pollfd{service, POLLIN, 0}, pollfd{reaper, POLLIN, 0}};
    for (;;) {
        poll(watched.data(), watched.size(), -1);
        answer_all(service, name);
        signalfd_siginfo ignored;
        while (read(reaper, &ignored, sizeof ignored) > 0) {
        }
        while (waitpid(-1, nullptr, WNOHANG) > 0) {
        }
    }
}
