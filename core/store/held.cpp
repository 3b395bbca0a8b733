#include "store/held.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "store/file_id.hpp"

namespace mailhandler::store {

namespace {

// Of a text in the note: remote words must not grow it without bound.
constexpr std::size_t longest_text = 1000;
// Of the whole first line; a message to thousands has many `others`.
constexpr std::size_t longest_line = 1 << 20;

std::string cut(const std::string& text) {
    return text.size() <= longest_text ? text : text.substr(0, longest_text) + "...";
}

std::int64_t milliseconds(WallTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// The seconds an id begins with.
WallTime time_of(std::string_view id) {
    std::int64_t seconds = 0;
    for (const char c : id) {
        if (c < '0' || c > '9' || seconds > 99'999'999'999) break;
        seconds = seconds * 10 + (c - '0');
    }
    return WallTime(std::chrono::seconds(seconds));
}

tl::unexpected<Fault> not_held(const std::string& id) {
    return tl::unexpected(Fault{id, "nothing of this id is held", false, ENOENT});
}

// The first line of `file` with its newline; empty when it has none that could be a note.
Result<std::string> first_line(disk::File& file) {
    std::string line;
    for (std::size_t block = 4096; line.size() < longest_line; block = 65536) {
        const std::size_t before = line.size();
        line.resize(before + block);
        const auto read = file.read_at(before, line.data() + before, block);
        if (!read) return tl::unexpected(read.error());
        line.resize(before + *read);
        if (const auto end = line.find('\n', before); end != line.npos) {
            line.resize(end + 1);
            return line;
        }
        if (*read == 0) break;
    }
    return std::string();
}

}  // namespace

// {"id":…,"when":"…","time":<milliseconds>, …}: `when` is for people, `time` is read back.
std::string to_line(const HeldNote& note) {
    nlohmann::ordered_json object;
    object["id"] = note.id;
    object["when"] = rfc3339_utc(note.when);
    object["time"] = milliseconds(note.when);
    const auto text = [&object](const char* key, const std::string& value) {
        if (!value.empty()) object[key] = cut(value);
    };
    text("fetch", note.fetch);
    text("recipient", note.recipient);
    text("to", note.to);
    text("header", note.header);
    text("sender", note.sender);
    text("reason", note.reason);
    text("text", note.text);
    object["size"] = note.size;
    text("message_id", note.message_id);
    if (!note.others.empty()) object["others"] = note.others;
    return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

std::optional<HeldNote> held_note(std::string_view line) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object()) return {};
    try {
        HeldNote note;
        note.id = object.at("id").get<std::string>();
        note.when = WallTime(std::chrono::milliseconds(object.at("time").get<std::int64_t>()));
        note.size = object.at("size").get<std::uint64_t>();
        const auto text = [&object](const char* key) { return object.value(key, std::string()); };
        note.fetch = text("fetch");
        note.recipient = text("recipient");
        note.to = text("to");
        note.header = text("header");
        note.sender = text("sender");
        note.reason = text("reason");
        note.text = text("text");
        note.message_id = text("message_id");
        note.others = object.value("others", std::vector<std::string>());
        return note;
    } catch (const nlohmann::json::exception&) {
        return {};
    }
}

Result<Copy> copy_to_held(const Layout& layout, const std::string& stage_domain,
                          const HeldNote& note, CopyContent content) {
    content.own.insert(0, to_line(note));
    const auto size = content.size();
    if (!size) return tl::unexpected(size.error());
    return Copy{layout.stage_dir(stage_domain), "held " + note.id, layout.held_dir(),
                fmt::format("{},S={}", note.id, *size), std::move(content)};
}

bool is_held_id(std::string_view text) { return is_file_id(text); }

struct Held::File {
    std::string id, name;
    std::uint64_t size = 0;
};

Held::Held(disk::Disk& disk, const Layout& layout) : disk_(disk), layout_(layout) {}
Held::~Held() = default;

Result<> Held::look() {
    files_.clear();
    const auto entries = disk_.list(layout_.held_dir());
    if (!entries && entries.error().error == ENOENT) return {};
    if (!entries) return tl::unexpected(entries.error());
    files_.reserve(entries->size());
    for (const disk::Entry& entry : *entries) {
        if (entry.kind != disk::Kind::file) continue;
        auto name = parse_message_name(entry.name);
        if (!name || !name->size || !is_held_id(name->base)) continue;  // the lock, another's file
        files_.push_back({std::move(name->base), entry.name, *name->size});
    }
    std::sort(files_.begin(), files_.end(),
              [](const File& a, const File& b) { return a.id < b.id; });
    return {};
}

std::string Held::path(const File& file) const { return layout_.held_dir() + '/' + file.name; }

// Among the names that are known; where it is not there any more, among those that are.
Result<std::string> Held::find(const std::string& id) {
    for (const bool again : {false, true}) {
        if (again)
            if (auto looked = look(); !looked) return tl::unexpected(looked.error());
        const auto at = std::lower_bound(
            files_.begin(), files_.end(), id,
            [](const File& file, const std::string& than) { return file.id < than; });
        if (at != files_.end() && at->id == id && (again || disk::exists(disk_, path(*at))))
            return path(*at);
    }
    return not_held(id);
}

HeldNote Held::read(const File& file, bool& gone) {
    HeldNote note{file.id, time_of(file.id)};
    note.reason = "unreadable";
    note.size = file.size;
    auto opened = disk_.open(path(file));
    gone = !opened && opened.error().error == ENOENT;
    const auto line = opened ? first_line(**opened) : tl::unexpected(opened.error());
    if (!line) {
        note.text = line.error().cause;
    } else if (auto found = held_note(*line)) {
        found->id = file.id;  // the name decides
        return std::move(*found);
    } else {
        note.text = "its first line is damaged";
    }
    return note;
}

Result<> Held::each(const std::function<bool(const HeldNote&)>& take) {
    if (auto looked = look(); !looked) return tl::unexpected(looked.error());
    const std::vector<File> files = std::move(files_);  // `take` may ask for more
    files_.clear();
    for (const File& file : files) {
        bool gone = false;
        const HeldNote note = read(file, gone);
        if (!gone && !take(note)) break;
    }
    return {};
}

Result<std::vector<std::string>> Held::ids() {
    if (auto looked = look(); !looked) return tl::unexpected(looked.error());
    std::vector<std::string> found;
    found.reserve(files_.size());
    for (const File& file : files_) found.push_back(file.id);
    return found;
}

Result<Held::Open> Held::open(const std::string& id) {
    const auto path = find(id);
    if (!path) return tl::unexpected(path.error());
    auto file = disk_.open(*path);
    if (!file) return file.error().error == ENOENT ? not_held(id) : tl::unexpected(file.error());
    const auto line = first_line(**file);
    if (!line) return tl::unexpected(line.error());
    auto note = held_note(*line);
    if (!note) return fail(*path, "its first line is damaged", false);
    const auto size = (*file)->size();
    if (!size) return tl::unexpected(size.error());
    note->id = id;
    return Open{std::move(*note), *path, std::move(*file), line->size(), *size - line->size()};
}

Result<Usage> Held::usage() {
    if (auto looked = look(); !looked) return tl::unexpected(looked.error());
    Usage usage;
    for (const File& file : files_) usage.octets += file.size;
    usage.messages = files_.size();
    return usage;
}

Result<> Held::add(const Copy& copy) {
    if (auto made = disk::make_directories(disk_, copy.stage_dir); !made) return made;
    if (auto made = disk::make_directories(disk_, copy.directory); !made) return made;
    const std::string hidden = copy.stage_dir + '/' + copy.name;
    auto file = disk_.create(hidden);
    if (!file) return tl::unexpected(file.error());
    Result<> done = copy.content.write_to(**file);
    if (done) done = (*file)->sync();
    if (done) done = disk_.rename(hidden, copy.directory + '/' + copy.name);
    if (done) return disk_.sync_directory(copy.directory);
    (void)disk_.remove(hidden);
    return done;
}

Result<> Held::remove(const std::string& id) {
    const auto path = find(id);
    if (!path) return tl::unexpected(path.error());
    if (auto removed = disk_.remove(*path); !removed)
        return removed.error().error == ENOENT ? Result<>(not_held(id)) : removed;
    return disk_.sync_directory(layout_.held_dir());
}

Result<std::vector<std::string>> Held::expire(WallTime before) {
    if (auto looked = look(); !looked) return tl::unexpected(looked.error());
    std::vector<std::string> removed;
    for (const File& file : files_) {
        if (time_of(file.id) >= before) break;  // oldest first
        auto done = disk_.remove(path(file));
        if (!done && done.error().error == ENOENT) continue;
        if (!done) return tl::unexpected(done.error());
        removed.push_back(file.id);
    }
    if (removed.empty()) return removed;
    if (auto synced = disk_.sync_directory(layout_.held_dir()); !synced)
        return tl::unexpected(synced.error());
    return removed;
}

Result<std::unique_ptr<disk::Lock>> Held::lock() {
    if (auto made = disk::make_directories(disk_, layout_.held_dir()); !made)
        return tl::unexpected(made.error());
    auto lock = disk_.lock(layout_.held_dir() + "/.lock", false);
    if (!lock && lock.error().error == EWOULDBLOCK)
        return tl::unexpected(Fault{layout_.held_dir(), "somebody else is releasing held mail", true,
                                    EWOULDBLOCK});
    return lock;
}

}  // namespace mailhandler::store
