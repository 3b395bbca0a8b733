#include "base/log.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

namespace mailhandler {

namespace {

std::string printable(std::string_view text) {
    std::string line;
    line.reserve(text.size() + 8);
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet < 0x20 || octet == 0x7f)
            line += fmt::format("\\x{:02x}", octet);
        else
            line += c;
    }
    return line;
}

// sd-daemon(3): <7> debug … <3> error.
const char* priority(Severity severity) {
    switch (severity) {
        case Severity::debug: return "<7>";
        case Severity::info: return "<6>";
        case Severity::warning: return "<4>";
        case Severity::error: return "<3>";
    }
    return "";
}

}  // namespace

Log stderr_log(bool prefixed, Severity least) {
    return Log([prefixed, least](Severity severity, std::string_view text) {
        if (severity < least) return;
        std::string line = prefixed ? priority(severity) : "mailhandler: ";
        line += printable(text);
        line += '\n';
        // One write(2) a line: lines of several threads never mix.
        if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
    });
}

}  // namespace mailhandler
