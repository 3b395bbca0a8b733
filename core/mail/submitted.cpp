#include "mail/submitted.hpp"

namespace mailhandler::mail {

std::string missing_fields(const Inbound& inbound, std::string_view id, std::string_view hostname,
                           WallTime now) {
    std::string lines;
    if (!inbound.has_date) lines += "Date: " + rfc5322_date(now) + "\r\n";
    if (!inbound.has_message_id)
        lines.append("Message-ID: <").append(id).append("@").append(hostname).append(">\r\n");
    return lines;
}

}  // namespace mailhandler::mail
