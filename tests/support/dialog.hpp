// Protocol sessions tested as conversations. A dialog file holds cases:
//
//     == Title of the case
//     with: lmtp spill=16              options, for the test that builds the session
//     > greeted                        the steps of the fragment "-- greeted" of the same file
//     A: MayTo x@example.com => 550 5.1.1 Gone   what the owner answers to this question, always;
//                                      several lines: several replies in one answer
//     C: QUIT                          the client says this line
//     S: 221 Bye                       the server says this line
//     c: a\nb\x00\(100*z)              octets without a line end; s: likewise
//     Q: MayFrom a@example.com         this question was asked, after those of earlier Q: lines
//     Q! Commit                        no question beginning so was asked since
//     TLS   EOF   DRAIN   WAKE   WAIT 300   CLOSE
//
// Escapes, in C: and S: too: \r \n \\ \xHH and \(N*text). "#" begins a comment line.
//
// Each case runs step by step, whole (everything the peer says at once, as far as the next line in
// capitals), octet by octet, and cut: the peer leaves after each of its octets. It ends with EOF,
// where it does not say CLOSE, and must then close.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "wire/action.hpp"
#include "wire/dot_stream.hpp"

namespace mailhandler::test {

struct Step {
    enum Kind { input, output, question, no_question, tls, eof, drain, wake, wait, close };
    Kind kind = input;
    std::string text;
    int line = 0;
};

struct Dialog {
    std::string title, file;
    std::map<std::string, std::string> options;
    std::vector<std::pair<std::string, std::string>> answers;
    std::vector<Step> steps;

    bool has(const std::string& option) const { return options.count(option) != 0; }
    // The option's number, or `otherwise`.
    unsigned long long number(const std::string& option, unsigned long long otherwise) const;
    // Every scripted answer to the question that `description` tells: those of the longest
    // description in the file that it begins with.
    std::vector<std::string> answers_to(const std::string& description) const;
};

// Every case of a file. `we` is who the session under test plays: 'S' (what the client says is
// input) or 'C'. Throws std::runtime_error naming file and line.
std::vector<Dialog> read_dialogs(const std::string& path, char we);

// The paths of all *.dialog files of a directory, sorted.
std::vector<std::string> dialog_files(const std::string& directory);

// Octets as they may be shown.
std::string shown(const std::string& octets);

// One session with its owner. Owner: `answer(Question&&)` gives the session's answer,
// `log()` the questions told as text, `unfinished()` what was left open at the end ("" is good).
template <class Session, class Owner>
class Stage {
  public:
    Stage(Session session, Owner owner) : session_(std::move(session)), owner_(std::move(owner)) {
        now_ += std::chrono::hours(1);
        run();
    }

    void hear(std::string_view octets) {
        if (closed_ || octets.empty()) return;
        session_.receive(octets);
        run();
    }
    void eof() {
        if (closed_) return;
        tls_ = false;
        session_.eof();
        run();
        if (!closed_) complain("no Close after EOF");
    }
    void perform(const Step& step) {
        if (step.kind == Step::tls) secure();
        if (step.kind == Step::eof) eof();
        if (step.kind == Step::wait) now_ += std::chrono::seconds(std::stoi(step.text));
        if constexpr (requires(Session s) { s.drain(); }) {
            if (step.kind == Step::drain) session_.drain();
        }
        if (step.kind == Step::wake) session_.wake();
        if (step.kind == Step::close && !closed_) complain("it did not close");
        if (!closed_) run();
    }

    std::string take_output() { return std::exchange(output_, {}); }
    const Owner& owner() const { return owner_; }
    const std::string& complaint() const { return complaint_; }
    bool closed() const { return closed_; }

  private:
    void secure() {
        if (!tls_) return complain("TLS was not started");
        tls_ = false;
        session_.secured(wire::TlsInfo{"TLSv1.3", "TLS_AES_256_GCM_SHA384"});
    }
    void complain(std::string what) {
        if (complaint_.empty()) complaint_ = std::move(what);
    }
    void run() {
        for (int actions = 0; !closed_ && !tls_; ++actions) {
            if (actions > 100000) return complain("it never reads and never closes");
            auto action = session_.next(now_);
            if (!std::visit([this](auto& what) { return this->act(what); }, action)) return;
        }
    }
    bool act(wire::Send& send) {
        output_ += send.octets;
        return true;
    }
    bool act(wire::SendBody& send) {
        std::string text(send.length, '\0');
        std::size_t at = 0;
        while (at < text.size()) {
            const auto got =
                send.body->read_at(send.offset + at, text.data() + at, text.size() - at);
            if (!got || *got == 0) {
                closed_ = true;
                return false;
            }
            at += *got;
        }
        if (!send.dot_stuffed) output_ += text;
        if (!send.dot_stuffed) return true;
        wire::DotEncoder encoder;
        encoder.encode(text, output_);
        encoder.finish(output_);
        return true;
    }
    bool act(wire::Read& read) {
        if (read.deadline <= now_) complain("it reads although the deadline has passed");
        return false;
    }
    bool act(wire::StartTls&) {
        tls_ = true;
        return false;
    }
    bool act(wire::StartDeflate&) { return true; }
    bool act(wire::Close&) {
        closed_ = true;
        return false;
    }
    template <class Question>
    bool act(wire::Ask<Question>& ask) {
        session_.answer(owner_.answer(std::move(ask.question)));
        return true;
    }

