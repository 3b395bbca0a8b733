// What each person's copy says: octet for octet what was sent, with its own address and nobody
// else's.
#include <catch2/catch.hpp>

#include "collected_mail.hpp"
#include "mail/stamp.hpp"

using namespace office;

namespace {

// The addresses among `all` that the believed part of a copy speaks of, to whoever reads it.
std::vector<std::string> spoken_of(const std::string& copy, const std::vector<std::string>& all) {
    const std::string head = copy.substr(0, mail::read_trusted_block(copy, {}).size);
    std::vector<std::string> found;
    for (const std::string& each : all)
        if (names(head, each)) found.push_back(each);
    return found;
}

const std::vector<std::string> colleagues = {"anne@example.com", "bob@example.com"};

void check_bcc(const std::vector<std::string>& annes, const std::vector<std::string>& bobs) {
    REQUIRE(annes.size() == 1);
    REQUIRE(bobs.size() == 1);
    CHECK(spoken_of(annes[0], colleagues) == std::vector<std::string>{"anne@example.com"});
    CHECK(spoken_of(bobs[0], colleagues) == std::vector<std::string>{"bob@example.com"});
    CHECK(annes[0] ==
          mail::envelope_lines("anne@example.com", "anne@example.com") + genuine + received + rest);
    CHECK(bobs[0] ==
          mail::envelope_lines("bob@example.com", "bob@example.com") + genuine + received + rest);
}

}  // namespace

TEST_CASE("a sorting that keeps the others' addresses would be seen") {
    const std::string lines = mail::envelope_lines("anne@example.com", "anne@example.com");
    for (const char* kept : {"X-Rcpt-To: anne@example.com, bob@example.com\r\n",
                             "Envelope-To: anne@example.com,\r\n bob@example.com\r\n",
                             "Delivered-To: bob@example.com\r\n"})
        CHECK(spoken_of(lines + kept + genuine + received + rest, colleagues) == colleagues);
}

TEST_CASE("a Bcc to two colleagues becomes two copies, each with its own address only") {
    const std::vector<std::string> heads = {
        "X-Rcpt-To: anne@example.com, bob@example.com\r\n",
        "X-Rcpt-To: anne@example.com,\r\n\tbob@example.com\r\n",
        "X-Rcpt-To: <anne@example.com>\r\nX-Rcpt-To: <bob@example.com>\r\n",
        "x-rcpt-TO : anne@example.com\r\nX-POP3-Rcpt: anne@example.com\r\n"
        "X-Rcpt-To: bob@example.com\r\nX-POP3-Rcpt: bob@example.com\r\n",
        "Envelope-To: anne@example.com, bob@example.com\r\nDelivered-To: example.com\r\n",
        "X-Rcpt-To: anne@example.com, bob@example.com\r\nX-Original-To: bob@example.com\r\n"
        "Envelope-To: anne@example.com, bob@example.com\r\nDelivered-To: bob@example.com\r\n",
    };
    for (const std::string& head : heads) {
        CAPTURE(head);
        Office office;
        auto found = office.collect(head + genuine + received + rest);
        CHECK(found.size() == 2);
        check_bcc(found["/mail/example.com/anne/new"], found["/mail/example.com/bob/new"]);
        Office other;  // the header between and behind the host's other lines
        found = other.collect(genuine + head + received + rest);
        check_bcc(found["/mail/example.com/anne/new"], found["/mail/example.com/bob/new"]);
    }
}

TEST_CASE("headers of the same names below the trusted block stay in each copy") {
    Office office;
    const std::string below = "X-Rcpt-To: list@other.example\r\nDelivered-To: x@other.example\r\n";
    auto found =
        office.collect(genuine + "X-Rcpt-To: anne@example.com\r\n" + received + below + rest);
    CHECK(found["/mail/example.com/anne/new"].at(0) ==
          mail::envelope_lines("anne@example.com", "anne@example.com") + genuine + received +
              below + rest);
}

TEST_CASE("copies are octet for octet what was sent but for the envelope") {
    Office office;
    std::string message =
        "X-Rcpt-To: anne@example.com\nReceived: by host.example; date\n"
        "Subject: bare line feeds\n\nbody\n.\n";
    message += std::string("NUL \0 and \xff", 11);
    auto found = office.collect(message);
    CHECK(found["/mail/example.com/anne/new"].at(0) ==
          mail::envelope_lines("anne@example.com", "anne@example.com") +
              message.substr(message.find("Received")));
}

TEST_CASE("the body may be in memory or in a file") {
    Office office;
    CHECK(disk::make_directories(office.disk, "/spill").has_value());
    auto spilled = office.disk.create("/spill/1", 0600).value();
    CHECK(spilled->write("spilled").has_value());
    const std::string head = to("anne@example.com, zzz@example.com");
    auto sorted = Sorter(office.world).sort({head, "in memory, ", spilled.get()}).value();
    REQUIRE(sorted.copies.size() == 2);
    auto ledger = store::Ledger::open(office.disk, office.layout, {"m", "l"}).value();
    REQUIRE(ledger.deliver({{{"", 0, "1"}, 1, "h", std::move(sorted.copies)}}).has_value());
    std::string all;
    for (const auto& [path, content] : office.disk.files())
        if (path.starts_with("/root/mail") || path.starts_with("/root/held")) {
            CHECK(content.ends_with("body\r\nin memory, spilled"));
            CHECK(names(path, ",S=" + std::to_string(content.size())));
            all += path;
        }
    CHECK(names(all, "/mail/example.com/anne/new/"));
    CHECK(names(all, "/held/"));
}

TEST_CASE("copies = one makes one file that names all its recipients") {
    Office office;
    auto found = office.collect(to("a@one.example, anne@example.com, b@one.example"));
    REQUIRE(found["/mail/one.example/@default/new"].size() == 1);
    CHECK(
        found["/mail/one.example/@default/new"][0] ==
        "X-Rcpt-To: a@one.example, b@one.example\r\nX-POP3-Rcpt: a@one.example, b@one.example\r\n" +
            genuine + received + rest);
    CHECK(found["/mail/example.com/anne/new"].size() == 1);
}

TEST_CASE("the postmaster's copy names the address it was sent to") {
    Office office;
    office.settings = office::fetch("unknown = \"postmaster\"\nmissing = \"postmaster\"\n");
    auto found = office.collect(to("zzz@example.com"));
    CHECK(found["/mail/example.com/boss/new"].at(0).starts_with(
        mail::envelope_lines("zzz@example.com", "boss@example.com")));
    Office second;
    second.settings = office.settings;
    found = second.collect("all body, no header\r\nat all\r\n");
    CHECK(found["/mail/example.com/boss/new"].at(0) ==
          mail::envelope_lines("boss@example.com", "boss@example.com") +
              "\r\nall body, no header\r\nat all\r\n");
    Office third;  // it would fold into our Delivered-To
    third.settings = office.settings;
    found = third.collect("\tbob@example.com\r\nSubject: hello\r\n\r\nbody\r\n");
    CHECK(found["/mail/example.com/boss/new"].at(0) ==
          mail::envelope_lines("boss@example.com", "boss@example.com") +
              "\r\n\tbob@example.com\r\nSubject: hello\r\n\r\nbody\r\n");
}
