// A fetch from listing to QUIT on a disk that forgets: whatever step it is cut at, after a clean
// run every copy is there once. The server is a list of messages; what it deletes is what the run
// named.
#include "agent/retrieval.hpp"
#include "pop3/client_question.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <fmt/format.h>

#include "support/forgetful_disk.hpp"

using namespace mailhandler;
using mailhandler::test::ForgetfulDisk;
using mailhandler::test::Survives;

namespace {

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

std::string to(const std::string& recipient, const std::string& body) {
    return "X-Rcpt-To: " + recipient + "\r\nReceived: by host.example; x\r\nSubject: " + body +
           "\r\n\r\n" + body + "\r\n";
}

const std::vector<Message> usual = {
    {"1", to("anne@example.com", "first")},
    {"2", to("anne@example.com, bob@example.com", "second")},
    {"3", to("nobody@example.com", "third")},
    {"4", to("bob@example.com", "fourth" + std::string(600, 'x'))},
    {"5",
     "Return-Path: <sam@sender.example>\r\n"
     "Authentication-Results: h; spf=pass smtp.mailfrom=sender.example\r\n" +
         to("gone@example.com, out@example.com", "fifth")},
};

const std::string domain =
    "[mailbox.anne]\n[mailbox.bob]\nquota = \"4 KiB\"\n[bouncer.gone]\n"
    "[alias]\nout = [\"friend@far.example\"]\n";
const std::string office =
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

std::size_t files_with(const ForgetfulDisk& disk, const std::string& where,
                       const std::string& text) {
    std::size_t count = 0;
    for (const auto& [path, content] : disk.files())
        count += path.find(where) != path.npos && content.find(text) != content.npos;
    return count;
}

// What is wrong with what arrived of `usual`.
std::string verdict(const ForgetfulDisk& disk) {
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

struct Trial {
    std::function<void(ForgetfulDisk&)> crash;
    std::string keep = "0";
    Office::Sabotage sabotage = Office::Sabotage::none;
    std::function<void(ForgetfulDisk&)> lie = [](ForgetfulDisk&) {};
};

// Cuts a run at every step, crashes, then runs to the end twice; the first thing found wrong.
std::string cut_everywhere(const Trial& trial) {
    const std::string settings = office + "keep = \"" + trial.keep + "\"\n";
    for (std::size_t step = 1;; ++step) {
        ForgetfulDisk disk;
        trial.lie(disk);
        REQUIRE(disk::make_directories(disk, "/root/mail"));
        std::vector<Message> server = usual;
        disk.cut_at(disk.steps() + step);
        {
            Office first(disk, settings);
            // A machine that is cut off sends no QUIT.
            std::vector<Message> there = server;
            first.fetch(there, std::string::npos, trial.sabotage);
            if (!disk.is_cut() || trial.sabotage != Office::Sabotage::none) server = there;
        }
        if (!disk.is_cut()) return "";
        trial.crash(disk);
        for (int attempt = 0; attempt < 2; ++attempt) {
            Office again(disk, settings);
            again.names.next();
            for (int skip = 0; skip < 100 * (attempt + 1); ++skip) again.names.next();
            const auto harvest = again.fetch(server);
            if (!harvest || harvest->fault) return fmt::format("no recovery after step {}", step);
        }
        if (const std::string wrong = verdict(disk); !wrong.empty())
            return fmt::format("{} after step {}", wrong, step);
        if (server.size() != (trial.keep == "0" ? 0 : usual.size())) return "not deleted";
    }
}

// A mailbox that was collected under one UIDVALIDITY (0: by POP3) is numbered anew, and the run that
// finds it so is cut at every step, or its line is lost after each message.
std::string numbered_anew(std::uint64_t before, std::uint64_t after, bool by_line) {
    const std::string settings = office + "keep = \"forever\"\n";
    for (std::size_t step = 1;; ++step) {
        ForgetfulDisk disk;
        REQUIRE(disk::make_directories(disk, "/root/mail"));
        std::vector<Message> server = usual;
        Office first(disk, settings);
        first.validity = before;
        first.fetch(server);
        for (Message& message : server) message.uidl = "1" + message.uidl;
        if (!by_line) disk.cut_at(disk.steps() + step);
        {
            Office second(disk, settings);
            second.validity = after;
            second.fetch(server, by_line ? step - 1 : std::string::npos);
        }
        const bool over = by_line ? step > usual.size() : !disk.is_cut();
        disk.crash();
        Office again(disk, settings);
        again.validity = after;
        const auto harvest = again.fetch(server);
        if (!harvest || harvest->fault) return fmt::format("no recovery after step {}", step);
        if (harvest->fetched != 0) return fmt::format("something twice after step {}", step);
        if (const std::string wrong = verdict(disk); !wrong.empty())
            return fmt::format("{} after step {}", wrong, step);
        if (over) return "";
    }
}

}  // namespace

TEST_CASE("Messages of a few octets are held octet for octet, however many come at once") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root/mail"));
    Office there(disk);
    std::vector<Message> server = {{"0", to("anne@example.com", "first")}};
    for (int i = 1; i <= 300; ++i)
        server.push_back({std::to_string(i), fmt::format("a: {}\r\n\r\n", i)});
    REQUIRE(there.fetch(server)->held["missing-header"] == 300);
    for (int i = 1; i <= 300; ++i)
        CHECK(files_with(disk, "/root/held/", fmt::format("\na: {}\r\n\r\n", i)) == 1);
}

