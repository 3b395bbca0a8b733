// The copies of a judgement: what Sorter makes of Fates.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agent/departing.hpp"
#include "agent/sorting.hpp"
#include "mail/header.hpp"
#include "mail/stamp.hpp"

namespace mailhandler::agent {

namespace {

// What the copy's X-Rcpt-To says.
std::string given_of(const Fate& fate, const route::ToMailbox& to) {
    return fate.recipient ? fate.recipient->given() : to.delivered_to.given();
}

// One copy into one maildir: of one recipient, or with copies = "one" of all that end there.
struct PersonsCopy {
    const Placed* placed = nullptr;
    std::size_t fate = 0, end = 0;
    std::vector<std::string> given;
    const route::ToMailbox* to = &placed->to;
    std::string lines() const {
        if (!to->one_copy) return mail::envelope_lines(given.front(), to->delivered_to.given());
        const std::vector<std::string_view> views(given.begin(), given.end());
        return mail::envelope_lines(views);
    }
};

std::vector<PersonsCopy> persons_copies(const Judged& judged) {
    std::vector<PersonsCopy> copies;
    std::map<route::MailboxName, std::size_t> one;  // the index of a mailbox's only copy
    for (std::size_t i = 0; i < judged.fates.size(); ++i) {
        const Fate& fate = judged.fates[i];
        for (std::size_t j = 0; j < fate.ends.size(); ++j) {
            const auto* placed = std::get_if<Placed>(&fate.ends[j]);
            if (!placed) continue;
            const std::string given = given_of(fate, placed->to);
            if (placed->to.one_copy && placed->server.empty()) {
                const auto [at, first] = one.try_emplace(placed->to.mailbox, copies.size());
                if (!first) {
                    copies[at->second].given.push_back(given);
                    continue;
                }
            }
            copies.push_back({placed, i, j, {given}});
        }
    }
    return copies;
}

std::string field_value(std::string_view head, std::string_view name) {
    const auto field = mail::find_field(head, name);
    return field ? field->value() : std::string();
}

// Makes the copies of one message.
class Composer {
  public:
    Composer(const Sorter::World& world, const Arrived& message, Sorted& sorted)
        : world_(world),
          message_(message),
          sorted_(sorted),
          pieces_(mail::without_envelope(message.head, sorted.judged.block,
                                         trust_settings(world.fetch))) {}

    Result<> run() {
        if (message_.spilled) {
            const auto size = message_.spilled->size();
            if (!size) return tl::unexpected(size.error());
            size_ = *size;
        }
        size_ += message_.head.size() + message_.rest.size();
        if (auto done = place(); !done) return done;
        if (sorted_.stays.empty()) {
            Departing departing(world_, message_, pieces_, sorted_.judged);
            if (auto done = departing.bounce(sorted_.copies); !done) return done;
            if (auto done = departing.pass_on(sorted_.copies); !done) return done;
        }
        return set_aside();
    }

  private:
    Result<> place() {
        std::map<route::MailboxName, std::pair<const route::ToMailbox*, std::uint64_t>> needs;
        for (const PersonsCopy& one : persons_copies(sorted_.judged)) {
            if (!one.placed->server.empty()) {
                if (!world_.hands_over)
                    return stay("only fetch hands mail to " + one.placed->server);
                hand(one);
                continue;
            }
            store::CopyContent content = message_.below(one.lines(), pieces_);
            const auto octets = content.size();
            if (!octets) return tl::unexpected(octets.error());
            const route::MailboxName& mailbox = one.to->mailbox;
            auto copy = store::copy_to_maildir(world_.layout, mailbox.domain(),
                                               one.given.front() + ' ' + mailbox.text(),
                                               world_.layout.maildir(mailbox), world_.names.next(),
                                               std::move(content));
            if (!copy) return tl::unexpected(copy.error());
            sorted_.copies.push_back(std::move(*copy));
            auto& need = needs[mailbox];
            need.first = one.to;
            need.second += *octets;
        }
        for (const auto& [mailbox, need] : needs) {
            if (!world_.mailbox_takes) break;
            const auto takes = world_.mailbox_takes(*need.first, need.second);
            if (!takes) return tl::unexpected(takes.error());
            if (*takes) continue;
            sorted_.lacks = store::Wait{0, mailbox.domain(), mailbox.local(), {}};
            return stay(no_room_in(&mailbox));
        }
        return {};
    }

    // Without the Return-Path, which the server writes itself.
    void hand(const PersonsCopy& one) {
        mail::TrustSettings settings = trust_settings(world_.fetch);
        settings.headers.emplace_back("Return-Path");
        sorted_.handed.push_back(
            {one.placed->server, one.to->delivered_to,
             message_.below(mail::envelope_lines(one.given.front(), one.to->delivered_to.given()),
                            mail::without_envelope(message_.head, sorted_.judged.block, settings)),
             one.fate, one.end});
    }

