// A mailroom on any disk, with a clock that stands still, and whole transactions with it: what the
// tests of receptions share.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/delivery.hpp"
#include "config/load.hpp"
#include "store/journal.hpp"

namespace mailhandler::test {

class StillClock final : public Clock {
  public:
    Instant now() const override { return now_; }
    WallTime wall() const override { return wall_; }
    void pass(std::chrono::milliseconds time) { now_ += time, wall_ += time; }
    void set_wall(WallTime wall) { wall_ = wall; }

  private:
    Instant now_ = Instant() + std::chrono::hours(1);
    WallTime wall_{std::chrono::seconds(1'795'411'214)};
};

// What one transaction is to be.
struct Mail {
    std::string sender = "a@client.example";
    std::vector<std::string> recipients;
    std::string content;
    std::optional<std::uint64_t> size = {};  // SIZE=
    std::size_t block = 0;                   // octets spilled at a time; 0: never
};

class TestRoom {
  public:
    using Domains = std::vector<std::pair<std::string, std::string>>;  // name, file

    explicit TestRoom(disk::Disk& disk, const Domains& domains, const std::string& root = "/r")
        : layout(root),
          store(disk),
          names(clock, "mx", 7),
          quotas(disk, clock),
          journal(disk, layout, "mx", clock),
          recorder(journal, clock, Log()),
          room{disk, layout, store, names, quotas, clock, recorder, Log(), {}} {
        route::Directory::Domains read;
        for (const auto& [name, text] : domains) {
            auto domain = config::parse_domain(text, "domains/" + name + ".toml", name);
            if (!domain.ok()) throw std::runtime_error(domain.problems.front().show());
            read[name] = std::make_shared<const route::Domain>(std::move(*domain.value));
        }
        auto server = config::parse_server("hostname = \"mail.example.com\"\n", "mailhandler.toml");
        room.snapshot = {std::make_shared<const config::Server>(std::move(*server.value)),
                         route::Directory(std::move(read))};
        client.peer.address = "192.0.2.7";
        client.helo = "client.example";
        client.esmtp = true;
    }

    // Every reply as "550 5.1.1": those to RCPT, then those to the end of DATA (none where nobody
    // was accepted).
    std::vector<std::string> deliver(const Mail& mail, bool lmtp = false) {
        agent::Reception reception(room, client, lmtp ? smtp::Service::lmtp : smtp::Service::mx);
        mail::Envelope envelope;
        if (!mail.sender.empty()) envelope.sender.address = *mail::Address::parse(mail.sender);
        envelope.sender.size = mail.size;
        reception.answer(smtp::MayFrom{envelope.sender});
        std::vector<std::string> said;
        for (const std::string& text : mail.recipients) {
            const mail::Recipient recipient{*mail::Address::parse_recipient(text), {}, {}};
            const auto reply = one(reception.answer(
                smtp::MayTo{&envelope.sender, recipient, envelope.recipients.size()}));
            said.push_back(shown(reply));
            if (reply.positive()) envelope.recipients.push_back(recipient);
        }
        if (envelope.recipients.empty()) return said;
        for (auto& reply : content(reception, mail, std::move(envelope)))
            said.push_back(shown(reply));
        return said;
    }

    static std::string shown(const smtp::Reply& reply) {
        return std::to_string(reply.code) + ' ' + reply.enhanced;
    }

    StillClock clock;
    const store::Layout layout;
    store::Store store;
    store::UniqueNames names;
    store::Quotas quotas;
    store::Journal journal;
    agent::Recorder recorder;
    agent::Mailroom room;
    smtp::Client client;

  private:
    static smtp::Reply one(smtp::Answer answer) {
        if (answer.replies.size() != 1) throw std::logic_error("not one reply");
        return answer.replies.front();
    }

    static std::vector<smtp::Reply> content(agent::Reception& reception, const Mail& mail,
                                            mail::Envelope envelope) {
        std::size_t at = 0;
        while (mail.block != 0 && mail.content.size() - at > mail.block) {
            auto reply = one(reception.answer(smtp::Spill{mail.content.substr(at, mail.block)}));
            at += mail.block;
            if (reply.positive()) continue;
            reception.answer(smtp::Discard());
            return {reply};
        }
        return reception.answer(smtp::Commit{std::move(envelope), mail.content.substr(at)}).replies;
    }
};

// Whatever lies in a new/, by the mailbox's directory ("example.com/anne").
inline std::multimap<std::string, std::string> visible(
    const std::map<std::string, std::string>& files, const std::string& mail = "/r/mail/") {
    std::multimap<std::string, std::string> found;
    for (const auto& [path, text] : files) {
        const auto at = path.find("/new/");
        if (path.starts_with(mail) && at != path.npos)
            found.emplace(path.substr(mail.size(), at - mail.size()), text);
    }
    return found;
}

}  // namespace mailhandler::test