    Session session_;
    Owner owner_;
    Instant now_{};
    std::string output_, complaint_;
    bool closed_ = false;
    bool tls_ = false;
};

// Steps with neighbouring inputs and outputs joined: what may be said at once.
std::vector<Step> joined(const std::vector<Step>& steps);

// Checks the Q: and Q! lines of a dialog against a log; "" is good.
std::string check_questions(const Dialog& dialog, const std::vector<std::string>& log);

namespace detail {

struct Trouble {
    const Dialog& dialog;
    const char* way;
    std::string operator()(int line, const std::string& what) const {
        return dialog.file + ":" + std::to_string(line) + " (" + dialog.title + ", " + way +
               "): " + what;
    }
};

inline std::string difference(const std::string& expected, const std::string& got) {
    return "expected\n" + shown(expected) + "got\n" + shown(got);
}

// Plays steps; `piece` octets at a time, everything at once where it is 0.
template <class Make>
std::string play(const Dialog& dialog, const std::vector<Step>& steps, const char* way,
                 std::size_t piece, Make make) {
    const Trouble trouble{dialog, way};
    auto stage = make();
    std::string expected;
    int line = 0;
    const auto compare = [&]() -> std::string {
        const std::string got = stage.take_output();
        const std::string wanted = std::exchange(expected, {});
        return got == wanted ? "" : trouble(line, difference(wanted, got));
    };
    for (const Step& step : steps) {
        if (step.kind == Step::output) {
            expected += step.text;
        } else if (step.kind != Step::question && step.kind != Step::no_question) {
            if (auto wrong = compare(); !wrong.empty()) return wrong;
            const std::size_t most = piece == 0 ? step.text.size() : piece;
            if (step.kind != Step::input) stage.perform(step);
            for (std::size_t at = 0; step.kind == Step::input && at < step.text.size();
                 at += most) {
                stage.hear(std::string_view(step.text).substr(at, most));
            }
        }
        line = step.line;
        if (!stage.complaint().empty()) return trouble(line, stage.complaint());
    }
    if (auto wrong = compare(); !wrong.empty()) return wrong;
    stage.eof();
    if (!stage.complaint().empty()) return trouble(line, stage.complaint());
    const std::string left = stage.owner().unfinished();
    if (!left.empty()) return trouble(line, left);
    const std::string asked = check_questions(dialog, stage.owner().log());
    return asked.empty() ? "" : trouble(line, asked);
}

// Plays up to input octet `cut` of the dialog, then the peer is gone. Gives the questions asked
// before and after that.
template <class Make>
std::string play_cut(const Dialog& dialog, const std::vector<Step>& steps, std::size_t cut,
                     Make make) {
    const Trouble trouble{dialog, "cut"};
    auto stage = make();
    int line = 0;
    for (const Step& step : steps) {
        line = step.line;
        if (step.kind == Step::input) {
            stage.hear(std::string_view(step.text).substr(0, std::min(cut, step.text.size())));
            if (cut < step.text.size()) break;
            cut -= step.text.size();
        } else if (step.kind == Step::close && cut == 0) {
            break;
        } else if (step.kind != Step::output) {
            stage.perform(step);
        }
    }
    const std::vector<std::string> before = stage.owner().log();
    stage.eof();
    if (!stage.complaint().empty()) return trouble(line, stage.complaint());
    const std::string left = stage.owner().unfinished();
    if (!left.empty()) return trouble(line, left);
    for (std::size_t i = before.size(); i < stage.owner().log().size(); ++i) {
        const std::string& late = stage.owner().log()[i];
        if (!stage.owner().farewell(late)) return trouble(line, "asked after the end: " + late);
    }
    return "";
}

}  // namespace detail

// Runs a dialog in every way; gives what went wrong first, "" when all is well. `make` gives a
// fresh Stage. The owner's `farewell(question)` says what may be asked when the peer has gone.
template <class Make>
std::string rehearse(const Dialog& dialog, bool pipelined, Make make) {
    const std::vector<Step> whole = joined(dialog.steps);
    std::string wrong = detail::play(dialog, dialog.steps, "step by step", 0, make);
    if (wrong.empty()) wrong = detail::play(dialog, dialog.steps, "octet by octet", 1, make);
    if (wrong.empty() && pipelined) wrong = detail::play(dialog, whole, "whole", 0, make);
    const std::vector<Step>& cut_steps = pipelined ? whole : dialog.steps;
    std::size_t total = 0;
    for (const Step& step : cut_steps) total += step.kind == Step::input ? step.text.size() : 0;
    const std::size_t stride = total / 2000 + 1;
    for (std::size_t cut = 0; wrong.empty() && cut <= total; cut += stride) {
        wrong = detail::play_cut(dialog, cut_steps, cut, make);
    }
    return wrong;
}

}  // namespace mailhandler::test