TEST_CASE("A fetch that is cut at any step brings every message home once") {
    CHECK(cut_everywhere({[](ForgetfulDisk& disk) { disk.kill(); }}) == "");
    CHECK(cut_everywhere({[](ForgetfulDisk& disk) { disk.crash(); }}) == "");
    CHECK(cut_everywhere({[](ForgetfulDisk& disk) { disk.crash(Survives::journal, 3); }}) == "");
    CHECK(cut_everywhere({[](ForgetfulDisk& disk) { disk.kill(); }, "forever"}) == "");
}

TEST_CASE("A mailbox that is numbered anew brings nothing twice, wherever the run is cut") {
    for (const bool by_line : {false, true}) {
        CHECK(numbered_anew(7, 8, by_line) == "");
        CHECK(numbered_anew(0, 7, by_line) == "");
        CHECK(numbered_anew(7, 0, by_line) == "");
    }
}

TEST_CASE("Deleting before it is durable is caught, and so is a disk that lies") {
    Trial trial{[](ForgetfulDisk& disk) { disk.crash(); }};
    trial.sabotage = Office::Sabotage::delete_at_once;
    CHECK(cut_everywhere(trial) != "");
    Trial lying{[](ForgetfulDisk& disk) { disk.crash(Survives::journal, 3); }};
    lying.lie = [](ForgetfulDisk& disk) { disk.lie_about_file_sync(); };
    CHECK(cut_everywhere(lying) != "");
}

TEST_CASE("A line that breaks after any message costs nothing") {
    for (std::size_t lost_at = 0; lost_at <= usual.size(); ++lost_at) {
        ForgetfulDisk disk;
        Office office_run(disk);
        std::vector<Message> server = usual;
        const auto broken = office_run.fetch(server, lost_at);
        CHECK(broken->fault->temporary);
        CHECK(broken->deleted == 0);
        CHECK(server.size() == usual.size());
        const auto whole = office_run.fetch(server);
        CHECK_FALSE(whole->fault);
        CHECK(whole->deleted == usual.size());
        CHECK(verdict(disk) == "");
        CHECK(office_run.events.size() == 7);
    }
}

TEST_CASE("A disk that fails stops the run for now, and nothing is deleted that is not safe") {
    for (const int error : {ENOSPC, EIO}) {
        for (std::size_t step = 1;; ++step) {
            ForgetfulDisk disk;
            REQUIRE(disk::make_directories(disk, "/root/mail"));
            std::vector<Message> server = usual;
            disk.fail_at(disk.steps() + step, error);
            const std::size_t before = disk.steps();
            {
                Office first(disk);
                const auto harvest = first.fetch(server);
                if (harvest && harvest->fault) CHECK(harvest->fault->temporary);
                if (first.fault) CHECK(first.fault->temporary);
            }
            if (disk.steps() < before + step) break;
            Office again(disk);
            for (int skip = 0; skip < 100; ++skip) again.names.next();
            REQUIRE(again.fetch(server));
            INFO(error << " at " << disk.step_name(before + step));
            CHECK(verdict(disk) == "");
            CHECK(server.empty());
        }
    }
}

