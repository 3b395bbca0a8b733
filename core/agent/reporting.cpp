#include "agent/reporting.hpp"

#include <fmt/format.h>

#include "agent/undeliverable.hpp"
#include "mail/header.hpp"
#include "mail/stamp.hpp"

namespace mailhandler::agent {

namespace {

constexpr std::size_t block = 16 << 10;

// The message's beginning, with all its header.
Result<std::string> header_of(store::Spool& spool, const std::string& id) {
    auto file = spool.open(id);
    if (!file) return tl::unexpected(file.error());
    std::string head;
    for (;;) {
        const std::size_t before = head.size();
        head.resize(before + block);
        const auto got = (*file)->read_at(before, head.data() + before, block);
        if (!got) return tl::unexpected(got.error());
        head.resize(before + *got);
        mail::HeaderScan scan(head);
        while (scan.next()) {
        }
        if (*got == 0 || scan.complete() || head.size() > mail::longest_header) return head;
    }
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
    const auto header = header_of(spool_, trouble.envelope.id);
    if (!header) return tl::unexpected(header.error());
    auto answer = bounces_.about({trouble.envelope, trouble.envelope.owed, *header},
                                 trouble.hostname);
    if (auto* report = std::get_if<Report>(&answer)) return add(std::move(*report));
    const Untold& untold = std::get<Untold>(answer);
    log_.info(fmt::format("queue: {}: {} did not get it ({}); {} is not told: {}{}",
                          trouble.envelope.id, first_of(trouble.envelope),
                          trouble.envelope.owed.front().last_reply,
                          trouble.envelope.original_sender.empty()
                              ? "nobody"
                              : trouble.envelope.original_sender,
                          untold.why, untold.hold ? "; it is held" : ""));
    if (!untold.hold) return {};
    return hold_undeliverable(disk_, layout_, spool_, clock_, trouble, untold.why);
}

void Reporting::delayed(const Trouble& trouble) {
    const auto header = header_of(spool_, trouble.envelope.id);
    if (!header) return;
    auto answer = bounces_.about({trouble.envelope, trouble.envelope.owed, *header,
                                  mail::DsnAction::delayed, trouble.until},
                                 trouble.hostname);
    auto* report = std::get_if<Report>(&answer);
    if (!report) return;
    if (const auto added = add(std::move(*report)); !added)
        log_.error(fmt::format("queue: {}: {}", trouble.envelope.id, added.error().text()));
}

}  // namespace mailhandler::agent
