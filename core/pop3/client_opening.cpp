// The opening of a run: from the greeting to a complete listing.
#include <utility>

#include "pop3/client_session.hpp"

namespace mailhandler::pop3 {

namespace {

constexpr std::size_t most_capabilities = 1000;

// A line of a multi-line response (RFC 1939 section 3): "." ends it, a leading dot was added.
bool ends_lines(std::string_view line) { return line == "."; }
std::string_view unstuffed(std::string_view line) {
    return line.starts_with('.') ? line.substr(1) : line;
}

}  // namespace

// --- greeting, capabilities, TLS ---------------------------------------------------------

void ClientSession::greeted(const Response& response) {
    if (response.indicator != Indicator::ok)
        return refused("the server does not want to be spoken to", response, true);
    ask_capabilities();
}

void ClientSession::ask_capabilities() {
    capabilities_ = {};
    capability_count_ = 0;
    send("CAPA", Phase::capabilities);
}

void ClientSession::capability_status(const Response& response) {
    if (response.indicator == Indicator::ok) {
        capabilities_.known = true;
        phase_ = Phase::capability_lines;
    } else {
        decide_tls();
    }
}

void ClientSession::capability_line(std::string_view line) {
    if (ends_lines(line)) return decide_tls();
    if (++capability_count_ > most_capabilities)
        return broken("the server's capabilities do not end");
    capabilities_.add(unstuffed(line));
}

void ClientSession::decide_tls() {
    if (logged_in_) return begin_listing();
    if (secure_) return log_in();
    if (settings_.tls_required && capabilities_.known && !capabilities_.stls)
        return fail({"the server offers no TLS (STLS), and TLS is required", false, false});
    if (settings_.tls_required) return send("STLS", Phase::stls);
    if (!peer_.loopback)
        return fail({"a password is never sent in clear but on loopback", false, false});
    log_in();
}

void ClientSession::stls_answered(const Response& response) {
    if (response.indicator != Indicator::ok)
        return refused("the server refuses TLS, and TLS is required", response, true);
    // Octets in clear behind the answer would be taken for words of the secured server.
    if (!lines_.empty())
        return broken("octets came in clear behind the answer to STLS: somebody is in the line");
    start_tls_ = true;
}

void ClientSession::secured(wire::TlsInfo) {
    lines_.clear();
    unbroken_ = 0;
    secure_ = progress_ = true;
    ask_capabilities();  // RFC 2595 section 4: what was said in clear counts for nothing
}

// --- login -------------------------------------------------------------------------------

void ClientSession::log_in() {
    login_.emplace(ClientLogin::Account{settings_.login, settings_.secret, settings_.bearer,
                                        settings_.host, peer_.port},
                   capabilities_);
    login_step(login_->begin());
}

void ClientSession::login_step(ClientLogin::Step step) {
    if (step.kind == ClientLogin::Step::Kind::failed) {
        fail(std::move(step.failure));
        out_ = "QUIT\r\n";
    } else if (step.kind == ClientLogin::Step::Kind::send) {
        step.line.resize(step.line.size() - 2);
        send(step.line, Phase::login);
    } else {
        logged_in_ = true;
        login_.reset();
        settings_.secret.clear();
        // Some servers tell of PIPELINING only those who are logged in.
        if (capabilities_.known && !capabilities_.pipelining)
            ask_capabilities();
        else
            begin_listing();
    }
}

// --- listing -----------------------------------------------------------------------------

void ClientSession::begin_listing() {
    listing_ = std::make_shared<Listing>(settings_.listing);
    send(capabilities_.pipelining ? "UIDL\r\nLIST" : "UIDL", Phase::uidl);
}

void ClientSession::uidl_status(const Response& response) {
    if (response.indicator == Indicator::ok) {
        phase_ = Phase::uidl_lines;
    } else if (capabilities_.uidl) {
        refused("the server refuses to list its messages", response, true);
    } else {
        // Without a lasting name for each message nobody can fetch each of them once.
        refused("the server cannot name its messages (UIDL)", response, !response.code.empty());
    }
}

void ClientSession::list_status(const Response& response) {
    if (response.indicator == Indicator::ok)
        phase_ = Phase::list_lines;
    else
        refused("the server refuses to list its messages", response, true);
}

void ClientSession::listing_line(std::string_view line) {
    const bool names = phase_ == Phase::uidl_lines;
    if (!ends_lines(line)) {
        line = unstuffed(line);
        if (!(names ? listing_->add_uidl(line) : listing_->add_size(line)))
            broken("the server's listing does not end");
        return;
    }
    if (names) {
        listing_->uidls_complete();
        if (capabilities_.pipelining)
            phase_ = Phase::list;
        else
            send("LIST", Phase::list);
        return;
    }
    listing_->sizes_complete();
    outcomes_.listed = true;
    outcomes_.well_formed = listing_->well_formed();
    outcomes_.messages = listing_->count();
    listed_owed_ = true;
}

}  // namespace mailhandler::pop3
