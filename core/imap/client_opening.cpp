// The opening of a session: from the greeting to a complete listing.
#include <utility>

#include "imap/client_session.hpp"
#include "wire/words.hpp"

namespace mailhandler::imap {

namespace {

constexpr const char* inbox = "INBOX";  // the one mailbox that is collected

}  // namespace

// --- greeting, capabilities, TLS ---------------------------------------------------------

void ClientSession::greeted(const ServerLine& line) {
    if (line.status != ServerLine::Status::ok && line.status != ServerLine::Status::preauth)
        return refused("the server does not want to be spoken to", line, true);
    preauth_ = line.status == ServerLine::Status::preauth;
    hear_code(line);
    if (capabilities_.known)
        decide_tls();
    else
        ask_capabilities();
}

void ClientSession::ask_capabilities() {
    phase_ = logged_in_ ? Phase::login_capability : Phase::capability;
    send(Command::capability, "CAPABILITY");
}

// Where CAPABILITY was refused, nothing is taken for granted.
void ClientSession::capabilities_known() {
    if (logged_in_)
        compress_or_select();
    else
        decide_tls();
}

void ClientSession::decide_tls() {
    if (secure_) return preauth_ ? logged_in() : log_in();
    if (settings_.tls_required && preauth_)
        return fail({"the server greets with PREAUTH in clear: it cannot be secured, and TLS is "
                     "required",
                     false, false});
    if (settings_.tls_required && capabilities_.known && !capabilities_.starttls)
        return fail({"the server offers no TLS (STARTTLS), and TLS is required", false, false});
    if (settings_.tls_required) {
        phase_ = Phase::starttls;
        return send(Command::starttls, "STARTTLS");
    }
    if (!peer_.loopback)
        return fail({"a password is never sent in clear but on loopback", false, false});
    if (preauth_)
        logged_in();
    else
        log_in();
}

void ClientSession::starttls_answered(const ServerLine& line) {
    if (line.status != ServerLine::Status::ok)
        return refused("the server refuses TLS, and TLS is required", line, true);
    // Octets in clear behind the answer would be taken for words of the secured server.
    if (!lines_.empty())
        return broken("octets came in clear behind the answer to STARTTLS: somebody is in the line");
    start_tls_ = true;
}

void ClientSession::secured(wire::TlsInfo) {
    lines_.clear();
    unbroken_ = 0;
    secure_ = progress_ = true;
    capabilities_ = {};  // RFC 3501 section 6.2.1: what was said in clear counts for nothing
    ask_capabilities();
}

// --- login -------------------------------------------------------------------------------

void ClientSession::log_in() {
    phase_ = Phase::login;
    login_.emplace(ClientLogin::Account{settings_.login, settings_.secret, settings_.nonce,
                                        settings_.bearer, settings_.host, peer_.port},
                   capabilities_);
    capabilities_.known = false;  // they may change with the login, RFC 3501 section 6.2.3
    login_step(login_->begin());
}

void ClientSession::login_step(ClientLogin::Step step) {
    using Kind = ClientLogin::Step::Kind;
    switch (step.kind) {
        case Kind::command: return send(Command::login, step.text);
        case Kind::line: out_ += step.text + "\r\n"; return;
        case Kind::done: return logged_in();
        case Kind::failed: break;
    }
    const bool midway = !flights_.empty();
    fail(std::move(step.failure));
    if (!midway) out_ = "a0 LOGOUT\r\n";
}

void ClientSession::logged_in() {
    logged_in_ = true;
    login_.reset();
    settings_.secret.clear();
    if (capabilities_.known)
        compress_or_select();
    else
        ask_capabilities();
}

void ClientSession::compress_or_select() {
    if (!settings_.compress || !capabilities_.compress) return select();
    phase_ = Phase::compress;
    send(Command::compress, "COMPRESS DEFLATE");
}

void ClientSession::compress_answered(const ServerLine& line) {
    if (line.status != ServerLine::Status::ok) return select();
    // What stood behind it in this packet would be compressed: the driver is to see it first.
    if (!lines_.empty()) return broken("the server speaks before it is asked");
    start_deflate_ = true;
}

// --- listing -----------------------------------------------------------------------------

// Both at once: a round trip less. An empty mailbox may make the second one fail.
void ClientSession::select() {
    phase_ = Phase::listing;
    exists_ = 0;
    send(Command::select, std::string(settings_.look ? "EXAMINE " : "SELECT ") + inbox);
    send(Command::list, "UID FETCH 1:* (UID RFC822.SIZE)");
}

void ClientSession::selected(const ServerLine& line) {
    if (line.status != ServerLine::Status::ok)
        return refused("the server refuses to open the mailbox", line, true);
    // RFC 3501 section 6.3.1: without it there are no lasting names, and nobody can fetch each once.
    if (validity_ == 0)
        return fail({"the server cannot name its messages (UIDVALIDITY)", false, false});
    read_only_ = settings_.look || code_argument(line, "READ-ONLY").has_value();
    seen_exists_ = exists_;
    listing_ = std::make_shared<MailboxListing>(inbox, validity_, 1, settings_.listing);
}

// Messages from this UID on.
void ClientSession::list(Uid from) {
    phase_ = Phase::listing;
    listing_ = std::make_shared<MailboxListing>(inbox, validity_, from, settings_.listing);
    seen_exists_ = exists_;
    if (exists_ == 0) return listing_complete();
    send(Command::list, "UID FETCH " + std::to_string(from) + ":* (UID RFC822.SIZE)");
}

void ClientSession::listed(const ServerLine& line) {
    if (!listing_) return broken("the server lists a mailbox before it has opened it");
    if (line.status != ServerLine::Status::ok && exists_ != 0)
        return refused("the server refuses to list its messages", line, true);
    listing_complete();
}

void ClientSession::listing_complete() {
    listing_->complete(exists_);
    outcomes_.listed = true;
    outcomes_.well_formed = listing_->well_formed();
    outcomes_.messages = exists_;
    next_uid_ = listing_->next();
    empty_rounds_ = listing_->count() == 0 ? empty_rounds_ + 1 : 0;
    listed_owed_ = true;
}

}  // namespace mailhandler::imap
