#include "agent/held_review.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mailhandler::agent {

namespace {

std::string domain_of(const std::string& address) {
    const auto at = address.rfind('@');
    return at == address.npos ? address : address.substr(at + 1);
}

// A sample as a word of a shell's command line.
std::string shell_word(const std::string& text) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("@._+-%:/=").find(c) != std::string_view::npos ||
               static_cast<unsigned char>(c) >= 0x80;
    };
    if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'')
            quoted += "'\\''";
        else
            quoted += c;
    }
    return quoted + "'";
}

}  // namespace

std::vector<std::string> HeldGroup::remedies() const {
    const std::string release = "mailhandler held release --all --reason " + reason;
    const std::string sample = samples.empty() ? "ADDR" : shell_word(samples.front());
    if (reason == "would-bounce" || reason == "never-bounce" || reason == "unknown")
        return {"mailhandler add-mailbox " + sample,
                "mailhandler add-alias " + sample + " TARGET", release};
    if (reason == "foreign-domain")
        return {"mailhandler add-domain " + shell_word(domain_of(samples.empty() ? "D" : samples[0])),
                release, release + " --to ADDR"};
    if (reason == "elsewhere")
        return {fmt::format("take the address out of 'elsewhere' in domains/{}.toml",
                            domain_of(samples.empty() ? "D" : samples[0])),
                release};
    if (reason == "would-forward") return {release + " --to ADDR"};
    const std::string file = fetch.empty() ? "NAME" : fetch;
    if (reason == "missing-header" || reason == "unusable-header")
        return {fmt::format("set 'headers' (or 'trust') in fetch/{}.toml to what 'mailhandler held "
                            "show {}' shows",
                            file, first),
                release, release + " --to ADDR"};
    return {"mailhandler held show " + first, "mailhandler held remove " + first};
}

void HeldReview::add(const store::HeldNote& note) {
    HeldGroup& group = groups_[note.reason];
    if (group.messages == 0 || note.when < group.oldest) {
        group.reason = note.reason;
        group.oldest = note.when;
        group.first = note.id;
        group.text = note.text;
        group.fetch = note.fetch;
    }
    group.newest = std::max(group.newest, note.when);
    newest_ = std::max(newest_, note.when);
    ++messages_;
    ++group.messages;
    group.octets += note.size;
    const std::string& whom = note.to.empty() ? note.recipient : note.to;
    if (whom.empty() ||
        std::find(group.samples.begin(), group.samples.end(), whom) != group.samples.end())
        return;
    if (group.samples.size() == most_samples)
        group.more = true;
    else
        group.samples.push_back(whom);
}

std::vector<HeldGroup> HeldReview::groups() const {
    std::vector<HeldGroup> found;
    for (const auto& [reason, group] : groups_) found.push_back(group);
    std::stable_sort(found.begin(), found.end(), [](const HeldGroup& a, const HeldGroup& b) {
        return a.messages > b.messages;
    });
    return found;
}

}  // namespace mailhandler::agent
