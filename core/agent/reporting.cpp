#include "agent/reporting.hpp"

#include <fmt/format.h>

#include "agent/undeliverable.hpp"
#include "mail/header.hpp"
#include "mail/stamp.hpp"

namespace mailhandler::agent {

namespace {

constexpr std::size_t block = 16 << 10;
constexpr std::uint64_t most_content = 256 << 10;  // octets

struct Shown {
    std::string octets;
    bool whole = false;
    std::string_view content() const { return whole ? octets : std::string_view(); }
};

// Whoever is who they say, and asked for it, gets what they wrote back (RFC 3461 section 4.3).
bool wants_content(const Trouble& trouble) {
    return trouble.action == mail::DsnAction::failed && trouble.envelope.authenticated &&
           trouble.envelope.sender.ret == mail::Ret::full && trouble.envelope.size <= most_content;
}

// The message's beginning, with all its header; or the whole of it.
Result<std::string> read_octets(store::QueuedMessage& message, bool whole) {
    std::string head;
    for (;;) {
        const std::size_t before = head.size();
        head.resize(before + block);
        const auto got = message.read_at(before, head.data() + before, block);
        if (!got) return tl::unexpected(got.error());
        head.resize(before + *got);
        mail::HeaderScan scan(head);
        while (scan.next()) {
        }
        if (*got == 0) return head;
        if (!whole && (scan.complete() || head.size() > mail::longest_header)) return head;
    }
}

Result<Shown> read(store::Spool& spool, const Trouble& trouble) {
    auto message = spool.open(trouble.envelope.id);
    if (!message) return tl::unexpected(message.error());
    const bool whole = wants_content(trouble);
    auto octets = read_octets(*message, whole);
    if (!octets) return tl::unexpected(octets.error());
    return Shown{std::move(*octets), whole};
}

std::string first_of(const store::Queued& envelope) {
    const store::Owed& owed = envelope.owed.front();
    return owed.original.empty() ? owed.recipient.address.given() : owed.original;
}

}  // namespace

Result<> Reporting::add(Report report) {
    const std::string_view octets = report.octets;
    const auto id = spool_.add(std::move(report.envelope), std::span(&octets, 1));
    if (!id) return tl::unexpected(id.error());
    queued_(*id);
    return {};
}

Result<> Reporting::failed(const Trouble& trouble) {
    const auto shown = read(spool_, trouble);
    if (!shown) return tl::unexpected(shown.error());
    auto answer = bounces_.about({trouble.envelope,
                                  trouble.envelope.owed,
                                  shown->octets,
                                  trouble.action,
                                  {},
                                  shown->content()},
                                 trouble.hostname);
    if (auto* report = std::get_if<Report>(&answer)) return add(std::move(*report));
    const Untold& untold = std::get<Untold>(answer);
    log_.info(fmt::format("queue: {}: {} did not get it: {} (not bounced: {}){}",
                          trouble.envelope.id, first_of(trouble.envelope),
                          trouble.envelope.owed.front().last_reply, untold.why,
                          untold.hold ? "; it is held" : ""));
    if (!untold.hold) return {};
    return hold_undeliverable(disk_, layout_, spool_, clock_, trouble, untold.why);
}

void Reporting::tell(const Trouble& trouble) {
    const auto shown = read(spool_, trouble);
    if (!shown) return;
    auto answer = bounces_.about(
        {trouble.envelope, trouble.envelope.owed, shown->octets, trouble.action, trouble.until},
        trouble.hostname);
    auto* report = std::get_if<Report>(&answer);
    if (!report) return;
    if (const auto added = add(std::move(*report)); !added)
        log_.error(fmt::format("queue: {}: {}", trouble.envelope.id, added.error().text()));
}

}  // namespace mailhandler::agent
