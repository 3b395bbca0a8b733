// What the outbound queue looks like on disk: the names of its files, the envelopes' JSON, and how a
// message's file begins. For the spool, and for its tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/queued.hpp"

namespace mailhandler::store {

// One JSON object with its newline. The next attempt is not in it: the file's name says it.
std::string to_text(const Queued& envelope);
// The envelope again, with nothing in `next_attempt`. Nothing for what is not one: torn, of another
// shape, with an address that is none, or owed to nobody. Unknown keys are ignored.
std::optional<Queued> queued(std::string_view text);

inline constexpr std::uint64_t largest_envelope = 64 << 20;  // octets

// What a message's file begins with: "queued 1 00000431\n", the octets of the envelope that follows,
// and the envelope. The message's own octets come next. EFBIG where no file could tell it.
Result<std::string> message_head(const Queued& envelope);
// That again. EBADMSG, permanent, where the file does not begin so.
struct MessageHead {
    std::string envelope;
    std::uint64_t begin = 0;  // of the message's octets in the file
};
Result<MessageHead> read_message_head(disk::File& file);

// The name of a message: "0gt5xk2b9qz0c5x.mx1,1795411214,example.org.msg".
struct QueueName {
    std::string_view id;
    std::int64_t next = 0;         // seconds since 1970
    std::string_view destination;  // as encode_name() writes it, or `long_destination`
};
// Stands for a destination too long for a name: the envelope tells it.
inline constexpr std::string_view long_destination = "~";
inline constexpr std::string_view message_end = ".msg";

std::string message_file(std::string_view id, std::int64_t next, std::string_view destination);
std::string changed_file(std::string_view id);     // the envelope that overrides the first
std::string unfinished_file(std::string_view id);  // a message or an envelope being written
// Takes a name apart that message_file() gave; nothing for any other. Refers to `file`.
std::optional<QueueName> queue_name(std::string_view file);
// The id of a changed_file() or an unfinished_file(); nothing for any other name.
std::optional<std::string_view> changed_id(std::string_view file);
std::optional<std::string_view> unfinished_id(std::string_view file);
// The destination of an envelope, as its name says it.
std::string destination_in_name(const Queued& envelope);

}  // namespace mailhandler::store
