// What scripts ask of the mail room. Without arguments, SRS: one request a line, its fields divided
// by tabs, one line back; an error is told as "no" and its reason.
//
//     forward SECRET SENDER DOMAIN SECONDS    reverse SECRET ADDRESS SECONDS
//
// With them, one report (dsn.hpp) about the message header on standard input:
//
//     mail_tool failed|delayed TO ASKED TARGET REPLY      TARGET empty: none
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "mail/dsn.hpp"
#include "mail/srs.hpp"

using namespace mailhandler;

namespace {

std::vector<std::string> fields(const std::string& line) {
    std::vector<std::string> found(1);
    for (const char c : line) {
        if (c == '\t')
            found.emplace_back();
        else
            found.back() += c;
    }
    return found;
}

Result<mail::Address> answer(const std::vector<std::string>& asked) {
    const mail::Srs srs({asked.at(1)});
    auto address = mail::Address::parse_sender(asked.at(2));
    if (!address) return address;
    const WallTime now{std::chrono::seconds(std::stoll(asked.back()))};
    if (asked.at(0) == "forward") return srs.forward(*address, asked.at(3), now);
    return srs.reverse(*address, now);
}

int report(const std::vector<std::string>& asked) {
    const std::string header((std::istreambuf_iterator<char>(std::cin)), {});
    mail::Dsn dsn;
    dsn.action = asked.at(0) == "failed" ? mail::DsnAction::failed : mail::DsnAction::delayed;
    dsn.hostname = "mail.ours.example";
    dsn.id = "1795411214.1";
    dsn.envid = "E=1";
    dsn.to = mail::Address::parse_sender(asked.at(1)).value();
    dsn.header = header;
    dsn.arrived = WallTime(std::chrono::seconds(1'795'411'214));
    dsn.now = dsn.arrived + std::chrono::hours(1);
    dsn.until = dsn.arrived + std::chrono::hours(120);
    mail::Undelivered failed;
    failed.asked.address = mail::Address::parse_sender(asked.at(2)).value();
    if (!asked.at(3).empty()) failed.target = mail::Address::parse_sender(asked.at(3)).value();
    failed.reply = asked.at(4);
    dsn.recipients.push_back(std::move(failed));
    std::cout << mail::compose(dsn).octets;
    return 0;
}

}  // namespace

int main(int count, char** words) {
    if (count > 1) return report({words + 1, words + count});
    for (std::string line; std::getline(std::cin, line);) {
        const auto said = answer(fields(line));
        std::cout << (said ? said->given() : "no " + said.error().cause) << '\n';
    }
}