TEST_CASE("A UIDL says too little, the content tells") {
    ForgetfulDisk disk;
    Office run(disk, office + "keep = \"forever\"\n");
    const std::string a = to("anne@example.com", "aaaa"), b = to("anne@example.com", "bbbb");
    const auto arrived = [&] { return files_with(disk, "/anne/new/", ""); };

    SECTION("one message listed twice arrives once") {
        std::vector<Message> server = {{"u", a}, {"u", a}};
        run.fetch(server);
        CHECK(arrived() == 1);
        run.fetch(server);
        CHECK(arrived() == 1);
    }
    SECTION("two messages with one UIDL both arrive, and once") {
        std::vector<Message> server = {{"u", a}, {"u", b}, {"v", a}};
        run.fetch(server);
        CHECK(arrived() == 3);
        run.fetch(server);
        server.erase(server.begin());  // the user deletes one
        run.fetch(server);
        run.fetch(server);
        CHECK(run.fetched == 0);
        CHECK(arrived() == 3);
    }
    SECTION("a UIDL that had one message gets a second") {
        std::vector<Message> server = {{"u", a}};
        run.fetch(server);
        server.push_back({"u", b});
        run.fetch(server);
        run.fetch(server);
        CHECK(arrived() == 2);
    }
    SECTION("a UIDL with another size is another message") {
        std::vector<Message> server = {{"u", a}};
        run.fetch(server);
        server = {{"u", to("anne@example.com", "cc")}};
        run.fetch(server);
        CHECK(arrived() == 2);
    }
    SECTION("another announced size alone is not") {
        std::vector<Message> server = {{"u", a, 7}};
        run.fetch(server);
        server = {{"u", a, 8}};
        run.fetch(server);
        CHECK(run.fetched == 1);
        run.fetch(server);
        CHECK(run.fetched == 0);
        CHECK(arrived() == 1);
    }
}

TEST_CASE("After QUIT only the content tells whether a UIDL is listed still or again") {
    ForgetfulDisk disk;
    Office run(disk);
    const std::string a = to("anne@example.com", "aaaa"), b = to("anne@example.com", "bbbb");
    std::vector<Message> server = {{"u", a}};
    run.fetch(server);
    REQUIRE(server.empty());
    SECTION("the same: the server did not delete it") {
        server = {{"u", a}};
        const auto harvest = run.fetch(server);
        CHECK(harvest->again == 1);
        CHECK(files_with(disk, "/anne/new/", "") == 1);
    }
    SECTION("another of the same size: it used the UIDL again") {
        server = {{"u", b}};
        run.fetch(server);
        CHECK(files_with(disk, "/anne/new/", "") == 2);
    }
    CHECK(server.empty());
}

TEST_CASE("What is kept for seven days goes after seven days") {
    ForgetfulDisk disk;
    Office run(disk, office + "keep = \"7d\"\n");
    std::vector<Message> server = usual;
    run.fetch(server);
    run.clock.at += std::chrono::hours(24 * 7 - 1);
    server.push_back({"6", to("anne@example.com", "sixth")});
    run.fetch(server);
    CHECK(server.size() == 6);
    CHECK(run.fetched == 1);
    run.clock.at += std::chrono::hours(2);
    const auto harvest = run.fetch(server);
    CHECK(harvest->deleted == 5);
    CHECK(server.size() == 1);
    CHECK(run.fetched == 0);
}

