// A load of SMTP clients: N sessions at a time, M messages, one message per connection, each step
// sent only after the reply to the last (EHLO, MAIL, RCPT, DATA, body, QUIT), as most servers'
// clients talk. Every Message-ID is unique, and every recipient unless --names says otherwise. One
// thread, epoll.
//
// With --refused every recipient must be answered 5xx, and QUIT follows the last of them: "accepted" and
// "rate" then count refused recipients.
//
// With --watch DIR it also counts the files that appear in DIR (renamed or linked in) and ends
// only when all have: "seconds" then runs from the first connect to the last file. Prints one JSON
// object; latencies are in microseconds: "whole" is connect → reply to QUIT, "commit" is the final
// dot → its 250. Exit status 1 when a message was not accepted or a file did not appear.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
    std::string address = "127.0.0.1";
    int port = 2525;
    unsigned sessions = 1, messages = 100, recipients = 1;
    unsigned names = 0;       // recipients' local parts to go round in; 0: every one is new
    std::size_t size = 4096;  // octets of the whole message, CRLF counted
    std::string domain = "example.com", tag = "load", watch;
    bool refused = false;
    bool spread = false;  // every connection from its own address of 127.0.0.0/8
    double deadline = 60;
};

Options parse(int argc, char** argv) {
    Options o;
    for (int i = 1; i < argc; ++i) {
        std::string_view name = argv[i];
        if (name == "--spread") { o.spread = true; continue; }
        if (name == "--refused") { o.refused = true; continue; }
        if (i + 1 == argc) throw std::runtime_error("no value for " + std::string(name));
        const char* value = argv[++i];
        if (name == "--address") o.address = value;
        else if (name == "--port") o.port = std::atoi(value);
        else if (name == "--sessions") o.sessions = static_cast<unsigned>(std::atoi(value));
        else if (name == "--messages") o.messages = static_cast<unsigned>(std::atoi(value));
        else if (name == "--recipients") o.recipients = static_cast<unsigned>(std::atoi(value));
        else if (name == "--names") o.names = static_cast<unsigned>(std::atoi(value));
        else if (name == "--size") o.size = static_cast<std::size_t>(std::atoll(value));
        else if (name == "--domain") o.domain = value;
        else if (name == "--tag") o.tag = value;
        else if (name == "--watch") o.watch = value;
        else if (name == "--deadline") o.deadline = std::atof(value);
        else throw std::runtime_error("unknown option " + std::string(name));
    }
    if (o.size < 512) throw std::runtime_error("--size is at least 512");
    return o;
}

enum class Step { greeting, ehlo, mail, rcpt, data, accepted, quit };

struct Session {
    int fd = -1;
    Step step{};
    unsigned message = 0, recipient = 0;
    std::string in, out;  // out: what the socket did not take yet
    bool writing = false; // EPOLLOUT is asked for
    Clock::time_point began, dot;
};

class Load {
  public:
    explicit Load(const Options& options) : o_(options), sessions_(options.sessions) {
        // Letters only, 74 a line: no line begins with a dot, all of them end in CRLF.
        for (unsigned n = 0; body_.size() < o_.size; ++n) {
            for (unsigned i = 0; i < 74; ++i) {
                body_ += static_cast<char>('a' + (n * 7 + i * 11 + n * i) % 26);
            }
            body_ += "\r\n";
        }
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        if (!o_.watch.empty()) watch();
    }

