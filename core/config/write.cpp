// Values and keys as TOML text.
#include <fmt/format.h>

#include "config/edit.hpp"
#include "config/section.hpp"

namespace mailhandler::config {
namespace {

// basic-string of TOML 1.0: everything but quotes, backslashes and controls stands for itself.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (c == '\r')
            out += "\\r";
        else if (octet < 0x20 || octet == 0x7f)
            out += fmt::format("\\u{:04X}", octet);
        else
            out += c;
    }
    return out += '"';
}

struct ToText {
    std::string operator()(const std::string& text) const { return quoted(text); }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(const Date& date) const {
        return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                           static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    }
    std::string operator()(const std::vector<std::string>& list) const {
        std::string out = "[";
        for (const std::string& item : list) out += (out.size() > 1 ? ", " : "") + quoted(item);
        return out += ']';
    }
};

}  // namespace

std::string to_toml(const Value& value) { return std::visit(ToText{}, value); }

std::string to_key(std::string_view name) {
    const bool bare = !name.empty() &&
                      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789_-") == std::string_view::npos;
    return bare ? std::string(name) : quoted(name);
}

}  // namespace mailhandler::config
