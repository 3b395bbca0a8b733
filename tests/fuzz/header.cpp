// Any octets as a message: the filter only takes stamps out, the trusted block stays inside, and a
// person's copy never names another in it.
#include "fuzz/require.hpp"
#include "mail/header.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mail/received.hpp"
#include "mail/stamp.hpp"

using namespace mailhandler::mail;

namespace {

std::string joined(const std::vector<std::string_view>& pieces) {
    std::string text;
    for (const std::string_view piece : pieces) text += piece;
    return text;
}

void scan_adds_up(std::string_view octets) {
    HeaderScan scan(octets);
    std::size_t at = 0;
    while (const auto field = scan.next()) {
        const auto begin = static_cast<std::size_t>(field->raw.data() - octets.data());
        require(begin >= at && !field->name.empty());
        at = begin + field->raw.size();
        require(at == scan.position());
        require(field->value().find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    }
    require(scan.position() >= at && scan.position() <= octets.size());
}

void stamps_go(std::string_view octets) {
    const Inbound inbound = read_inbound(octets);
    const std::string kept = joined(inbound.kept);
    require(kept.size() == inbound.kept_size);
    // No stamp is left that a reader would find.
    for (const char* name : {"Return-Path", "X-Rcpt-To", "X-POP3-Rcpt"})
        require(!find_field(kept, name));
    require(count_fields(kept, "Received") == inbound.received);
}

void copies_are_private(std::string_view octets) {
    const TrustSettings settings{{"X-Rcpt-To", "Envelope-To", "Delivered-To"}, {"b"}, "p-", "l"};
    const TrustedBlock block = read_trusted_block(octets, settings);
    require(block.size <= octets.size());
    require(!block.chosen || *block.chosen < block.readings.size());
    const std::string copy = joined(without_envelope(octets, block, settings));
    require(copy.size() <= octets.size());
    require(copy.ends_with(octets.substr(block.size)));
    const TrustedBlock again = read_trusted_block(copy, settings);
    require(again.readings.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view octets(reinterpret_cast<const char*>(data), size);
    scan_adds_up(octets);
    stamps_go(octets);
    copies_are_private(octets);
    return 0;
}
