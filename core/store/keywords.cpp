#include "store/keywords.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "store/dotlock.hpp"

namespace mailhandler::store {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view one, std::string_view other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

std::vector<std::string> parse(std::string_view text) {
    std::vector<std::string> names;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        std::size_t index = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
        const auto name = line.substr(static_cast<std::size_t>(end - line.data()));
        if (error != std::errc() || index >= most_keywords || name.size() < 2 || name[0] != ' ')
            continue;
        if (names.size() <= index) names.resize(index + 1);
        names[index] = name.substr(1);
    }
    return names;
}

}  // namespace

Keywords::Keywords(disk::Disk& disk, const Clock& clock, std::string maildir)
    : disk_(disk), clock_(clock), path_(maildir + "/dovecot-keywords"),
      names_(std::make_shared<std::vector<std::string>>()) {}

Result<> Keywords::refresh() {
    const auto status = disk_.status(path_);
    if (!status && status.error().error == ENOENT) {
        there_ = false;  // the names that sessions know stay what they are
        return {};
    }
    if (!status) return tl::unexpected(status.error());
    if (there_ && status->inode == status_.inode && status->size == status_.size &&
        status->modified == status_.modified)
        return {};
    const auto text = disk::read_file(disk_, path_, 64 * 1024);
    if (!text) return tl::unexpected(text.error());
    auto names = parse(*text);
    if (names != *names_) names_ = std::make_shared<std::vector<std::string>>(std::move(names));
    status_ = *status;
    there_ = true;
    return {};
}

Flags Keywords::known(std::span<const std::string> keywords,
                      std::vector<std::string>* missing) const {
    Flags flags = 0;
    for (const std::string& keyword : keywords) {
        const auto found = std::find_if(names_->begin(), names_->end(), [&](const auto& name) {
            return same_word(name, keyword);
        });
        if (found != names_->end()) {
            flags |= Flags{1} << (first_keyword_bit +
                                  static_cast<unsigned>(found - names_->begin()));
        } else if (missing) {
            missing->push_back(keyword);
        }
    }
    return flags;
}

Result<Flags> Keywords::flags(std::span<const std::string> keywords, bool add) {
    if (keywords.empty()) return Flags{0};
    if (auto read = refresh(); !read) return tl::unexpected(read.error());
    std::vector<std::string> missing;
    const Flags flags = known(keywords, &missing);
    if (missing.empty() || !add) return flags;

    auto lock = Dotlock::take(disk_, clock_, path_);
    if (!lock) return tl::unexpected(lock.error());
    if (auto read = refresh(); !read) return tl::unexpected(read.error());
    missing.clear();
    (void)known(keywords, &missing);
    std::vector<std::string> names = *names_;
    for (const std::string& keyword : missing) {
        const auto again = std::any_of(names.begin(), names.end(), [&](const auto& name) {
            return same_word(name, keyword);
        });
        if (again) continue;  // given twice
        if (names.size() >= most_keywords)
            return tl::unexpected(
                Fault{path_, "there is no letter left for another keyword", false, ENOSPC});
        names.push_back(keyword);
    }
    if (names != *names_) {
        std::string text;
        for (std::size_t i = 0; i < names.size(); ++i)
            if (!names[i].empty()) text += fmt::format("{} {}\n", i, names[i]);
        if (auto written = disk::replace_file(disk_, path_, text); !written)
            return tl::unexpected(written.error());
        if (auto read = refresh(); !read) return tl::unexpected(read.error());
    }
    return known(keywords, nullptr);
}

}  // namespace mailhandler::store
