#include "agent/transfer.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "agent/forward.hpp"
#include "agent/message_file.hpp"
#include "agent/retry.hpp"

namespace mailhandler::agent {

namespace {

constexpr auto after_a_fault = std::chrono::minutes(5);

bool delivered(const smtp::Reply& reply) { return reply.code >= 200 && reply.code < 300; }

// "550 5.1.1 No such user", in one line.
std::string in_one_line(const smtp::Reply& reply) {
    std::string text = fmt::format("{}{}{}{}{}", reply.code, reply.enhanced.empty() ? "" : " ",
                                   reply.enhanced, reply.text.empty() ? "" : " ", reply.text);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

// Two transactions within one second must not both be "now": the disk keeps whole seconds.
WallTime whole_seconds(WallTime time) { return std::chrono::floor<std::chrono::seconds>(time); }

// What the next host may report: of a forward no success, which would name where it went. We tell
// of that ourselves (RFC 3461 section 5.2.7.4).
mail::Recipient as_told(const store::Owed& owed) {
    mail::Recipient recipient = owed.recipient;
    if (!owed.original.empty()) recipient.notify = recipient.notify.without_success();
    return recipient;
}

}  // namespace

Transfer::Transfer(Dispatch& dispatch, Route route)
    : dispatch_(dispatch), route_(std::move(route)) {}

Transfer::~Transfer() {
    if (job_) later({envelope_.id, "the attempt was never ended", true, 0});
}

smtp::ClientAnswer Transfer::answer(smtp::ClientQuestion question) {
    smtp::ClientAnswer answer;
    if (auto* outcome = std::get_if<smtp::Outcome>(&question)) {
        settle(*outcome);
        if (outcome->more) answer.message = next_message();
    } else if (auto* no = std::get_if<smtp::NoService>(&question)) {
        no_service_ = std::move(*no);
    } else {
        answer.message = next_message();
    }
    return answer;
}

void Transfer::refuse_lane(const smtp::Reply& reply) {
    while (take()) settle({std::vector<smtp::Reply>(chosen_.size(), reply)});
}

std::optional<smtp::Outgoing> Transfer::next_message() {
    while (take()) {
        auto body = part_of_file(std::move(file_), begin_, envelope_.size);
        if (!body) {
            later(body.error());
            continue;
        }
        smtp::Outgoing message;
        message.sender = envelope_.sender;
        message.sender.size.reset();  // the session knows the size
        message.utf8_headers = envelope_.sender.smtputf8;
        for (const std::size_t i : chosen_)
            message.recipients.push_back(as_told(envelope_.owed[i]));
        message.body = std::move(*body);
        ++messages_;
        return message;
    }
    return {};
}

// The next message of the lane, with its envelope, and somebody whose turn it is.
bool Transfer::take() {
    while ((job_ = dispatch_.timetable.take(route_.lane))) {
        auto opened = dispatch_.spool.open(job_->id);
        if (!opened) {
            later(opened.error());
            continue;
        }
        envelope_ = std::move(opened->envelope);
        file_ = std::move(opened->file);
        begin_ = opened->begin;
        drop_settled();
        choose();
        if (!chosen_.empty()) return true;
        // All that is owed was settled, or tried: only the disk does not know.
        round_over();
    }
    return false;
}

void Transfer::choose() {
    chosen_.clear();
    std::string domain;
    for (std::size_t i = 0; i < envelope_.owed.size() && chosen_.size() < most_recipients; ++i) {
        const mail::Address& address = envelope_.owed[i].recipient.address;
        if (job_->tried.contains(address.key())) continue;
        if (chosen_.empty()) domain = address.domain();
        if (route_.all || address.domain() == domain) chosen_.push_back(i);
    }
    // The lane is the first one's; after an operator's change it may be another's.
    if (!envelope_.via.empty()) domain = envelope_.via;
    const bool elsewhere = route_.all ? envelope_.via != server_of_lane() : domain != route_.lane;
    if (!chosen_.empty() && elsewhere) {
        Job job = std::move(*job_);
        job_.reset();
        job.destination = domain;
        dispatch_.timetable.again(std::move(job), envelope_.next_attempt);
        chosen_.clear();
    }
}

// The server that this lane is for; empty: the smarthost, or a domain's MX.
std::string Transfer::server_of_lane() const {
    return store::is_server(route_.lane) ? route_.lane : std::string();
}

// After every attempt: what each recipient's reply means, durably, before the next message.
void Transfer::settle(const smtp::Outcome& outcome) {
    if (!job_) return;
    std::vector<store::Owed> failed = note_replies(outcome);
    if (!failed.empty()) hand_over(std::move(failed), false);
    round_over();
}

std::vector<store::Owed> Transfer::note_replies(const smtp::Outcome& outcome) {
    const std::vector<smtp::Reply>& replies = outcome.recipients;
    std::vector<store::Owed> failed, relayed;
    for (std::size_t n = 0; n < chosen_.size(); ++n) {
        store::Owed& owed = envelope_.owed[chosen_[n]];
        const std::string key = owed.recipient.address.key();
        // A reply that is missing is none: try again.
        const smtp::Reply reply = n < replies.size() ? replies[n] : smtp::no_answer();
        owed.last_reply = in_one_line(reply);
        if (delivered(reply)) {
            record(watch::What::sent, owed, owed.last_reply);
            job_->settled.insert(key);
            const bool reports = outcome.dsn && owed.original.empty();
            if (owed.recipient.notify.success && !reports) relayed.push_back(owed);
        } else if (reply.code >= 500 && reply.code < 600) {
            failed.push_back(owed);
            job_->tried.insert(key);
        } else {
            record(watch::What::postponed, owed, owed.last_reply);
            job_->tried.insert(key);
        }
    }
    if (!relayed.empty()) tell_relayed(std::move(relayed));
    drop_settled();
    return failed;
}

void Transfer::drop_settled() {
    std::erase_if(envelope_.owed, [&](const store::Owed& owed) {
        return job_->settled.contains(owed.recipient.address.key());
    });
}

// Failed recipients leave the queue once somebody has them.
void Transfer::hand_over(std::vector<store::Owed> owed, bool expired) {
    Trouble failed{envelope_, mail::DsnAction::failed, expired, {}, route_.hostname};
    failed.envelope.owed = std::move(owed);
    const Result<> taken = dispatch_.failed(failed);
    if (!taken) {
        dispatch_.log.error(
            fmt::format("{}: cannot be given up yet: {}", envelope_.id, taken.error().text()));
        return;
    }
    for (const store::Owed& one : failed.envelope.owed) {
        record(watch::What::failed, one, one.last_reply);
        job_->settled.insert(one.recipient.address.key());
    }
    drop_settled();
}

// A bounce that goes on to where its message came from is not worth as long.
std::chrono::seconds Transfer::retry_for() const {
    if (envelope_.kind != store::Queued::Kind::relay) return route_.retry_for;
    return std::min<std::chrono::seconds>(route_.retry_for, returning_for);
}

// Writes down what is left: another domain's turn, another time, or nothing. True: all is done.
bool Transfer::round_over() {
    if (!job_) return false;
    const auto tried = [&](const store::Owed& owed) {
        return job_->tried.contains(owed.recipient.address.key());
    };
    // Whose turn is next stands first: that is what the queue's destination says.
    std::stable_partition(envelope_.owed.begin(), envelope_.owed.end(),
                          [&](const store::Owed& owed) { return !tried(owed); });
    const WallTime now = dispatch_.clock.wall();
    WallTime next = envelope_.next_attempt;
    if (!envelope_.owed.empty() && tried(envelope_.owed.front())) {
        job_->tried.clear();
        ++envelope_.attempts;
        if (given_up(envelope_.arrived, now, retry_for())) {
            hand_over(envelope_.owed, true);
            next = whole_seconds(now + after_a_fault);  // where nobody could take it over
        } else {
            if (is_late(envelope_.arrived, now)) tell_delay();
            next = whole_seconds(next_attempt(envelope_.arrived, now, envelope_.attempts,
                                              retry_for(), dispatch_.random));
        }
    }
    write_down(next);
    return true;
}

void Transfer::tell_delay() {
    Trouble late{envelope_, mail::DsnAction::delayed, false, envelope_.arrived + retry_for(),
                 route_.hostname};
    std::erase_if(late.envelope.owed, [](const store::Owed& owed) { return owed.delay_told; });
    if (late.envelope.owed.empty()) return;
    if (dispatch_.tell) dispatch_.tell(late);
    for (store::Owed& owed : envelope_.owed) owed.delay_told = true;
}

void Transfer::tell_relayed(std::vector<store::Owed> owed) {
    if (!dispatch_.tell) return;
    Trouble relayed{envelope_, mail::DsnAction::relayed, false, {}, route_.hostname};
    relayed.envelope.owed = std::move(owed);
    dispatch_.tell(relayed);
}

void Transfer::write_down(WallTime next) {
    const bool over = envelope_.owed.empty();
    envelope_.next_attempt = next;
    const Result<> written =
        over ? dispatch_.spool.remove(envelope_.id) : dispatch_.spool.update(envelope_);
    const bool gone = !written && written.error().error == ENOENT;  // an operator removed it
    if (!written && !gone) return later(written.error());
    Job job = std::move(*job_);
    job_.reset();
    if (over || gone) return dispatch_.timetable.done(job);
    job.settled.clear();
    job.destination = envelope_.destination();
    dispatch_.timetable.again(std::move(job), next);
}

// The disk does not let us: what was settled is remembered here meanwhile, so that a full disk
// makes no duplicates.
void Transfer::later(const Fault& fault) {
    Job job = std::move(*job_);
    job_.reset();
    if (fault.error == ENOENT) return dispatch_.timetable.done(job);
    dispatch_.log.error(fmt::format("queue: {}: {}", job.id, fault.text()));
    const WallTime next = whole_seconds(dispatch_.clock.wall() + after_a_fault);
    dispatch_.timetable.again(std::move(job), next);
}

void Transfer::record(watch::What what, const store::Owed& owed, const std::string& why) {
    if (!dispatch_.record) return;
    watch::Event event;
    event.what = what;
    event.peer = route_.host;
    event.sender = envelope_.sender.text();
    event.recipient = owed.recipient.address.given();
    event.size = envelope_.size;
    event.id = envelope_.id;
    event.why = why;
    dispatch_.record(std::move(event));
}

}  // namespace mailhandler::agent