    Result<> set_aside() {
        if (!sorted_.stays.empty()) return {};
        std::uint64_t octets = 0;
        for (Fate& fate : sorted_.judged.fates) {
            for (End& end : fate.ends) {
                sorted_.dropped += std::holds_alternative<Dropped>(end);
                auto* aside = std::get_if<SetAside>(&end);
                if (!aside) continue;
                const store::HeldNote note = note_of(fate, *aside);
                aside->id = note.id;
                auto copy = store::copy_to_held(world_.layout, world_.fetch.domain, note,
                                                message_.whole());
                if (!copy) return tl::unexpected(copy.error());
                octets += size_ + copy->content.own.size();
                sorted_.copies.push_back(std::move(*copy));
            }
        }
        if (octets == 0 || !world_.held_takes) return {};
        const auto takes = world_.held_takes(octets);
        if (!takes) return tl::unexpected(takes.error());
        if (*takes) return {};
        sorted_.lacks.emplace();
        return stay(no_room_in(nullptr));
    }

    store::HeldNote note_of(const Fate& fate, const SetAside& aside) const {
        store::HeldNote note;
        note.id = world_.names.next();
        note.when = world_.clock.wall();
        note.fetch = world_.fetch.name;
        if (fate.recipient) note.recipient = fate.recipient->given();
        note.to = aside.to;
        note.header = fate.header;
        note.sender = sorted_.judged.block.return_path_text;
        note.reason = name(aside.reason);
        note.text = aside.text;
        note.size = size_;
        note.message_id = field_value(message_.head, "Message-ID");
        if (fate.recipient) return note;
        for (const Fate& other : sorted_.judged.fates)
            if (other.recipient) note.others.push_back(other.recipient->key());
        return note;
    }

    Result<> stay(std::string why) {
        sorted_.copies.clear();
        sorted_.handed.clear();
        sorted_.dropped = 0;
        sorted_.stays = std::move(why);
        return {};
    }

    const Sorter::World& world_;
    const Arrived& message_;
    Sorted& sorted_;
    const std::vector<std::string_view> pieces_;
    std::uint64_t size_ = 0;
};

bool is_whole(const Arrived& message) {
    mail::HeaderScan scan(message.head);
    while (scan.next()) {
    }
    return scan.complete() || (message.rest.empty() && !message.spilled);
}

}  // namespace

store::CopyContent Arrived::below(std::string lines,
                                  std::span<const std::string_view> pieces) const {
    store::CopyContent content{std::move(lines), {}, spilled};
    if (mail::joins_lines_above(head)) content.own += "\r\n";
    content.shared.reserve(pieces.size() + 1);
    content.shared.assign(pieces.begin(), pieces.end());
    content.shared.push_back(rest);
    return content;
}

std::string no_room_in(const route::MailboxName* mailbox) {
    return mailbox ? "the mailbox " + mailbox->text() + " is full" : "the held area is full";
}

Result<Sorted> Sorter::stage(const Arrived& message, Judged judged) const {
    Sorted sorted;
    sorted.judged = std::move(judged);
    for (const Fate& fate : sorted.judged.fates) {
        if (fate.wait.empty()) continue;
        sorted.stays = fate.value + ": " + fate.wait;
        return sorted;
    }
    if (auto done = Composer(world_, message, sorted).run(); !done)
        return tl::unexpected(done.error());
    return sorted;
}

Result<Sorted> Sorter::sort(const Arrived& message) const {
    if (!is_whole(message))
        return poison(message,
                      fmt::format("its header is longer than {} octets", message.head.size()));
    return stage(message, judge(world_.fetch, world_.directory, world_.today, message.head));
}

Result<Sorted> Sorter::sort_for(const Arrived& message, const mail::Address& recipient,
                                const std::string& header, const std::string& value) const {
    Judged judged = judge(world_.fetch, world_.directory, world_.today, message.head);
    Fate fate = judge_recipient(world_.fetch, world_.directory, world_.today, recipient,
                                judged.never_bounce);
    fate.header = header;
    fate.value = value;
    judged.fates.assign(1, std::move(fate));
    return stage(message, std::move(judged));
}

Result<Sorted> Sorter::poison(const Arrived& message, const std::string& why) const {
    Judged judged;
    Fate fate;
    fate.ends.push_back(SetAside{Reason::poison, why, "", ""});
    judged.fates.push_back(std::move(fate));
    return stage(message, std::move(judged));
}

}  // namespace mailhandler::agent