    int run() {
        began_ = Clock::now();
        auto until = began_ + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(o_.deadline));
        for (auto& s : sessions_) start(s);
        epoll_event events[128];
        while (!finished() && Clock::now() < until) {
            int n = epoll_wait(epoll_, events, 128, 100);
            for (int i = 0; i < n; ++i) {
                if (!events[i].data.ptr) read_watch();
                else handle(*static_cast<Session*>(events[i].data.ptr), events[i].events);
            }
        }
        return report();
    }

  private:
    bool finished() const {
        return open_ == 0 && (watch_ < 0 || arrived_ >= accepted_ * o_.recipients);
    }

    void watch() {
        watch_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (inotify_add_watch(watch_, o_.watch.c_str(), IN_MOVED_TO | IN_CREATE) < 0) {
            throw std::runtime_error("cannot watch " + o_.watch + ": " + std::strerror(errno));
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = nullptr;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, watch_, &event);
    }

    void read_watch() {
        alignas(inotify_event) char buffer[65536];
        for (ssize_t n; (n = read(watch_, buffer, sizeof buffer)) > 0;) {
            for (char* p = buffer; p < buffer + n;) {
                auto* event = reinterpret_cast<inotify_event*>(p);
                if (event->mask & IN_Q_OVERFLOW) overflow_ = true;
                else ++arrived_;
                p += sizeof(inotify_event) + event->len;
            }
            last_ = Clock::now();
        }
    }

    void start(Session& s) {
        if (next_ == o_.messages || errors_ >= 100) return;  // a server that only fails
        s = Session{};
        s.message = next_++;
        s.began = Clock::now();
        s.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1;
        setsockopt(s.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        if (o_.spread) {  // 127.1.0.0 upwards, one address per connection
            to.sin_addr.s_addr = htonl(0x7f010000u + s.message);
            setsockopt(s.fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
            bind(s.fd, reinterpret_cast<sockaddr*>(&to), sizeof to);
        }
        to.sin_port = htons(static_cast<std::uint16_t>(o_.port));
        inet_pton(AF_INET, o_.address.c_str(), &to.sin_addr);
        ++open_;
        if (connect(s.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0 && errno != EINPROGRESS) {
            return fail(s, std::string("connect: ") + std::strerror(errno));
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &s;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, s.fd, &event);
    }

    void end(Session& s) {
        close(s.fd);
        s.fd = -1;
        --open_;
        start(s);
    }

    void fail(Session& s, const std::string& why) {
        ++errors_;
        if (first_error_.empty()) first_error_ = why;
        end(s);
    }

    void handle(Session& s, std::uint32_t events) {
        if (s.fd < 0) return;
        if ((events & EPOLLOUT) && !flush(s)) return;
        if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
        char buffer[4096];
        ssize_t n = recv(s.fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return fail(s, n < 0 ? std::strerror(errno) : "closed by the server");
        s.in.append(buffer, static_cast<std::size_t>(n));
        for (std::size_t eol; s.fd >= 0 && (eol = s.in.find("\r\n")) != std::string::npos;) {
            std::string line = s.in.substr(0, eol);
            s.in.erase(0, eol + 2);
            if (line.size() > 3 && line[3] == '-') continue;
            unsigned message = s.message;
            reply(s, line);
            if (s.message != message) return;  // the slot carries the next connection now
        }
    }

    void reply(Session& s, const std::string& line) {
        const bool refusal = o_.refused && s.step == Step::rcpt;
        char wanted = refusal ? '5' : s.step == Step::data ? '3' : '2';
        if (line.empty() || line[0] != wanted) return fail(s, line);
        switch (s.step) {
            case Step::greeting: return say(s, Step::ehlo, "EHLO client.example\r\n");
            case Step::ehlo:
                return say(s, Step::mail, "MAIL FROM:<sender@client.example>\r\n");
            case Step::mail:
            case Step::rcpt:
                if (refusal) {
                    ++accepted_;
                    last_accepted_ = Clock::now();
                }
                if (s.recipient == o_.recipients)
                    return o_.refused ? say(s, Step::quit, "QUIT\r\n") : say(s, Step::data, "DATA\r\n");
                return say(s, Step::rcpt, "RCPT TO:<" + recipient(s, s.recipient++) + ">\r\n");
            case Step::data: return send_message(s);
            case Step::accepted:
                ++accepted_;
                last_accepted_ = Clock::now();
                commit_.push_back(since(s.dot));
                return say(s, Step::quit, "QUIT\r\n");
            case Step::quit: whole_.push_back(since(s.began)); return end(s);
        }
    }

    std::string recipient(const Session& s, unsigned n) const {
        if (o_.names) return "name" + std::to_string((s.message + n) % o_.names) + "@" + o_.domain;
        return "u" + std::to_string(s.message) + "-" + std::to_string(n) + "-" + o_.tag + "@" +
               o_.domain;
    }

    void send_message(Session& s) {
        std::string id = std::to_string(s.message) + "." + o_.tag;
        std::string head = "From: Sender <sender@client.example>\r\nTo: <" + recipient(s, 0) +
                           ">\r\nSubject: message " + id +
                           "\r\nDate: Mon, 02 Jun 2025 10:00:00 +0000\r\nMessage-ID: <" + id +
                           "@client.example>\r\n\r\n";
        // The body's end is shared by all: cut at its front so that the whole has the size asked.
        std::string_view rest(body_);
        rest.remove_prefix(rest.size() - (o_.size - head.size()));
        s.step = Step::accepted;
        s.dot = Clock::now();
        s.out = std::move(head);
        s.out += rest;
        s.out += ".\r\n";
        flush(s);
    }

    void say(Session& s, Step step, std::string text) {
        s.step = step;
        s.out += text;
        flush(s);
    }

    // False when the connection failed.
    bool flush(Session& s) {
        ssize_t n = s.out.empty() ? 0 : send(s.fd, s.out.data(), s.out.size(), MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            fail(s, std::strerror(errno));
            return false;
        }
        if (n > 0) s.out.erase(0, static_cast<std::size_t>(n));
        if (s.writing == s.out.empty()) {
            s.writing = !s.out.empty();
            epoll_event event{};
            event.events = EPOLLIN | (s.writing ? EPOLLOUT : 0u);
            event.data.ptr = &s;
            epoll_ctl(epoll_, EPOLL_CTL_MOD, s.fd, &event);
        }
        return true;
    }

    static double since(Clock::time_point then) {
        return std::chrono::duration<double, std::micro>(Clock::now() - then).count();
    }

    static double percentile(std::vector<double>& values, double p) {
        if (values.empty()) return 0;
        std::sort(values.begin(), values.end());
        return values[std::min(values.size() - 1,
                               static_cast<std::size_t>(p * static_cast<double>(values.size())))];
    }

    int report() {
        auto seconds = [this](Clock::time_point end) {
            return std::max(1e-9, std::chrono::duration<double>(end - began_).count());
        };
        const unsigned due = o_.messages * (o_.refused ? o_.recipients : 1);
        bool whole = finished() && !overflow_ && accepted_ == due && errors_ == 0;
        double took = seconds(watch_ < 0 ? last_accepted_ : std::max(last_, last_accepted_));
        std::printf(
            "{\"messages\":%u,\"accepted\":%u,\"files\":%u,\"errors\":%u,\"complete\":%s,"
            "\"seconds\":%.6f,\"seconds_accepted\":%.6f,\"rate\":%.1f,\"whole_p50\":%.0f,"
            "\"whole_p99\":%.0f,\"commit_p50\":%.0f,\"commit_p99\":%.0f}\n",
            o_.messages, accepted_, arrived_, errors_, whole ? "true" : "false", took,
            seconds(last_accepted_), accepted_ / took, percentile(whole_, 0.50),
            percentile(whole_, 0.99), percentile(commit_, 0.50), percentile(commit_, 0.99));
        if (open_ > 0) std::fprintf(stderr, "smtp_load: %u sessions without an answer\n", open_);
        if (!first_error_.empty()) {
            std::fprintf(stderr, "smtp_load: first error: %s\n", first_error_.c_str());
        }
        return whole ? 0 : 1;
    }

    Options o_;
    std::string body_, first_error_;
    int epoll_ = -1, watch_ = -1;
    std::deque<Session> sessions_;
    unsigned next_ = 0, open_ = 0, accepted_ = 0, arrived_ = 0, errors_ = 0;
    bool overflow_ = false;
    std::vector<double> whole_, commit_;
    Clock::time_point began_, last_, last_accepted_;
};

}  // namespace

int main(int argc, char** argv) {
    try {
        return Load(parse(argc, argv)).run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "smtp_load: %s\n", error.what());
        return 2;
    }
}
