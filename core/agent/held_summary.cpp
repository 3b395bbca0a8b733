// The postmaster's daily summary of what is held.
#include <fmt/format.h>

#include <cerrno>
#include <charconv>

#include "agent/held_review.hpp"
#include "mail/stamp.hpp"
#include "store/delivery.hpp"

namespace mailhandler::agent {

namespace {

// What senders wrote is text here, and never ends a line.
std::string line(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        out += octet < 0x20 || octet == 0x7f ? '?' : c;
    }
    return out + "\r\n";
}

std::string body(const HeldReview& review) {
    std::string text = line("Mail that could be given to nobody is held. 'mailhandler held list' "
                            "shows it;");
    text += line("what is not released is removed after the time of [held] keep.");
    for (const HeldGroup& group : review.groups()) {
        text += "\r\n" + line(fmt::format("{}: {} since {}", group.reason, group.messages,
                                          rfc3339_utc(group.oldest)));
        for (const std::string& sample : group.samples) text += line("  " + sample);
        if (group.more) text += line("  ...");
        text += line("  " + group.text);
        for (const std::string& remedy : group.remedies()) text += line("  > " + remedy);
    }
    return text;
}

std::string state_file(const store::Layout& layout) { return layout.state_dir() + "/held-summary"; }

// When the last one was written; the beginning of time where none was.
Result<WallTime> last_summary(const SummaryWorld& world) {
    const auto text = disk::read_file(world.disk, state_file(world.layout), 64);
    if (!text && text.error().error == ENOENT) return WallTime();
    if (!text) return tl::unexpected(text.error());
    std::int64_t seconds = 0;
    std::from_chars(text->data(), text->data() + text->size(), seconds);
    return WallTime(std::chrono::seconds(seconds));
}

Result<> deliver(const SummaryWorld& world, const std::string& message,
                 const mail::Address& postmaster, const route::Deliver& routed) {
    std::vector<store::Delivery> deliveries;
    for (const route::Destination& to : routed.to) {
        const auto* mailbox = std::get_if<route::ToMailbox>(&to);
        if (!mailbox || !mailbox->deliver.empty()) continue;
        const std::string stamp =
            mail::stamp("", postmaster.given(), mailbox->delivered_to.given());
        const std::vector<std::string_view> parts{stamp, message};
        auto delivery = store::Delivery::write(world.disk, world.layout.maildir(mailbox->mailbox),
                                               world.names.next(), parts, nullptr, {});
        if (!delivery) return tl::unexpected(delivery.error());
        deliveries.push_back(std::move(*delivery));
    }
    if (deliveries.empty())
        return fail(postmaster.given(), "no mailbox here takes the postmaster's mail", false);
    return store::Store(world.disk).commit(std::move(deliveries));
}

}  // namespace

std::string summary_message(const HeldReview& review, const SummaryWorld& world,
                            const mail::Address& postmaster) {
    std::string text;
    text += line("From: mailhandler <postmaster@" + world.hostname + ">");
    text += line("To: " + postmaster.wire());
    text += line(fmt::format("Subject: {} message{} held", review.messages(),
                             review.messages() == 1 ? " is" : "s are"));
    text += line("Date: " + rfc5322_date(world.clock.wall()));
    text += line(fmt::format("Message-ID: <{}@{}>", world.names.next(), world.hostname));
    text += line("Auto-Submitted: auto-generated");  // RFC 3834 section 5
    text += line("MIME-Version: 1.0");
    text += line("Content-Type: text/plain; charset=utf-8");
    text += line("Content-Transfer-Encoding: 8bit");
    return text + "\r\n" + body(review);
}

Result<bool> deliver_due_summary(const SummaryWorld& world) {
    const WallTime now = world.clock.wall();
    const auto last = last_summary(world);
    if (!last) return tl::unexpected(last.error());
    if (*last <= now && local_date(*last) == local_date(now)) return false;
    HeldReview review;
    store::Held held(world.disk, world.layout);
    auto read = held.each([&review](const store::HeldNote& note) {
        review.add(note);
        return true;
    });
    if (!read) return tl::unexpected(read.error());
    if (review.messages() == 0 || review.newest() <= *last) return false;

    const auto home = world.directory.home();
    const auto postmaster = mail::Address::parse("postmaster@" + (home ? home->name : ""));
    if (!postmaster) return fail("postmaster", "there is no domain that has one", false);
    const auto routed = route::route(world.directory, *postmaster, local_date(now));
    const auto* to = std::get_if<route::Deliver>(&routed.outcome);
    if (!to) return fail("postmaster", "no mailbox here takes the postmaster's mail", false);
    const auto done = deliver(world, summary_message(review, world, *postmaster), *postmaster, *to);
    if (!done) return tl::unexpected(done.error());
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    if (auto noted = disk::replace_file(world.disk, state_file(world.layout),
                                        fmt::format("{}\n", seconds));
        !noted)
        return tl::unexpected(noted.error());
    return true;
}

}  // namespace mailhandler::agent