TEST_CASE("A first run that places none of its first messages stops, and nothing has happened") {
    ForgetfulDisk disk;
    Office run(disk);
    std::vector<Message> server;
    for (int i = 0; i < 30; ++i)
        server.push_back({std::to_string(i), to("somebody@provider.example", "x")});
    const auto harvest = run.fetch(server);
    CHECK(harvest->braked);
    CHECK(server.size() == 30);
    CHECK(files_with(disk, "/root/held/", "") + files_with(disk, "/new/", "") == 0);
    CHECK(run.events.empty());
    REQUIRE_FALSE(harvest->headers.empty());
    CHECK(harvest->headers[0].find("somebody@provider.example") != std::string::npos);

    // One recipient among the first twenty is enough.
    server[19].content = to("anne@example.com", "x");
    const auto again = run.fetch(server);
    CHECK_FALSE(again->braked);
    CHECK(again->deleted == 30);
    CHECK(again->held.at("foreign-domain") == 29);
    // Later runs hold whatever comes.
    for (int i = 0; i < 30; ++i)
        server.push_back({"n" + std::to_string(i), to("x@y.example", "x")});
    CHECK(run.fetch(server)->held.at("foreign-domain") == 30);
}

TEST_CASE("What does not fit stays on the server") {
    ForgetfulDisk disk;
    Office run(disk);
    std::vector<Message> server = {{"1", to("bob@example.com", std::string(5000, 'b'))},
                                   {"2", to("anne@example.com", "a")}};
    const auto harvest = run.fetch(server);
    CHECK(harvest->waiting.size() == 1);
    CHECK(server.size() == 1);
    CHECK(files_with(disk, "/bob/new/", "") == 0);
    run.errand.held_size = 10;
    server.push_back({"3", to("nobody@example.com", "n")});
    CHECK(run.fetch(server)->waiting.size() == 2);
    CHECK(server.size() == 2);
}

TEST_CASE("What waits for room is not fetched again before there is some") {
    ForgetfulDisk disk;
    Office run(disk);
    std::vector<Message> server = {{"1", to("bob@example.com", std::string(5000, 'b'))},
                                   {"2", to("anne@example.com", "a")},
                                   {"3", to("nobody@example.com", "n")}};
    run.errand.held_size = 10;
    const auto first = run.fetch(server);
    CHECK(run.fetched == 3);
    for (int again = 0; again < 2; ++again) {
        const auto harvest = run.fetch(server);
        CHECK(run.fetched == 0);
        CHECK(harvest->waiting == first->waiting);
        CHECK(harvest->unfinished());
    }
    // Whom it is for may have been changed: after an hour its content is asked again.
    run.clock.at += std::chrono::minutes(61);
    run.fetch(server);
    CHECK(run.fetched == 2);
    run.fetch(server);
    CHECK(run.fetched == 0);
    // Another message under that UIDL is another matter.
    const Message waiting = std::exchange(server[0], {"1", to("bob@example.com", "small")});
    run.fetch(server);
    CHECK(run.fetched == 1);
    CHECK(files_with(disk, "/bob/new/", "") == 1);
    server.push_back({"4", waiting.content});
    run.fetch(server);
    CHECK(run.fetched == 1);
    // There is room: a larger quota, a larger held area.
    run.serve("[mailbox.anne]\n[mailbox.bob]\nquota = \"64 KiB\"\n");
    run.fetch(server);
    CHECK(run.fetched == 1);
    CHECK(files_with(disk, "/bob/new/", "") == 2);
    run.errand.held_size = 1 << 20;
    run.fetch(server);
    CHECK(run.fetched == 1);
    CHECK(server.empty());
}

TEST_CASE("The held area is looked at again while a run goes on") {
    ForgetfulDisk disk;
    Office run(disk);
    run.errand.held_size = 10;
    std::vector<Message> server = {{"1", to("nobody@example.com", "n")}};
    CHECK(run.fetch(server)->waiting.size() == 1);
    run.errand.held_size = 1 << 20;
    CHECK(run.fetch(server)->newly_held() == 1);
    CHECK(server.empty());
}

