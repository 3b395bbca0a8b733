// Mail that leaves: the owner of one SMTP client session (smtp/client_session.hpp).
//
// It takes what is due in one lane of the timetable, message by message, hands each to the session,
// and writes down what became of every recipient before the next: delivered, failed, or to be
// tried again. Only a 2xx to the message's end is a delivery. A failed recipient leaves the queue
// when somebody else has it durably (Dispatch::failed), never before.
//
// Blocking: for disk-pool threads, one at a time for one Transfer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/timetable.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "mail/dsn.hpp"
#include "smtp/client_session.hpp"
#include "store/spool.hpp"
#include "watch/event.hpp"

namespace mailhandler::agent {

// Recipients whose message met something that its sender may have to be told: it failed, is late,
// or was taken by a host that reports nothing. `envelope.owed` are only they, each with its
// last_reply; the message's octets are in the spool, under the envelope's id.
struct Trouble {
    store::Queued envelope;
    mail::DsnAction action = mail::DsnAction::failed;
    bool expired = false;  // tried until its time was over
    WallTime until{};      // late: when it is given up
    std::string hostname;  // ours, for a report
};

// What all transfers share. Outlives them. `failed` and `tell` are called from several threads.
struct Dispatch {
    store::Spool& spool;
    Timetable& timetable;
    const Clock& clock;
    Random& random;  // safe from several threads
    std::function<void(watch::Event)> record;
    // Takes final trouble over: durably on success. On a fault the recipients stay in the queue.
    std::function<Result<>(const Trouble&)> failed;
    // Told once of what is late or relayed; nobody answers for it. May be empty.
    std::function<void(const Trouble&)> tell;
    Log log;
};

// One lane, as it is served now.
struct Route {
    std::string lane;
    // The host takes every recipient, whatever the domain: a smarthost, or the server in
    // Queued::via.
    bool all = false;
    std::string host;  // who is asked, for the journal
    std::chrono::seconds retry_for{};
    std::string hostname;  // ours
};

class Transfer {
  public:
    Transfer(Dispatch& dispatch, Route route);
    // What was taken and never settled (our bug) is tried again later.
    ~Transfer();

    smtp::ClientAnswer answer(smtp::ClientQuestion question);

    // Why the host served nobody.
    const std::optional<smtp::NoService>& no_service() const { return no_service_; }
    // Messages that were handed to the session.
    std::size_t messages() const { return messages_; }

    // Everything due in the lane meets this reply: its host cannot be found or reached.
    void refuse_lane(const smtp::Reply& reply);

    static constexpr std::size_t most_recipients = 100;  // RFC 5321 section 4.5.3.1.8

  private:
    bool take();
    std::optional<smtp::Outgoing> next_message();
    void choose();
    std::string server_of_lane() const;
    void settle(const smtp::Outcome& outcome);
    std::vector<store::Owed> note_replies(const smtp::Outcome& outcome);
    void drop_settled();
    bool round_over();
    std::chrono::seconds retry_for() const;
    void tell_delay();
    void tell_relayed(std::vector<store::Owed> owed);
    void hand_over(std::vector<store::Owed> owed, bool expired);
    void write_down(WallTime next);
    void later(const Fault& fault);
    void record(watch::What what, const store::Owed& owed, const std::string& why);

    Dispatch& dispatch_;
    const Route route_;
    std::optional<Job> job_;
    store::Queued envelope_;
    std::unique_ptr<disk::File> file_;  // the message's, from begin_ on
    std::uint64_t begin_ = 0;
    std::vector<std::size_t> chosen_;  // of envelope_.owed: whose turn it is
    std::optional<smtp::NoService> no_service_;
    std::size_t messages_ = 0;
};

}  // namespace mailhandler::agent
