// A client for tests: a blocking socket, so that a test reads as a conversation.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

// Waits until `condition` holds, at most ten seconds.
template <class Condition>
bool soon(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

class Caller {
  public:
    explicit Caller(std::uint16_t port, int receive_buffer = 0) {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (receive_buffer)
            ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (fd_ < 0 || ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
            throw std::runtime_error("cannot connect");
    }
    ~Caller() { hang_up(); }
    Caller(Caller&& other) noexcept : fd_(other.fd_), buffer_(std::move(other.buffer_)) {
        other.fd_ = -1;
    }

    void say(std::string_view octets) {
        while (!octets.empty()) {
            const ssize_t n = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
            if (n <= 0) throw std::runtime_error("cannot send");
            octets.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    // The next line without its end; "<end>", "<reset>" or "<silence>" where none comes.
    std::string line(int patience_ms = 10000) {
        for (;;) {
            const std::size_t end = buffer_.find("\r\n");
            if (end != std::string::npos) {
                std::string line = buffer_.substr(0, end);
                buffer_.erase(0, end + 2);
                return line;
            }
            const std::string why = more(patience_ms);
            if (!why.empty()) return why;
        }
    }
    // The next octets, whatever they are; none when the line has ended.
    std::string some(int patience_ms = 10000) {
        if (buffer_.empty()) more(patience_ms);
        return std::exchange(buffer_, {});
    }
    // Reads until the line ends; the octets go to `each`. Returns "<end>" and so on.
    template <class Each>
    std::string all(Each each, int patience_ms = 10000) {
        for (;;) {
            if (!buffer_.empty()) each(buffer_);
            buffer_.clear();
            const std::string why = more(patience_ms);
            if (!why.empty()) return why;
        }
    }
    void half_close() { ::shutdown(fd_, SHUT_WR); }
    void hang_up() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    int fd() const { return fd_; }

  private:
    std::string more(int patience_ms) {
        pollfd wait{fd_, POLLIN, 0};
        if (::poll(&wait, 1, patience_ms) <= 0) return "<silence>";
        char octets[65536];
        const ssize_t n = ::recv(fd_, octets, sizeof octets, 0);
        if (n == 0) return "<end>";
        if (n < 0) return errno == ECONNRESET ? "<reset>" : "<error>";
        buffer_.append(octets, static_cast<std::size_t>(n));
        return "";
    }

    int fd_ = -1;
    std::string buffer_;
};
