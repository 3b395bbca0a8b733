#include "store/subscriptions.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "mail/modified_utf7.hpp"
#include "store/dotlock.hpp"

namespace mailhandler::store {

namespace {

constexpr std::string_view version_line = "V\t2";

struct Lines {
    bool levels_by_tab = true;
    std::vector<std::string> lines;  // of names, as they stand in the file
};

Lines parse(std::string_view text) {
    Lines found;
    found.levels_by_tab = text.empty() || text.starts_with(version_line);
    bool first = true;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const bool header = found.levels_by_tab && std::exchange(first, false);
        if (!header && !line.empty()) found.lines.emplace_back(line);
    }
    return found;
}

// Dovecot's: \001 0, \001 1, \001 t, \001 r, \001 n for NUL, \001, TAB, CR, LF.
struct Escape {
    char plain, letter;
};
constexpr Escape escapes[] = {{'\0', '0'}, {'\001', '1'}, {'\t', 't'}, {'\r', 'r'}, {'\n', 'n'}};

std::string line_of(std::string_view name, bool levels_by_tab) {
    std::string line = mail::to_modified_utf7(name);
    if (levels_by_tab) std::replace(line.begin(), line.end(), '.', '\t');
    return line;
}

std::optional<std::string> name_of(std::string_view line, bool levels_by_tab) {
    std::string name;
    for (std::size_t at = 0; at < line.size(); ++at) {
        if (levels_by_tab && line[at] == '\t') {
            name += '.';
        } else if (levels_by_tab && line[at] == '\001' && at + 1 < line.size()) {
            const char letter = line[++at];
            for (const Escape& each : escapes)
                if (each.letter == letter) name += each.plain;
        } else {
            name += line[at];
        }
    }
    return mail::from_modified_utf7(name);
}

}  // namespace

Result<std::vector<std::string>> Subscriptions::names() const {
    const auto text = disk::read_file(disk_, file_);
    if (!text && text.error().error == ENOENT) return std::vector<std::string>();
    if (!text) return tl::unexpected(text.error());
    const Lines found = parse(*text);
    std::vector<std::string> names;
    for (const std::string& line : found.lines)
        if (auto name = name_of(line, found.levels_by_tab)) names.push_back(std::move(*name));
    return names;
}

Result<> Subscriptions::set(std::string_view name, bool subscribed) {
    auto lock = Dotlock::take(disk_, clock_, file_);
    if (!lock) return tl::unexpected(lock.error());
    const auto text = disk::read_file(disk_, file_);
    if (!text && text.error().error != ENOENT) return tl::unexpected(text.error());
    Lines found = parse(text.value_or(""));
    const auto is_it = [&](const std::string& line) {
        return name_of(line, found.levels_by_tab) == name;
    };
    const bool there = std::any_of(found.lines.begin(), found.lines.end(), is_it);
    if (there == subscribed) return {};
    if (subscribed) {
        found.lines.push_back(line_of(name, found.levels_by_tab));
    } else {
        std::erase_if(found.lines, is_it);
    }
    std::string fresh;
    if (found.levels_by_tab) fresh = std::string(version_line) + "\n\n";
    for (const std::string& line : found.lines) fresh += line + '\n';
    return disk::replace_file(disk_, file_, fresh);
}

}  // namespace mailhandler::store
