// An edit of a file on disk: read, change, validate, replace.
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "config/edit.hpp"
#include "config/reading.hpp"

namespace mailhandler::config {
namespace {

constexpr unsigned mode_of_new_files = 0640;
constexpr auto pause = std::chrono::milliseconds(50);
constexpr int tries = 200;  // 10 seconds

// "x" of "domains/x.toml", when `file` lies directly in that directory.
std::string stem_in(const std::string& file, std::string_view directory) {
    constexpr std::string_view suffix = ".toml";
    const std::string prefix = std::string(directory) + '/';
    if (!file.starts_with(prefix) || !file.ends_with(suffix)) return {};
    if (file.size() <= prefix.size() + suffix.size()) return {};
    std::string stem = file.substr(prefix.size(), file.size() - prefix.size() - suffix.size());
    return stem.find('/') == std::string::npos ? stem : std::string{};
}

struct Original {
    bool exists = false;
    std::string text;
    unsigned mode = mode_of_new_files;
};

Result<Original> read_original(disk::Disk& disk, const std::string& path, const std::string& file) {
    Original original;
    const auto status = disk.status(path);
    if (!status) {
        if (status.error().error == ENOENT) return original;
        return tl::unexpected(status.error());
    }
    if (status->kind != disk::Kind::file)
        return fail(file,
                    status->kind == disk::Kind::directory
                        ? "is a directory"
                        : "is a symbolic link or no plain file, and would be replaced; edit the "
                          "file it points to by hand",
                    false);
    auto text = disk::read_file(disk, path);
    if (!text) return tl::unexpected(text.error());
    return Original{true, std::move(*text), status->mode & 07777};
}

// The errors of `problems` as one fault; the warnings stay.
Result<> no_errors(const std::vector<Problem>& problems) {
    std::string all;
    for (const Problem& problem : problems)
        if (problem.error) all += (all.empty() ? "" : "\n") + problem.show();
    if (all.empty()) return {};
    return fail("", std::move(all), false);
}

}  // namespace

std::vector<Problem> problems_of(std::string_view text, const std::string& file) {
    if (file == "mailhandler.toml") return parse_server(text, file).problems;
    if (const std::string domain = stem_in(file, "domains"); !domain.empty())
        return parse_domain(text, file, domain).problems;
    if (const std::string name = stem_in(file, "fetch"); !name.empty())
        return parse_fetch(text, file, name).problems;
    return {{file, 0, 0, "this is not the name of a configuration file", true}};
}

Result<Edited> edit_file(disk::Disk& disk, const std::string& root, const std::string& file,
                         const std::vector<Change>& changes, const Validate& validate,
                         bool dry_run) {
    const std::string path = root + '/' + file;
    auto original = read_original(disk, path, file);
    if (!original) return tl::unexpected(original.error());
    Edited edited{file, std::move(original->text), {}, !original->exists, {}, {}};
    auto after = edit_text(edited.before, changes, file);
    if (!after) return tl::unexpected(after.error());
    edited.after = std::move(after->text);
    std::vector<Problem> problems;
    if (const std::string name = stem_in(file, "domains"); !name.empty()) {
        auto loaded = read_domain(after->model, edited.after, file, name);
        edited.domain = std::move(loaded.value);
        problems = std::move(loaded.problems);
    } else {
        problems = problems_of(edited.after, file);
    }
    if (auto fine = no_errors(problems); !fine) return tl::unexpected(fine.error());
    if (validate) {
        std::vector<Problem> more = validate(edited.after);
        if (auto fine = no_errors(more); !fine) return tl::unexpected(fine.error());
        std::move(more.begin(), more.end(), std::back_inserter(problems));
    }
    edited.warnings = std::move(problems);
    if (dry_run || !edited.changed()) return edited;
    if (auto done = disk::make_directories(disk, disk::parent_path(path), 0750); !done)
        return tl::unexpected(done.error());
    if (auto done = disk::replace_file(disk, path, edited.after, original->mode); !done)
        return tl::unexpected(done.error());
    return edited;
}

Result<std::unique_ptr<disk::Lock>> lock_for_edit(disk::Disk& disk, const std::string& root) {
    for (int left = tries;; --left) {
        auto lock = disk.lock(root + "/.edit.lock", false);
        if (lock || lock.error().error != EWOULDBLOCK) return lock;
        if (left == 0)
            return fail(root + "/.edit.lock", "another command is changing the configuration");
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace mailhandler::config
