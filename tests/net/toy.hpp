// A line protocol that does each thing drive() can be asked for, and a server of it on a thread.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/drive.hpp"
#include "net/listen.hpp"
#include "net/tls.hpp"

namespace toy {

using namespace mailhandler;

struct Question {
    wire::Place where = wire::Place::network;
    std::string text;
};
inline wire::Place place(const Question& question) { return question.where; }
struct Answer {
    std::string text;
};
using Action = wire::Action<Question>;

// A body made of numbered lines, optionally one that breaks at an offset.
class Numbers final : public wire::Body {
  public:
    explicit Numbers(std::uint64_t size, std::uint64_t breaks_at = UINT64_MAX)
        : size_(size), breaks_at_(breaks_at) {}
    std::uint64_t size() const override { return size_; }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
        if (offset >= breaks_at_) return fail("numbers", "planted failure");
        size = std::min<std::uint64_t>({size, size_ - offset, breaks_at_ - offset});
        for (std::size_t i = 0; i < size; ++i) into[i] = octet(offset + i);
        return size;
    }
    // Lines of 64 octets, each beginning with a dot.
    static char octet(std::uint64_t at) {
        switch (at % 64) {
            case 0: return '.';
            case 62: return '\r';
            case 63: return '\n';
            default: return static_cast<char>('a' + at / 64 % 26);
        }
    }

  private:
    std::uint64_t size_, breaks_at_;
};

struct Times {
    std::chrono::milliseconds idle{20000};
};

// HELLO; then ECHO, BODY n, DOTS n, BROKEN n, ASK, WORK, LOGIN, IDLE, STARTTLS, DEFLATE, THROW, QUIT.
class Session {
  public:
    explicit Session(Times times, bool tls_first = false) : times_(times), secure_(tls_first) {
        say(tls_first ? "HELLO secure" : "HELLO");
    }
    void receive(std::string_view octets) {
        buffer_ += octets;
        deadline_ = {};
    }
    void eof() {
        ended_ = true;
        todo_.clear();
    }
    void answer(Answer answer) { say("ANSWER " + answer.text); }
    void secured(const wire::TlsInfo& info) {
        secure_ = true;
        say("SECURE " + info.protocol);
    }
    void wake() {
        idling_ = false;
        say("WOKEN");
    }
    void drain() {
        say("DRAIN");
        todo_.push_back(wire::Close{});
    }
    Action next(Instant now) {
        for (;;) {
            if (!todo_.empty()) {
                Action action = std::move(todo_.front());
                todo_.pop_front();
                return action;
            }
            if (ended_) return wire::Close{};
            const std::size_t end = buffer_.find("\r\n");
            if (end == std::string::npos) break;
            const std::string line = buffer_.substr(0, end);
            buffer_.erase(0, end + 2);
            obey(line);
        }
        if (deadline_ == Instant{}) deadline_ = now + times_.idle;
        if (now >= deadline_) {
            say("TIMEOUT");
            todo_.push_back(wire::Close{});
            return next(now);
        }
        return wire::Read{deadline_, idling_};
    }

  private:
    void say(const std::string& text) { todo_.push_back(wire::Send{text + "\r\n"}); }
    void ask(wire::Place where, const std::string& text) {
        todo_.push_back(wire::Ask<Question>{Question{where, text}});
    }
    void obey(const std::string& line) {
        const std::string verb = line.substr(0, line.find(' '));
        const std::string rest = line.size() > verb.size() ? line.substr(verb.size() + 1) : "";
        if (verb == "ECHO") return say(rest);
        if (verb == "BODY" || verb == "DOTS" || verb == "BROKEN") return body(verb, std::stoull(rest));
        if (verb == "ASK") return ask(wire::Place::network, rest);
        if (verb == "WORK") return ask(wire::Place::disk, rest);
        if (verb == "LOGIN") return ask(wire::Place::password, rest);
        if (verb == "THROW") throw std::runtime_error("planted bug");
        if (verb == "IDLE") {
            idling_ = true;
            return say("IDLING");
        }
        if (verb == "STARTTLS") {
            say("GO");
            buffer_.clear();
            todo_.push_back(wire::StartTls{});
            return;
        }
        if (verb == "DEFLATE") {
            say("GO");
            todo_.push_back(wire::StartDeflate{});
            return;
        }
        if (verb == "QUIT") {
            say("BYE");
            todo_.push_back(wire::Close{});
            return;
        }
        say("WHAT");
    }
    void body(const std::string& verb, std::uint64_t size) {
        auto body = std::make_shared<Numbers>(size, verb == "BROKEN" ? size / 2 : UINT64_MAX);
        todo_.push_back(wire::SendBody{body, 0, size, verb == "DOTS"});
    }

