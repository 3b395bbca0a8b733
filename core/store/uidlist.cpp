#include "store/uidlist.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "store/message_flags.hpp"

namespace mailhandler::store {

namespace {

// An unsigned 32-bit number that is not zero and fills `text`: what a UID and a UIDVALIDITY are
// (RFC 3501 section 2.3.1.1).
std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value == 0) return {};
    return value;
}

// Cuts the next word, up to a space, off the front of `rest`.
std::string_view word(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::string_view found = rest.substr(0, rest.find(' '));
    rest.remove_prefix(found.size());
    return found;
}

// Cuts the next whole line off, without its LF; nothing where no LF is left.
std::optional<std::string_view> line(std::string_view& rest) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view found = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return found;
}

// "25006 W2481 Pold-uidl :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,S"
std::optional<UidlistLine> parse_line(std::string_view text) {
    UidlistLine found;
    const auto uid = number(word(text));
    if (!uid) return {};
    found.uid = *uid;
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto colon = text.starts_with(':') ? 0 : text.find(" :");
    if (colon == text.npos) return {};
    found.fields = text.substr(0, colon);
    found.file = text.substr(colon + (colon == 0 ? 1 : 2));
    if (base_of(found.file).empty()) return {};
    return found;
}

// FNV-1a, 64 bits, from a given start: a name of fixed length for one that cannot be shown.
std::uint64_t digest(std::string_view octets, std::uint64_t hash) {
    for (const char c : octets) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return hash;
}

bool fits(char c) { return c >= 0x21 && c <= 0x7e; }

}  // namespace

std::string_view UidlistLine::field(char key) const {
    std::string_view rest = fields;
    for (auto each = word(rest); !each.empty(); each = word(rest))
        if (each.front() == key) return each.substr(1);
    return {};
}

// "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1"
std::optional<UidlistReader::Header> UidlistReader::header() {
    const auto whole = line(rest_);
    if (!whole) return {};
    std::string_view text = *whole;
    if (word(text) != "3") return {};
    Header header;
    header.whole = *whole;
    for (auto field = word(text); !field.empty(); field = word(text)) {
        if (field.front() == 'V') header.validity = number(field.substr(1)).value_or(0);
        if (field.front() == 'N') header.next = number(field.substr(1)).value_or(1);
    }
    if (header.validity == 0) return {};
    return header;
}

std::optional<UidlistLine> UidlistReader::next() {
    for (auto text = line(rest_); text; text = line(rest_)) {
        if (auto found = parse_line(*text)) {
            found->whole = {text->data(), text->size() + 1};
            return found;
        }
        ++malformed_;
    }
    return {};
}

// "12 P1795.M1P2Q3.node :1795.M1P2Q3.node,S=5,W=5\n"
void append_uidlist_line(std::string& to, std::uint32_t uid, std::string_view base,
                         std::string_view file) {
    char number[10];
    to.append(number, std::to_chars(number, number + sizeof number, uid).ptr);
    to += " P";
    if (is_uidl(base))
        to += base;
    else
        to += uidl_digest(base);
    to += " :";
    to += without_flags(file);
    to += '\n';
}

std::string uidlist_header(std::uint32_t validity, std::uint32_t next, std::uint64_t high,
                           std::uint64_t low) {
    return fmt::format("3 V{} N{} G{:016x}{:016x}", validity, next, high, low);
}

std::string with_next_uid(std::string_view header, std::uint32_t next) {
    std::string made(word(header));
    for (auto field = word(header); !field.empty(); field = word(header)) {
        if (field.front() == 'N') continue;
        made += fmt::format(" {}", field);
        if (field.front() == 'V') made += fmt::format(" N{}", next);
    }
    return made;
}

std::optional<Uidlist> Uidlist::parse(std::string_view text) {
    UidlistReader reader(text);
    const auto header = reader.header();
    if (!header) return {};
    Uidlist list;
    list.validity_ = header->validity;
    while (const auto next = reader.next())
        list.entries_.push_back({base_of(next->file), next->field('P'), next->uid});

    auto& entries = list.entries_;
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& one, const Entry& other) { return one.base < other.base; });
    // The last of each run of equals stays.
    const auto kept = std::unique(entries.rbegin(), entries.rend(), [](auto& one, auto& other) {
        return one.base == other.base;
    });
    entries.erase(entries.begin(), kept.base());
    return list;
}

std::optional<std::string> Uidlist::uidl(std::string_view base) const {
    const auto found = std::lower_bound(
        entries_.begin(), entries_.end(), base,
        [](const Entry& entry, std::string_view wanted) { return entry.base < wanted; });
    if (found == entries_.end() || found->base != base) return {};
    if (!found->own.empty()) return std::string(found->own);
    return fmt::format("{:08x}{:08x}", found->uid, validity_);
}

bool is_uidl(std::string_view base) {
    return !base.empty() && base.size() <= 70 && std::all_of(base.begin(), base.end(), fits);
}

std::string uidl_of_base(std::string_view base) {
    return is_uidl(base) ? std::string(base) : uidl_digest(base);
}

std::string uidl_digest(std::string_view base) {
    std::string text;
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (int part = 0; part < 4; ++part) {
        hash = digest(base, hash + static_cast<unsigned>(part));
        text += fmt::format("{:016x}", hash);
    }
    return text;
}

}  // namespace mailhandler::store
