#include "agent/release.hpp"

#include <algorithm>
#include <utility>

#include "agent/forward.hpp"
#include "agent/header_survey.hpp"
#include "disk/read_fully.hpp"
#include "mail/stamp.hpp"

namespace mailhandler::agent {

namespace {

// The message of an opened held file: its beginning in memory, what is beyond it in `spilled`.
struct Read {
    std::string head;
    std::unique_ptr<disk::File> spilled;
    Arrived arrived() const { return {head, {}, spilled.get()}; }
};

Result<Read> read(disk::Disk& disk, const store::Layout& layout, store::Held::Open& open) {
    Read read;
    read.head.resize(std::min<std::uint64_t>(open.size, mail::longest_header));
    const auto got = disk::read_fully(*open.file, open.begin, read.head);
    if (!got) return tl::unexpected(got.error());
    const std::size_t done = *got;
    if (done < read.head.size()) return fail(open.path, "is shorter than it was");
    if (done == open.size) return read;
    if (auto made = disk::make_directories(disk, layout.spill_dir()); !made)
        return tl::unexpected(made.error());
    auto scratch = disk.scratch(layout.spill_dir());
    if (!scratch) return tl::unexpected(scratch.error());
    auto copied = (*scratch)->append_from(*open.file, open.begin + done, open.size - done);
    if (!copied) return tl::unexpected(copied.error());
    read.spilled = std::move(*scratch);
    return read;
}

template <class T>
bool any_end(const std::vector<Fate>& fates) {
    for (const Fate& fate : fates)
        for (const End& end : fate.ends)
            if (std::holds_alternative<T>(end)) return true;
    return false;
}

// The one way of an alias that leads to `target`, at a host or here by now. False: none does.
bool keep_only(Fate& fate, const mail::Address& target) {
    std::erase_if(fate.ends, [&](const End& end) {
        const auto* on = std::get_if<PassedOn>(&end);
        const auto* placed = std::get_if<Placed>(&end);
        return !(on && on->to.address == target) && !(placed && placed->to.delivered_to == target);
    });
    return !fate.ends.empty();
}

// Why none of it can be placed.
std::string words(const std::vector<Fate>& fates) {
    if (fates.empty()) return "its envelope header names nobody new";
    std::string text;
    for (const Fate& fate : fates) {
        if (!text.empty()) text += "; ";
        if (fate.recipient) text += fate.recipient->given() + ": ";
        const auto* aside = fate.ends.empty() ? nullptr : std::get_if<SetAside>(&fate.ends.front());
        text += aside ? aside->text : fate_text(fate);
    }
    return text;
}

}  // namespace

Release::Release(World world)
    : world_(std::move(world)), store_(world_.disk), quotas_(world_.disk, world_.clock) {
    if (!world_.spool || !world_.srs) return;
    outgoing_.emplace(Outgoing{
        {},
        {},
        [this](store::Queued& envelope, const std::string&,
               const store::CopyContent& content) -> Result<std::optional<store::Copy>> {
            auto delivery = world_.spool->prepare(envelope, content.parts(), content.spilled);
            if (!delivery) return tl::unexpected(delivery.error());
            leaving_.push_back(std::move(*delivery));
            return std::optional<store::Copy>();
        },
        *world_.srs,
        nullptr});
}

Result<bool> Release::takes(const route::ToMailbox& to, std::uint64_t octets) {
    if (to.quota == 0) return true;
    const std::string maildir = world_.layout.maildir(to.mailbox);
    if (quotas_.due(maildir)) {
        if (auto looked = quotas_.refresh(maildir); !looked) return tl::unexpected(looked.error());
    }
    return quotas_.fits_now(maildir, to.quota, octets).value_or(true);
}

config::Fetch Release::settings(const store::HeldNote& note) const {
    if (auto found = world_.fetch(note.fetch)) return std::move(*found);
    config::Fetch usual;
    usual.name = note.fetch;
    usual.unknown = config::Fetch::Unknown::hold;
    if (const auto address = mail::Address::parse(note.recipient)) usual.domain = address->domain();
    if (!world_.directory.find(usual.domain))
        if (const auto home = world_.directory.home()) usual.domain = home->name;
    return usual;
}

Result<Sorted> Release::sort(const Sorter& sorter, const config::Fetch& fetch,
                             const Arrived& message, const store::HeldNote& note,
                             const std::optional<mail::Address>& to) const {
    if (to) return sorter.sort_for(message, *to, note.header, to->given());
    const auto recipient = mail::Address::parse(note.recipient);
    const auto target = mail::Address::parse(note.to);
    if (recipient && !target)
        return sorter.sort_for(message, *recipient, note.header, note.recipient);
    Judged judged = judge(fetch, world_.directory, world_.today, message.head);
    if (recipient) {  // one end of an alias: the others were served
        Fate fate =
            judge_recipient(fetch, world_.directory, world_.today, *recipient, judged.never_bounce);
        if (!keep_only(fate, *target))
            fate = judge_recipient(fetch, world_.directory, world_.today, *target,
                                   judged.never_bounce);
        fate.recipient = *recipient;
        fate.header = note.header;
        judged.fates.assign(1, std::move(fate));
        if (!judged.block.has_return_path) {  // it waited in the queue
            judged.block.return_path_text = note.sender;
            if (auto sender = mail::Address::parse_sender(note.sender))
                judged.block.return_path = std::move(*sender);
        }
        return sorter.stage(message, std::move(judged));
    }
    std::erase_if(judged.fates, [&note](const Fate& fate) {
        return fate.recipient && std::find(note.others.begin(), note.others.end(),
                                           fate.recipient->key()) != note.others.end();
    });
    return sorter.stage(message, std::move(judged));
}

// The queue takes it to the servers whose mailboxes these are, and tries again where they are down.
Result<> Release::hand_over(const Sorted& sorted) {
    mail::Sender sender;
    sender.address = sorted.judged.block.return_path;
    sender.body = mail::BodyType::eight_bit_mime;
    for (const HandedCopy& copy : sorted.handed) {
        Forward on = handed_over(sender, {copy.recipient, {}, {}}, copy.recipient, copy.server,
                                 world_.clock.wall());
        auto delivery =
            world_.spool->prepare(on.envelope, copy.content.parts(), copy.content.spilled);
        if (!delivery) return tl::unexpected(delivery.error());
        leaving_.push_back(std::move(*delivery));
    }
    return {};
}

Result<> Release::deliver(store::Held& held, const std::vector<store::Copy>& copies) {
    std::vector<store::Delivery> deliveries = std::exchange(leaving_, {});
    for (const store::Copy& copy : copies) {
        if (copy.directory == world_.layout.held_dir()) {
            if (auto added = held.add(copy); !added) return added;
            continue;
        }
        auto delivery = store::Delivery::write(world_.disk, disk::parent_path(copy.directory),
                                               copy.name.substr(0, copy.name.find(',')),
                                               copy.content.parts(), copy.content.spilled, {});
        if (!delivery) return tl::unexpected(delivery.error());
        deliveries.push_back(std::move(*delivery));
    }
    std::vector<std::pair<std::string, std::uint64_t>> sizes;
    for (const store::Delivery& each : deliveries)
        if (!each.maildir().empty()) sizes.emplace_back(each.maildir(), each.size());
    if (auto done = store_.commit(std::move(deliveries)); !done) return done;
    for (const auto& [maildir, size] : sizes) quotas_.delivered(maildir, size);
    return {};
}

Result<Released> Release::release(store::Held& held, const std::string& id,
                                  const std::optional<mail::Address>& to) {
    auto open = held.open(id);
    if (!open) return tl::unexpected(open.error());
    const auto message = read(world_.disk, world_.layout, *open);
    if (!message) return tl::unexpected(message.error());
    const config::Fetch fetch = settings(open->note);
    const Sorter sorter(
        {fetch,
         world_.directory,
         world_.today,
         world_.layout,
         world_.clock,
         world_.names,
         [this](const route::ToMailbox& box, std::uint64_t octets) { return takes(box, octets); },
         {},
         outgoing_.has_value(),
         outgoing_ ? &*outgoing_ : nullptr,
         world_.hostname});
    leaving_.clear();
    auto sorted = sort(sorter, fetch, message->arrived(), open->note, to);
    if (!sorted) return tl::unexpected(sorted.error());
    Released released{false, std::move(sorted->judged.fates), std::move(sorted->stays), false};
    if (!released.why.empty()) return released;
    if (!any_end<Placed>(released.fates) && !any_end<PassedOn>(released.fates)) {
        released.why = words(released.fates);
        return released;
    }
    auto done = hand_over(*sorted);
    if (done) done = deliver(held, sorted->copies);
    if (!done) return tl::unexpected(done.error());
    if (done = held.remove(id); !done) return tl::unexpected(done.error());
    released.done = true;
    released.held_again = any_end<SetAside>(released.fates);
    return released;
}

}  // namespace mailhandler::agent
