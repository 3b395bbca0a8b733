// An office that collects again and again on a disk that forgets. Its server is a list of messages,
// and what it deletes is what the run named.
#pragma once

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/retrieval.hpp"
#include "pop3/client_question.hpp"
#include "support/forgetful_disk.hpp"

namespace collecting {

using namespace mailhandler;
using mailhandler::test::ForgetfulDisk;
using mailhandler::test::Survives;

class StoodClock final : public Clock {
  public:
    Instant now() const override { return std::chrono::steady_clock::now(); }
    WallTime wall() const override { return at; }
    WallTime at{std::chrono::seconds(1'795'411'214)};
};

struct Message {
    std::string uidl, content;
    std::optional<std::uint64_t> announced = {};
};

inline std::string to(const std::string& recipient, const std::string& body) {
    return "X-Rcpt-To: " + recipient + "\r\nReceived: by host.example; x\r\nSubject: " + body +
           "\r\n\r\n" + body + "\r\n";
}

inline const std::vector<Message> usual = {
    {"1", to("anne@example.com", "first")},
    {"2", to("anne@example.com, bob@example.com", "second")},
    {"3", to("nobody@example.com", "third")},
    {"4", to("bob@example.com", "fourth" + std::string(600, 'x'))},
    {"5",
     "Return-Path: <sam@sender.example>\r\n"
     "Authentication-Results: h; spf=pass smtp.mailfrom=sender.example\r\n" +
         to("gone@example.com, out@example.com", "fifth")},
};

inline const std::string domain =
    "[mailbox.anne]\n[mailbox.bob]\nquota = \"4 KiB\"\n[bouncer.gone]\n"
    "[alias]\nout = [\"friend@far.example\"]\n";
inline const std::string office =
    "server = \"pop3://127.0.0.1\"\nlogin = \"l\"\npassword_file = \"p\"\ndomain = "
    "\"example.com\"\nunknown = \"hold\"\n";

// The same as an IMAP server would list it.
class Numbered final : public wire::Listing {
  public:
    Numbered(std::shared_ptr<const pop3::Listing> listing, std::uint64_t validity)
        : listing_(std::move(listing)), validity_(validity) {}
    std::size_t count() const override { return listing_->count(); }
    std::uint64_t number(std::size_t index) const override { return listing_->number(index); }
    std::uint64_t size(std::size_t index) const override { return listing_->size(index); }
    std::string uid(std::size_t index) const override { return listing_->uid(index); }
    std::string mailbox() const override { return "INBOX"; }
    std::uint64_t validity() const override { return validity_; }
    bool well_formed() const override { return listing_->well_formed(); }
    std::size_t misunderstood() const override { return listing_->misunderstood(); }
    const std::vector<std::string>& complaints() const override { return listing_->complaints(); }
    const std::vector<std::uint32_t>& repeated() const override { return listing_->repeated(); }

  private:
    std::shared_ptr<const pop3::Listing> listing_;
    std::uint64_t validity_;
};

// The office, over and over again on one disk.
struct Office {
    explicit Office(ForgetfulDisk& on, const std::string& settings = office) : disk(on) {
        auto loaded = config::parse_fetch(settings, "fetch/o.toml", "o");
        REQUIRE(loaded.ok());
        errand.fetch = std::make_shared<const config::Fetch>(std::move(*loaded.value));
        serve(domain);
        errand.held_size = 1 << 20;
    }
    void serve(const std::string& file) {
        auto parsed = config::parse_domain(file, "domains/example.com.toml", "example.com");
        REQUIRE(parsed.ok());
        errand.directory = route::Directory(
            {{"example.com", std::make_shared<const route::Domain>(std::move(*parsed.value))}});
    }

    enum class Sabotage { none, delete_at_once };

    // One run; nothing where it could not begin. `lost_at`: the line breaks after so many messages.
    std::optional<agent::Harvest> fetch(std::vector<Message>& server,
                                        std::size_t lost_at = std::string::npos,
                                        Sabotage sabotage = Sabotage::none) {
        auto begun = agent::Retrieval::begin(house, errand);
        if (!begun) {
            fault = begun.error();
            return {};
        }
        agent::Retrieval& run = **begun;
        std::shared_ptr<const wire::Listing> listing = list(server);
        if (validity != 0) listing = std::make_shared<Numbered>(list(server), validity);
        auto plan = std::get<pop3::Plan>(run.answer(pop3::Listed{listing}));
        fetched = plan.fetch.size();
        std::vector<std::uint32_t> remove = plan.remove;
        const auto heed = [&](pop3::ClientAnswer answer) {
            auto progress = std::get<pop3::Progress>(std::move(answer));
            remove.insert(remove.end(), progress.remove.begin(), progress.remove.end());
            return !progress.stop;
        };
        bool going = true;
        for (std::size_t i = 0; i < plan.fetch.size() && i < lost_at && going; ++i) {
            going = heed(run.answer(pieces_of(server, plan.fetch[i])));
            if (sabotage == Sabotage::delete_at_once) remove.push_back(plan.fetch[i]);
        }
        const bool whole = lost_at == std::string::npos;
        pop3::Outcomes outcomes;
        outcomes.listed = true;
        outcomes.well_formed = listing->well_formed();
        outcomes.messages = listing->count();
        heed(run.answer(pop3::Settle{whole}));
        outcomes.complete = whole && going;
        outcomes.cause = whole ? "stopped" : "the line broke";
        if (whole || sabotage != Sabotage::none) {
            outcomes.deleted = remove;
            std::vector<Message> left;
            for (std::uint32_t i = 0; i < server.size(); ++i)
                if (std::find(remove.begin(), remove.end(), i) == remove.end())
                    left.push_back(server[i]);
            server = std::move(left);
        }
        run.answer(pop3::Finished{outcomes});
        return run.harvest();
    }

    std::shared_ptr<const pop3::Listing> list(const std::vector<Message>& server) const {
        auto listing = std::make_shared<pop3::Listing>();
        for (std::size_t i = 0; i < server.size(); ++i)
            listing->add_uidl(fmt::format("{} {}", i + 1, server[i].uidl));
        listing->uidls_complete();
        for (std::size_t i = 0; i < server.size(); ++i)
            listing->add_size(fmt::format("{} {}", i + 1,
                                          server[i].announced.value_or(server[i].content.size())));
        listing->sizes_complete();
        return listing;
    }

    // In two pieces, so that they are put together.
    static pop3::Received pieces_of(const std::vector<Message>& server, std::uint32_t index) {
        const std::string& content = server.at(index).content;
        using End = pop3::Piece::End;
        return {{{index, true, End::more, content.substr(0, content.size() / 2)},
                 {index, false, End::complete, content.substr(content.size() / 2)}}};
    }

    ForgetfulDisk& disk;
    StoodClock clock;
    store::Layout layout{"/root"};
    store::UniqueNames names{clock, "n", 1};
    store::Quotas quotas{disk, clock, std::chrono::seconds(0)};
    store::Spool spool{disk, layout, clock, "n"};
    mail::Srs srs{{"a secret of some length"}};
    agent::Bounces bounces{names, clock};
    agent::Outgoing outgoing = agent::into(spool, srs, bounces, {});
    std::vector<watch::Event> events;
    agent::Storehouse house{
        disk,  layout,   clock,
        names, quotas,   [this](watch::Event event) { events.push_back(std::move(event)); },
        Log(), {}, &outgoing};
    agent::Errand errand;
    std::uint64_t validity = 0;  // of an IMAP server's mailbox
    std::size_t fetched = 0;
    std::optional<Fault> fault;
};

inline std::size_t files_with(const ForgetfulDisk& disk, const std::string& where,
                              const std::string& text) {
    std::size_t count = 0;
    for (const auto& [path, content] : disk.files())
        count += path.find(where) != path.npos && content.find(text) != content.npos;
    return count;
}

// What is wrong with what arrived of `usual`.
inline std::string verdict(const ForgetfulDisk& disk) {
    const std::vector<std::pair<std::string, std::string>> wanted = {
        {"/anne/new/", "first"},  {"/anne/new/", "second"}, {"/bob/new/", "second"},
        {"/root/held/", "third"}, {"/bob/new/", "fourth"},  {"/root/queue/", "fifth"}};
    std::size_t visible = files_with(disk, "/new/", "") + files_with(disk, "/root/held/", "");
    for (const auto& [where, body] : wanted) {
        const auto count = files_with(disk, where, "\r\n\r\n" + body);
        if (count != 1) return fmt::format("{} times {} in {}", count, body, where);
    }
    // The forward of the last, and its bounce.
    const auto bounces = files_with(disk, "/root/queue/", "Action: failed");
    if (bounces != 1) return fmt::format("{} bounces", bounces);
    std::size_t envelopes = 0;
    for (const auto& [path, content] : disk.files()) envelopes += path.ends_with(".msg");
    visible += envelopes - 1;
    return visible == wanted.size() ? "" : fmt::format("{} files", visible);
}

}  // namespace collecting