TEST_CASE("A message that cannot be written is held, and the others arrive") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root/mail/example.com"));
    REQUIRE(disk::replace_file(disk, "/root/mail/example.com/anne", "not a directory"));
    Office run(disk);
    std::vector<Message> server = {{"1", to("anne@example.com", "a")},
                                   {"2", to("bob@example.com", "b")}};
    const auto harvest = run.fetch(server);
    CHECK_FALSE(harvest->fault);
    CHECK(harvest->held.at("poison") == 1);
    CHECK(files_with(disk, "/bob/new/", "") == 1);
    CHECK(server.empty());
}

TEST_CASE("A large message is spilled, and arrives octet for octet") {
    ForgetfulDisk disk;
    Office run(disk);
    run.errand.held_size = 10 << 20;
    std::string body;
    while (body.size() < 3'000'000) body += fmt::format("line {}\r\n", body.size());
    std::vector<Message> server = {{"1", to("anne@example.com, nobody@example.com", "it") + body}};
    run.fetch(server);
    CHECK(files_with(disk, "/anne/new/", "\r\n\r\nit\r\n" + body) == 1);
    CHECK(files_with(disk, "/root/held/", "\r\n\r\nit\r\n" + body) == 1);
    CHECK(server.empty());
}

TEST_CASE("A rehearsal changes nothing and tells each recipient's fate") {
    ForgetfulDisk disk;
    Office run(disk);
    std::vector<Message> server = usual;
    std::size_t told = 0;
    run.errand.rehearsal = true;
    run.errand.rehearsed = [&](const agent::Rehearsed& message) {
        told += message.judged.fates.size();
    };
    const auto harvest = run.fetch(server);
    CHECK(told == 7);
    CHECK(harvest->placed.at("anne@example.com") == 2);
    CHECK(disk.steps() == 0);
    CHECK(server.size() == usual.size());
}

namespace {

const std::string handing = office + "deliver = \"lmtp://127.0.0.1:24\"\n";

// The server that takes the sorted mail.
struct LocalServer {
    std::map<std::string, smtp::Reply> replies;              // else 250
    std::vector<std::pair<std::string, std::string>> taken;  // recipient, content
    bool down = false;
    ForgetfulDisk* cut_off = nullptr;

    agent::CallServer caller() {
        return [this](const std::string& server, agent::Handover& owner) {
            CHECK(server == "lmtp://127.0.0.1:24");
            return down ? std::optional<smtp::Reply>({451, "", "refused"}) : serve(owner);
        };
    }
    std::optional<smtp::Reply> serve(agent::Handover& owner) {
        for (;;) {
            const auto answer = owner.answer(smtp::WantMessage());
            if (!answer.message) return {};
            REQUIRE(answer.message->recipients.size() == 1);
            const std::string to = answer.message->recipients[0].address.given();
            std::string text(answer.message->body->size(), '\0');
            for (std::size_t at = 0; at < text.size();)
                at += *answer.message->body->read_at(at, text.data() + at, text.size() - at);
            const auto reply = replies.find(to);
            const bool refuses = reply != replies.end();
            // A process that was killed sends nothing.
            if (cut_off && cut_off->is_cut()) return smtp::Reply{451, "", "killed"};
            if (!refuses) taken.emplace_back(to, text);
            owner.answer(smtp::Outcome{{refuses ? reply->second : smtp::Reply{250, "", "ok"}}, {}});
        }
    }
    std::size_t count(const std::string& to, const std::string& body) const {
        std::size_t found = 0;
        for (const auto& [recipient, text] : taken)
            found += recipient == to && text.find("\r\n\r\n" + body) != text.npos;
        return found;
    }
};

}  // namespace

