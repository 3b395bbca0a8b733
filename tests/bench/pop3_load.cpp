// A POP3 client that measures: login and STAT, or the download of a whole maildrop.
//
//     pop3_load --port P --login L --password S stat COUNT      COUNT times connect … QUIT
//     pop3_load --port P --login L --password S retr WINDOW     all messages, WINDOW RETRs in flight
//
// Prints one JSON object. stat: "whole_p50" and "whole_p99" in microseconds, from connect to the
// answer to STAT, and "messages". retr: "seconds" from the first RETR to the last octet, "messages",
// "octets". Exit status 1 when the server says -ERR. It looks for the ends of messages and for nothing
// else, so that it is not the bottleneck.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

class Line {
  public:
    explicit Line(int port) : buffer_(1 << 20) {
        fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int on = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<std::uint16_t>(port));
        inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
        if (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
            throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
    }
    Line(const Line&) = delete;
    ~Line() { close(fd_); }

    void say(std::string_view text) {
        while (!text.empty()) {
            const ssize_t n = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) throw std::runtime_error("the server has gone");
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    // One line without its CRLF.
    std::string hear() {
        for (std::size_t from = 0;;) {
            const std::size_t end = text().find('\n', from);
            if (end != std::string_view::npos) {
                std::string line(text().substr(0, end));
                begin_ += end + 1;
                if (!line.empty() && line.back() == '\r') line.pop_back();
                return line;
            }
            from = text().size();
            more();
        }
    }
    std::string ok() {
        std::string line = hear();
        if (!line.starts_with("+OK")) throw std::runtime_error(line);
        return line;
    }
    std::string ask(const std::string& command) {
        say(command + "\r\n");
        return ok();
    }
    // What follows +OK up to the line of one dot; its octets.
    std::size_t body() {
        constexpr std::string_view end = "\r\n.\r\n";
        if (text().size() < 3) more();
        std::size_t octets = 0;
        for (std::size_t from = 0;;) {
            const std::size_t at = text().find(end, from);
            if (at != std::string_view::npos) {
                begin_ += at + end.size();
                return octets + at + end.size();
            }
            // All but what may be the beginning of the end has been looked at.
            const std::size_t seen = text().size() - std::min(text().size(), end.size() - 1);
            octets += seen;
            begin_ += seen;
            from = 0;
            more();
        }
    }

  private:
    std::string_view text() const { return {buffer_.data() + begin_, end_ - begin_}; }
    void more() {
        if (begin_ == end_) begin_ = end_ = 0;
        if (end_ == buffer_.size()) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        const ssize_t n = recv(fd_, buffer_.data() + end_, buffer_.size() - end_, 0);
        if (n <= 0) throw std::runtime_error("the server has gone");
        end_ += static_cast<std::size_t>(n);
    }

    int fd_ = -1;
    std::vector<char> buffer_;
    std::size_t begin_ = 0, end_ = 0;
};

struct Options {
    int port = 110, number = 1;
    std::string login, password, what;
};

unsigned log_in(Line& line, const Options& o) {
    line.ok();
    line.ask("USER " + o.login);
    line.ask("PASS " + o.password);
    return static_cast<unsigned>(std::atoi(line.ask("STAT").c_str() + 4));
}

double since(Clock::time_point then) {
    return std::chrono::duration<double, std::micro>(Clock::now() - then).count();
}

void stat(const Options& o) {
    std::vector<double> times;
    unsigned messages = 0;
    for (int i = 0; i < o.number; ++i) {
        const auto began = Clock::now();
        Line line(o.port);
        messages = log_in(line, o);
        times.push_back(since(began));
        line.ask("QUIT");
    }
    std::sort(times.begin(), times.end());
    std::printf("{\"messages\":%u,\"whole_p50\":%.0f,\"whole_p99\":%.0f}\n", messages,
                times[times.size() / 2], times[times.size() * 99 / 100]);
}

void retrieve(const Options& o) {
    Line line(o.port);
    const unsigned messages = log_in(line, o);
    const auto began = Clock::now();
    std::size_t octets = 0;
    unsigned asked = 0;
    for (unsigned had = 0; had < messages; ++had) {
        std::string commands;
        while (asked < messages && asked < had + static_cast<unsigned>(o.number))
            commands += "RETR " + std::to_string(++asked) + "\r\n";
        if (!commands.empty()) line.say(commands);
        line.ok();
        octets += line.body();
    }
    const double took = since(began) / 1e6;
    line.ask("QUIT");
    std::printf("{\"messages\":%u,\"octets\":%zu,\"seconds\":%.6f,\"rate\":%.1f}\n", messages, octets,
                took, messages / took);
}

Options parse(int argc, char** argv) {
    Options o;
    int at = 1;
    for (; at + 1 < argc && std::string_view(argv[at]).starts_with("--"); at += 2) {
        const std::string_view name = argv[at];
        if (name == "--port") o.port = std::atoi(argv[at + 1]);
        else if (name == "--login") o.login = argv[at + 1];
        else if (name == "--password") o.password = argv[at + 1];
        else throw std::runtime_error("unknown option " + std::string(name));
    }
    if (at + 2 != argc) throw std::runtime_error("stat COUNT, or retr WINDOW");
    o.what = argv[at];
    o.number = std::atoi(argv[at + 1]);
    return o;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Options options = parse(argc, argv);
        options.what == "stat" ? stat(options) : retrieve(options);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pop3_load: %s\n", error.what());
        return 1;
    }
}
