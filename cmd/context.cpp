#include "context.hpp"

#include <fmt/format.h>

#include "commands.hpp"
#include "manual.hpp"

namespace mailhandler::cmd {

int gravest(int a, int b) {
    for (const int grave : {status::configuration, status::later, status::usage, status::no})
        if (a == grave || b == grave) return grave;
    return status::done;
}

int status_of(const Fault& fault) {
    return fault.temporary ? status::later : status::configuration;
}

std::string printable(std::string_view text) {
    std::string line;
    line.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto octet = static_cast<unsigned char>(text[i]);
        // U+0080 to U+009F are control characters too; in UTF-8 they are C2 80 to C2 9F.
        const bool c1 = octet == 0xc2 && i + 1 < text.size() &&
                        static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (octet < 0x20 || octet == 0x7f || c1)
            line += fmt::format("\\x{:02x}", octet);
        else
            line += text[i];
    }
    return line;
}

void Context::say(std::string_view text) {
    err << "mailhandler";
    if (command) err << ' ' << command->name;
    err << ": " << printable(text) << '\n';
}

void Context::hint(std::string_view text) { err << "hint: " << printable(text) << '\n'; }

int Context::usage_error(std::string_view text) {
    say(text);
    if (command) {
        err << synopsis(*command) << "\n";
        hint(fmt::format("mailhandler help {}", command->name));
    } else {
        hint("mailhandler help");
    }
    return status::usage;
}

int Context::fail(int status, std::string_view text, std::string_view next) {
    say(text);
    if (!next.empty()) hint(next);
    return status;
}

int Context::fail(const Fault& fault) { return fail(status_of(fault), fault.text()); }

bool Arguments::has(std::string_view name) const { return values_.find(name) != values_.end(); }

const std::vector<std::string>& Arguments::all(std::string_view name) const {
    static const std::vector<std::string> none;
    const auto at = values_.find(name);
    return at == values_.end() ? none : at->second;
}

const std::string& Arguments::one(std::string_view name) const {
    static const std::string none;
    const auto& values = all(name);
    return values.empty() ? none : values.front();
}

std::optional<std::string> Arguments::option(std::string_view name) const {
    const auto& values = all(name);
    if (values.empty()) return {};
    return values.front();
}

void Arguments::add(std::string_view name, std::string value) {
    values_[std::string(name)].push_back(std::move(value));
}

}  // namespace mailhandler::cmd
