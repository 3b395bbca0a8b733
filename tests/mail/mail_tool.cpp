// What scripts ask of the mail room: one request a line, its fields divided by tabs, one line back.
//
//     forward SECRET SENDER DOMAIN SECONDS    reverse SECRET ADDRESS SECONDS
//
// An error is told as "no" and its reason.
#include <iostream>
#include <string>
#include <vector>

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

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        const auto said = answer(fields(line));
        std::cout << (said ? said->given() : "no " + said.error().cause) << '\n';
    }
}
