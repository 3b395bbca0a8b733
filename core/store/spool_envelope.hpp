// What the outbound queue's envelopes look like on disk: their JSON and their names. For the spool,
// and for its tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/spool.hpp"

namespace mailhandler::store {

// One JSON object with its newline. The next attempt is not in it: the file's name says it.
std::string to_text(const Queued& envelope);
// The envelope again, with nothing in `next_attempt`. Nothing for what is not one: torn, of another
// shape, with an address that is none, or owed to nobody. Unknown keys are ignored.
std::optional<Queued> queued(std::string_view text);

// The name of an envelope: "0gt5xk2b9qz.mx1,1795411214,example.org.env".
struct EnvelopeName {
    std::string_view id;
    std::int64_t next = 0;         // seconds since 1970
    std::string_view destination;  // as encode_name() writes it, or `long_destination`
};
// Stands for a destination too long for a name: the envelope tells it.
inline constexpr std::string_view long_destination = "~";

std::string envelope_file(std::string_view id, std::int64_t next, std::string_view destination);
std::string message_file(std::string_view id);
std::string unfinished_file(std::string_view id);  // an envelope being written
// Takes a name apart that envelope_file() gave; nothing for any other. Refers to `file`.
std::optional<EnvelopeName> envelope_name(std::string_view file);
// The id of a message_file() or an unfinished_file(); nothing for any other name.
std::optional<std::string_view> message_id(std::string_view file);
std::optional<std::string_view> unfinished_id(std::string_view file);
// The destination of an envelope, as its name says it.
std::string destination_in_name(const Queued& envelope);

}  // namespace mailhandler::store
