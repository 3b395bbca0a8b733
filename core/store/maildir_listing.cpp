#include "store/maildir_listing.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

#include "store/maildir.hpp"

namespace mailhandler::store {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The first eight octets as a number: names hold no NUL, so a shorter text comes before a longer
// one.
std::uint64_t first_octets(std::string_view text) {
    std::uint64_t octets = 0;
    for (std::size_t i = 0; i < 8; ++i)
        octets = octets << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0u);
    return octets;
}

// What is sorted: the names themselves are only looked at where two keys are equal.
struct Place {
    AgeKey key;
    std::uint32_t index = 0;
};

}  // namespace

AgeKey age_key(std::string_view base) {
    std::size_t begin = 0;
    while (begin < base.size() && base[begin] == '0') ++begin;
    std::size_t end = begin;
    while (end < base.size() && is_digit(base[end])) ++end;
    if (begin == end) return {0, first_octets(base)};
    AgeKey key{std::numeric_limits<std::uint64_t>::max(), 0};
    if (end - begin > 19) return key;  // all of them are left to older()
    std::from_chars(base.data() + begin, base.data() + end, key.seconds);
    // With zeros in front it comes before the same number without: as if nothing followed.
    if (begin == 0) key.rest = first_octets(base.substr(end));
    return key;
}

void MaildirListing::add(const disk::Names& names, bool in_new) {
    for (const disk::Names::Name& name : names) {
        const std::string_view file = name.text();
        if (name.kind() != disk::Kind::file || file.front() == '.') continue;
        Message message;
        std::size_t end = 0;
        for (; end < file.size() && file[end] != ',' && file[end] != ':'; ++end)
            printable_ = printable_ && file[end] >= 0x21 && file[end] <= 0x7e;
        if (end == 0) continue;
        message.text_ = file.data();
        message.size_ = static_cast<std::uint16_t>(file.size());
        message.base_size_ = static_cast<std::uint8_t>(end);
        message.in_new_ = in_new;
        message.wire_ = size_in_name(file, 'W').value_or(Message::unknown);
        messages_.push_back(message);
    }
}

MaildirListing::MaildirListing(disk::Names fresh, disk::Names seen) {
    names_[0] = std::move(seen);
    names_[1] = std::move(fresh);
    messages_.reserve(names_[0].size() + names_[1].size());
    for (const bool in_new : {true, false}) add(names_[in_new], in_new);
    const std::vector<Message> found = std::exchange(messages_, {});
    std::vector<Place> places;
    places.reserve(found.size());
    for (const Message& each : found)
        places.push_back({age_key(each.base()), static_cast<std::uint32_t>(places.size())});
    // Of two with one base name that in cur/ comes last.
    std::sort(places.begin(), places.end(), [&](const Place& one, const Place& other) {
        if (one.key != other.key) return one.key < other.key;
        const Message &first = found[one.index], &second = found[other.index];
        if (first.base() != second.base()) return older(first.base(), second.base());
        return first.in_new_ > second.in_new_;
    });
    messages_.reserve(places.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
        const Message& message = found[places[i].index];
        const bool again = i > 0 && places[i].key == places[i - 1].key &&
                           messages_.back().base() == message.base();
        if (again && messages_.back().in_new_ && !message.in_new_) {
            messages_.back() = message;  // the later sighting
            continue;
        }
        repeated_ = repeated_ || again;
        messages_.push_back(message);
    }
}

const MaildirListing::Message* MaildirListing::find(std::string_view base) const {
    const auto found = std::lower_bound(messages_.begin(), messages_.end(), base,
                                        [](const Message& message, std::string_view wanted) {
                                            return older(message.base(), wanted);
                                        });
    return found != messages_.end() && found->base() == base ? &*found : nullptr;
}

std::size_t MaildirListing::memory() const {
    return names_[0].memory() + names_[1].memory() + messages_.capacity() * sizeof(Message);
}

Result<MaildirListing> list_maildir(disk::Disk& disk, const std::string& path) {
    const auto names = [&](const char* part) -> Result<disk::Names> {
        auto listed = disk.names(path + part);
        if (!listed && listed.error().error == ENOENT) return disk::Names();
        return listed;
    };
    auto fresh = names("/new");
    if (!fresh) return tl::unexpected(fresh.error());
    auto seen = names("/cur");
    if (!seen) return tl::unexpected(seen.error());
    return MaildirListing(std::move(*fresh), std::move(*seen));
}

}  // namespace mailhandler::store
