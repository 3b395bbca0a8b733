#include "secret.hpp"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

namespace mailhandler::cmd {

namespace {

constexpr char interrupt = '\x03';

// Echo off until destroyed. An interrupt ends the line instead of the process, so that no shell is
// ever left behind without echo.
class NoEcho {
  public:
    NoEcho() {
        if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
        quiet.c_cc[VEOL] = interrupt;
        changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
    }
    ~NoEcho() {
        if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

  private:
    termios before_{};
    bool changed_ = false;
};

std::optional<std::string> line_of(std::istream& in) {
    std::string line;
    for (int c = in.get(); c != '\n'; c = in.get()) {
        if (c == interrupt || (c < 0 && line.empty())) return {};
        if (c < 0) break;
        line += static_cast<char>(c);
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}

std::optional<std::string> ask_quietly(Context& context, const std::string& question) {
    const NoEcho quiet;  // before the question: whoever answers it at once is not shown either
    context.err << question << std::flush;
    auto line = line_of(context.in);
    context.err << '\n' << std::flush;
    return line;
}

std::string first_line(const std::string& text) {
    std::string line = text.substr(0, text.find('\n'));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}

}  // namespace

Option password_file_option() {
    return {"--password-file", "FILE", "read the password from the first line of FILE",
            Completes::file};
}

Option password_stdin_option() {
    return {"--password-stdin", "", "read the password from the first line of standard input"};
}

bool password_given(const Arguments& arguments) {
    return arguments.has("--password-file") || arguments.has("--password-stdin");
}

Answer<std::string> ask_password(Context& context, std::string_view whose) {
    const auto first = ask_quietly(context, fmt::format("New password of {}: ", whose));
    if (!first) return stop(context.fail(status::no, "nothing was changed"));
    if (first->empty()) return stop(context.fail(status::no, "the password is empty"));
    const auto again = ask_quietly(context, "The same again: ");
    if (!again || *again != *first)
        return stop(context.fail(status::no, "the two passwords differ, nothing was changed"));
    return *first;
}

std::optional<std::string> ask_line(Context& context, std::string_view question) {
    context.err << question << std::flush;
    return line_of(context.in);
}

Answer<std::optional<std::string>> read_password(Context& context, const Arguments& arguments,
                                                 std::string_view whose) {
    if (arguments.has("--password-file") && arguments.has("--password-stdin"))
        return stop(context.usage_error("--password-file and --password-stdin exclude each other"));
    std::optional<std::string> password;
    if (const auto file = arguments.option("--password-file")) {
        const auto text = disk::read_file(context.disk, *file, 1 << 16);
        if (!text) return stop(context.fail(text.error()));
        password = first_line(*text);
    } else if (arguments.has("--password-stdin")) {
        password = line_of(context.in).value_or("");
    } else if (context.terminal.in) {
        auto asked = ask_password(context, whose);
        if (!asked) return stop(asked.error());
        password = std::move(*asked);
    }
    if (password && password->empty())
        return stop(context.fail(status::usage, "the password is empty"));
    return password;
}

}  // namespace mailhandler::cmd
