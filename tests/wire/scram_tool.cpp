// The client's side of SCRAM-SHA-256 for scripts: scram_tool LOGIN PASSWORD NONCE writes each of its
// messages as a line of base64 and reads the server's likewise; ends with 0 where the server proved
// itself, with 1 and the reason where not.
#include <iostream>
#include <string>

#include "wire/sasl.hpp"
#include "wire/scram.hpp"

using namespace mailhandler;

int main(int count, char** words) {
    if (count != 4) return 2;
    wire::ScramClient scram(words[1], words[2], words[3]);
    std::cout << wire::base64_encode(scram.first()) << std::endl;
    std::string line;
    std::getline(std::cin, line);
    const auto final = scram.respond(wire::base64_decode(line).value_or(""));
    if (!final) {
        std::cout << final.error().cause << std::endl;
        return 1;
    }
    std::cout << wire::base64_encode(*final) << std::endl;
    std::getline(std::cin, line);
    const auto verified = scram.verify(wire::base64_decode(line).value_or(""));
    if (!verified) std::cout << verified.error().cause << std::endl;
    return verified ? 0 : 1;
}