    Times times_;
    bool secure_;
    bool ended_ = false;
    bool idling_ = false;
    Instant deadline_{};
    std::string buffer_;
    std::deque<Action> todo_;
};

// What the owners saw, for the test's thread.
struct Diary {
    std::atomic<int> asked{0};
    std::atomic<int> worked{0};
    std::atomic<int> owners{0};
    std::atomic<bool> wrong_thread{false};
    std::mutex gate;  // WORK waits for it
};

class Owner {
  public:
    explicit Owner(Diary& diary) : diary_(diary) { ++diary_.owners; }
    ~Owner() { --diary_.owners; }
    Owner(const Owner&) = delete;
    Answer answer(Question&& question) {
        const bool here = std::this_thread::get_id() == home_;
        if (here != (question.where == wire::Place::network)) diary_.wrong_thread = true;
        ++diary_.asked;
        if (question.text == "throw") throw std::runtime_error("planted bug in an answer");
        if (question.where == wire::Place::disk) {
            const std::lock_guard wait(diary_.gate);
            ++diary_.worked;
        }
        return Answer{question.text};
    }

  private:
    Diary& diary_;
    std::thread::id home_ = std::this_thread::get_id();
};

// The service, its loop and its thread. Talk is collected.
class Server final : public net::Service {
  public:
    struct Options {
        Times times;
        std::size_t limit = 20000;
        bool tls_first = false;
        net::TlsRole* tls = nullptr;
        std::chrono::seconds stalled{300};
        std::chrono::seconds handshake{60};
    };

    explicit Server(Options options) : options_(options), connections_(options.limit) {
        means_.tls = options.tls;
        means_.stalled = options.stalled;
        means_.handshake = options.handshake;
        means_.farewell = std::chrono::seconds(1);
        listener_ = net::Listener::open(loop_, "127.0.0.1:0", *this, connections_, log_).value();
        thread_ = std::thread([this] { loop_.run(); });
    }
    Server() : Server(Options{}) {}
    ~Server() override {
        loop_.stop();
        thread_.join();
    }

    net::Task<> serve(net::Stream stream) override {
        if (options_.tls_first) {
            const Instant deadline = clock_.now() + std::chrono::seconds(5);
            Result<wire::TlsInfo> info = co_await stream.handshake(*options_.tls, deadline);
            if (!info) co_return;
        }
        Owner owner(*diary_);
        Session session(options_.times, options_.tls_first);
        {
            const std::lock_guard lock(mutex_);
            handles_.push_back(stream.handle());
        }
        const Result<> end = co_await net::drive(stream, session, owner, means_);
        if (!end) note("end: " + end.error().text());
    }
    std::string refusal() const override { return "FULL\r\n"; }
    std::string name() const override { return "toy"; }

    std::uint16_t port() const { return listener_->port(); }
    net::Handle last_handle() {
        const std::lock_guard lock(mutex_);
        return handles_.back();
    }
    std::string talk() {
        const std::lock_guard lock(mutex_);
        return talk_;
    }
    Diary& diary() { return *diary_; }
    std::shared_ptr<Diary> diary_pointer() { return diary_; }
    net::Loop& loop() { return loop_; }
    net::Connections& connections() { return connections_; }

  private:
    void note(std::string_view text) {
        const std::lock_guard lock(mutex_);
        talk_ += std::string(text) + "\n";
    }

    Options options_;
    std::mutex mutex_;
    std::string talk_;
    std::vector<net::Handle> handles_;
    std::shared_ptr<Diary> diary_ = std::make_shared<Diary>();
    Log log_{[this](Severity, std::string_view text) { note(text); }};
    SystemClock clock_;
    net::Connections connections_;
    net::Loop loop_;
    net::Pool disk_{"disk", 2};
    net::Pool password_{"password", 1};
    net::Means means_{loop_, clock_, disk_, password_, log_};
    std::unique_ptr<net::Listener> listener_;
    std::thread thread_;
};

}  // namespace toy
