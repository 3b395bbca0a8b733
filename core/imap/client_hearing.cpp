// What a server says, and to which step it belongs.
#include <algorithm>
#include <utility>

#include "imap/client_session.hpp"
#include "wire/words.hpp"

namespace mailhandler::imap {

namespace {

// Octets of one response that nobody asked for: flags, envelopes, whatever it is.
constexpr std::uint64_t most_skipped = 4 << 20;
constexpr std::size_t longest_unbroken = 2 << 20;
// Octets looked at in one go, so that a collection can be emptied often enough.
constexpr std::size_t slice = 64 * 1024;
constexpr std::size_t most_notes = 4;

}  // namespace

// Takes one step with what has come. False: more is needed.
bool ClientSession::hear() {
    if (lines_.empty()) return false;
    if (literal_ != 0) {
        hear_literal();
        return true;
    }
    const auto line = lines_.next();
    if (!line) {
        if (unbroken_ <= longest_unbroken) return false;
        broken("the server sends a line without end");
        return true;
    }
    unbroken_ = 0;
    if (line->too_long)
        broken("the server answers with a line that is too long");
    else
        hear_line(line->text);
    return true;
}

void ClientSession::hear_literal() {
    const std::string_view octets =
        lines_.pending().substr(0, std::min<std::uint64_t>(literal_, slice));
    const std::size_t taken = octets.size();
    if (literal_is_body_) collection_->body(octets);
    literal_ -= taken;
    unbroken_ = 0;
    lines_.consume(taken);
}

// Octets that mean nothing to us follow.
void ClientSession::skip(std::uint64_t octets) {
    skipped_ += octets;
    if (octets > most_skipped || skipped_ > most_skipped)
        return broken("the server sends more than anybody asked for");
    literal_ = octets;
    literal_is_body_ = false;
}

void ClientSession::hear_line(std::string_view text) {
    if (reading_ == Reading::fetch) return hear_fetch(text);
    if (reading_ == Reading::skipped) return hear_end_of(text);
    const ServerLine line = parse_server_line(text);
    skipped_ = 0;
    if (phase_ == Phase::greeting && line.kind != ServerLine::Kind::status)
        return broken("the server's greeting is not IMAP: " + wire::printable(text));
    switch (line.kind) {
        case ServerLine::Kind::continuation: return continued(line.text);
        case ServerLine::Kind::tagged: return hear_tagged(line);
        case ServerLine::Kind::status: return hear_status(line);
        case ServerLine::Kind::data: return hear_data(line, text);
        default: broken("the server's answer is not IMAP: " + wire::printable(text));
    }
}

// A response nobody asked for goes on as long as its lines end in literals.
void ClientSession::hear_end_of(std::string_view text) {
    const auto announced = literal_at_end(text);
    reading_ = announced ? Reading::skipped : Reading::line;
    if (!announced) return;
    if (!announced->sane) return broken("a literal is not understood: " + wire::printable(text));
    skip(announced->octets);
}

void ClientSession::hear_data(const ServerLine& line, std::string_view whole) {
    if (line.number && is(line.word, "FETCH")) {
        fetch_ = FetchReader();
        fetch_number_ = *line.number;
        reading_ = Reading::fetch;
        return hear_fetch(line.text);
    }
    if (line.number && is(line.word, "EXISTS")) exists_ = *line.number;
    if (line.number && is(line.word, "EXPUNGE")) {
        exists_ -= std::min<std::size_t>(exists_, 1);
        seen_exists_ -= std::min<std::size_t>(seen_exists_, 1);
    }
    if (is(line.word, "CAPABILITY")) capabilities_ = ClientCapabilities::of(line.text);
    if (is(line.word, "SEARCH") && phase_ == Phase::removing &&
        line.text.find_first_not_of(' ') != line.text.npos)
        removal_->found(true);
    hear_end_of(whole);
}

void ClientSession::hear_fetch(std::string_view text) {
    switch (fetch_.read(text)) {
        case FetchReader::Part::done:
            reading_ = Reading::line;
            return fetched();
        case FetchReader::Part::literal: return skip(fetch_.literal());
        case FetchReader::Part::body:
            if (phase_ != Phase::collecting) return skip(fetch_.literal());
            collection_->begin_body(fetch_.literal());
            literal_ = fetch_.literal();
            literal_is_body_ = true;
            return;
        default: break;
    }
    reading_ = Reading::line;
    if (phase_ == Phase::listing && listing_)
        listing_->misunderstood(text);
    else
        broken("the server's answer is not understood: " + wire::printable(text));
}

void ClientSession::fetched() {
    if (phase_ == Phase::listing && listing_ && fetch_.size) {
        if (!fetch_.uid)
            listing_->misunderstood("no UID for message " + std::to_string(fetch_number_));
        else if (!listing_->add(fetch_number_, static_cast<Uid>(*fetch_.uid), *fetch_.size))
            broken("the server's listing does not end");
    }
    if (phase_ != Phase::collecting || !fetch_.has_body) return;
    if (!collection_->in_body()) {
        collection_->begin_body(fetch_.quoted_body.size());
        collection_->body(fetch_.quoted_body);
    }
    if (!collection_->end_body(fetch_.uid, fetch_.nil_body))
        broken("the server sends a message that nobody asked for");
}

void ClientSession::hear_status(const ServerLine& line) {
    if (phase_ == Phase::greeting) return greeted(line);
    if (line.status == ServerLine::Status::bye)
        return broken("the server ends the session: " + wire::printable(line.text));
    if (line.status == ServerLine::Status::preauth)
        return broken("the server greets a second time");
    hear_code(line);
}

void ClientSession::hear_code(const ServerLine& line) {
    if (const auto words = code_argument(line, "CAPABILITY"))
        capabilities_ = ClientCapabilities::of(*words);
    if (code_argument(line, "ALERT") && outcomes_.notes.size() < most_notes)
        outcomes_.notes.push_back("the server says: " + wire::printable(line.text));
    const auto validity = code_argument(line, "UIDVALIDITY");
    if (!validity || phase_ < Phase::listing) return;
    const auto number = whole_number(*validity);
    if (!number || *number == 0 || *number > 0xffffffffu)
        return broken("the server's UIDVALIDITY is not understood: " + wire::printable(*validity));
    if (validity_ != 0 && validity_ != *number)
        return broken("the server numbers its messages anew while they are listed");
    validity_ = static_cast<std::uint32_t>(*number);
}

void ClientSession::continued(std::string_view text) {
    if (phase_ == Phase::login && login_) return login_step(login_->challenged(text));
    if (phase_ == Phase::idling && !idling_) {
        idling_ = true;
        return;
    }
    broken("the server asks for more than it was to be told");
}

void ClientSession::hear_tagged(const ServerLine& line) {
    const auto flight = std::find_if(flights_.begin(), flights_.end(),
                                     [&](const Flight& each) { return each.tag == line.tag; });
    if (flight == flights_.end())
        return broken("the server answers what it was not asked: " + wire::printable(line.text));
    const Command command = flight->command;
    flights_.erase(flight);
    hear_code(line);
    if (phase_ == Phase::ending) return;
    const bool ok = line.status == ServerLine::Status::ok;
    switch (command) {
        case Command::capability: return capabilities_known();
        case Command::starttls: return starttls_answered(line);
        case Command::login: return login_step(login_->answered(line));
        case Command::compress: return compress_answered(line);
        case Command::select: return selected(line);
        case Command::list: return listed(line);
        case Command::fetch: return collection_->answered(line.tag, ok, line.text);
        case Command::search:
        case Command::remove: return removal_->answered(ok, line.text);
        case Command::idle: return idle_ended(line);
        case Command::noop: return polled();
    }
}

}  // namespace mailhandler::imap