TEST_CASE("What another server takes is handed to it, each copy with its own recipient") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root/mail"));
    Office here(disk, handing);
    LocalServer local;
    here.house.call_server = local.caller();
    std::vector<Message> server = usual;
    server.push_back({"5", "Return-Path: <x@y.example>\r\n" + to("anne@example.com", "fifth")});
    const auto harvest = here.fetch(server);
    REQUIRE(harvest);
    CHECK(server.empty());
    CHECK(local.taken.size() == 5);
    CHECK(local.count("anne@example.com", "second") == 1);
    CHECK(local.count("bob@example.com", "second") == 1);
    for (const auto& [to, text] : local.taken) {
        CHECK(
            text.starts_with("X-Rcpt-To: " + to + "\r\nX-POP3-Rcpt: " + to + "\r\nDelivered-To: "));
        CHECK(text.find("Return-Path") == text.npos);
        CHECK(text.find("\r\nReceived: by host.example; x\r\n") != text.npos);
    }
    CHECK(files_with(disk, "/new/", "") == 0);
    CHECK(files_with(disk, "/root/held/", "third") == 1);
}

TEST_CASE("What it puts off stays on the host, and nobody gets theirs twice") {
    ForgetfulDisk disk;
    REQUIRE(disk::make_directories(disk, "/root/mail"));
    std::vector<Message> server = {{"1", to("bob@example.com", "zero")}, usual[1]};
    LocalServer local;
    local.replies["bob@example.com"] = {452, "4.2.2", "full"};
    for (int run = 0; run < 3; ++run) {
        Office here(disk, handing);
        here.house.call_server = local.caller();
        const auto harvest = here.fetch(server);
        REQUIRE(harvest);
        CHECK(server.size() == 2);
        CHECK(harvest->waiting.size() == 1);
        CHECK(local.taken.size() == 1);
    }
    local.down = true;
    Office down(disk, handing);
    down.house.call_server = local.caller();
    down.fetch(server);
    CHECK(server.size() == 2);
    local.down = false;
    local.replies.clear();
    Office last(disk, handing);
    last.house.call_server = local.caller();
    last.fetch(server);
    CHECK(server.empty());
    CHECK(local.count("anne@example.com", "second") == 1);
    CHECK(local.count("bob@example.com", "second") == 1);
    CHECK(local.count("bob@example.com", "zero") == 1);
}

TEST_CASE("What it refuses is treated as an unknown address, and the others get theirs") {
    for (const auto& [unknown, where] : std::map<std::string, std::string>{
             {"hold", "/root/held/"}, {"bounce", "/root/held/"}, {"drop", ""}}) {
        ForgetfulDisk disk;
        REQUIRE(disk::make_directories(disk, "/root/mail"));
        std::string settings = handing;
        settings.replace(settings.find("unknown = \"hold\""), 16, "unknown = \"" + unknown + "\"");
        Office here(disk, settings);
        LocalServer local;
        here.house.call_server = local.caller();
        local.replies["bob@example.com"] = {550, "5.1.1", "No such user here"};
        std::vector<Message> server = {usual[1]};
        REQUIRE(here.fetch(server));
        CHECK(server.empty());
        CHECK(local.taken.size() == 1);
        CHECK(local.count("anne@example.com", "second") == 1);
        CHECK(files_with(disk, "/root/held/", "No such user here") == (where.empty() ? 0 : 1));
    }
}

TEST_CASE(
    "A hand-over that is cut at any step gives each recipient theirs, at most one of them twice") {
    for (std::size_t step = 1;; ++step) {
        ForgetfulDisk disk;
        REQUIRE(disk::make_directories(disk, "/root/mail"));
        std::vector<Message> server = {usual[0], usual[1], {"5", to("bob@example.com", "fifth")}};
        LocalServer local;
        local.cut_off = &disk;
        disk.cut_at(disk.steps() + step);
        {
            Office first(disk, handing);
            first.house.call_server = local.caller();
            std::vector<Message> there = server;
            first.fetch(there, std::string::npos);
            if (!disk.is_cut()) break;
        }
        disk.crash();
        local.cut_off = nullptr;
        Office again(disk, handing);
        again.house.call_server = local.caller();
        REQUIRE(again.fetch(server));
        INFO("step " << step);
        CHECK(server.empty());
        CHECK(local.count("anne@example.com", "first") >= 1);
        CHECK(local.count("anne@example.com", "second") >= 1);
        CHECK(local.count("bob@example.com", "second") >= 1);
        CHECK(local.count("bob@example.com", "fifth") >= 1);
        CHECK(local.taken.size() <= 5);
    }
}
