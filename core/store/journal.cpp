#include "store/journal.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

namespace mailhandler::store {

namespace {

constexpr std::size_t block = 256 * 1024;
constexpr std::size_t longest_line = 1 << 20;

// RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto lead = static_cast<unsigned char>(text[at]);
        if (lead < 0x80) {
            ++at;
            continue;
        }
        const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (lead < 0xC2 || lead > 0xF4 || text.size() - at < length) return false;
        const auto second = static_cast<unsigned char>(text[at + 1]);
        const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (second < low || second > high) return false;
        for (std::size_t more = 2; more < length; ++more) {
            if ((static_cast<unsigned char>(text[at + more]) & 0xC0) != 0x80) return false;
        }
        at += length;
    }
    return true;
}

// A line that a crash cut and the next start closed ends before its object does.
bool is_whole(std::string_view line) {
    return line.size() >= 2 && line.front() == '{' && line.back() == '}' && is_utf8(line);
}

struct Reader {
    const std::function<bool(std::string_view)>& take;
    std::size_t skipped = 0;

    // Returns false when `take` wants no more.
    Result<bool> file(disk::Disk& disk, const std::string& path) {
        auto opened = disk.open(path);
        if (!opened) return tl::unexpected(opened.error());
        std::string held;  // the beginning of a line whose end was not read yet
        std::string octets(block, '\0');
        for (std::uint64_t offset = 0;;) {
            const auto got = (*opened)->read_at(offset, octets.data(), octets.size());
            if (!got) return tl::unexpected(got.error());
            if (*got == 0) break;
            offset += *got;
            held.append(octets, 0, *got);
            if (!lines(held)) return false;
        }
        if (!held.empty()) ++skipped;  // torn, or still being written
        return true;
    }

    // Takes the whole lines off the front of `held`.
    bool lines(std::string& held) {
        std::size_t begin = 0;
        for (std::size_t end; (end = held.find('\n', begin)) != held.npos; begin = end + 1) {
            const std::string_view line(held.data() + begin, end - begin);
            if (!is_whole(line)) {
                skipped += line.empty() ? 0 : 1;
            } else if (!take(line)) {
                return false;
            }
        }
        held.erase(0, begin);
        // No line of ours is so long: damage, not worth the memory.
        if (held.size() > longest_line) held.assign("damaged");
        return true;
    }
};

}  // namespace

Journal::Journal(disk::Disk& disk, const Layout& layout, std::string node, const Clock& clock)
    : disk_(disk), layout_(layout), node_(std::move(node)), clock_(clock) {}

Result<> Journal::open(std::chrono::sys_days day) {
    const std::string path = layout_.journal_file(node_, day);
    auto file = disk_.append(path, 0640);
    if (!file && file.error().error == ENOENT) {
        auto made = disk::make_directories(disk_, layout_.journal_dir(node_), 0750);
        if (!made) return made;
        file = disk_.append(path, 0640);
    }
    if (!file) return tl::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return tl::unexpected(size.error());
    char last = '\n';
    if (*size > 0) {
        const auto got = (*file)->read_at(*size - 1, &last, 1);
        if (!got) return tl::unexpected(got.error());
    }
    if (last != '\n') {
        if (auto closed = (*file)->write("\n"); !closed) return closed;
    }
    file_ = std::move(*file);
    day_ = day;
    return {};
}

Result<> Journal::append(std::string_view lines) {
    const std::scoped_lock guard(mutex_);
    const auto today = std::chrono::floor<std::chrono::days>(clock_.wall());
    if (!file_ || day_ != today) {
        if (auto opened = open(today); !opened) return opened;
    }
    auto wrote = file_->write(lines);
    if (!wrote) file_.reset();  // part of it may be there: opened anew, its torn line is closed
    return wrote;
}

Result<std::size_t> read_journal(disk::Disk& disk, const Layout& layout,
                                 const std::string& since_day,
                                 const std::function<bool(std::string_view line)>& take) {
    // "YYYY-MM-DD.jsonl" sorts as the calendar does.
    std::map<std::string, std::vector<std::string>> days;
    const auto nodes = disk.list(layout.journals_dir());
    if (!nodes) {
        if (nodes.error().error == ENOENT) return 0;
        return tl::unexpected(nodes.error());
    }
    for (const disk::Entry& node : *nodes) {
        if (node.kind != disk::Kind::directory) continue;
        const auto files = disk.list(layout.journal_dir(node.name));
        if (!files) return tl::unexpected(files.error());
        for (const disk::Entry& file : *files) {
            if (!file.name.ends_with(".jsonl") || file.name.substr(0, 10) < since_day) continue;
            days[file.name].push_back(layout.journal_dir(node.name) + '/' + file.name);
        }
    }
    Reader reader{take};
    for (auto& [day, paths] : days) {
        std::sort(paths.begin(), paths.end());
        for (const std::string& path : paths) {
            const auto more = reader.file(disk, path);
            if (!more) return tl::unexpected(more.error());
            if (!*more) return reader.skipped;
        }
    }
    return reader.skipped;
}

}  // namespace mailhandler::store
