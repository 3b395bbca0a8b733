// The serving end of IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051), without I/O. Extensions:
// capability.cpp lists them with their RFCs.
//
// It knows the grammar, the states, the limits and the responses, and holds one client's view of
// the selected mailbox (imap/view.hpp). It does not know who may log in, which mailboxes there are,
// what is in a message, or what time it is. Those it asks its owner, one question at a time
// (imap/question.hpp). run/imap joins it to agent/imap_access.
//
// What it guarantees:
// - A password is never taken in clear but on loopback; what came in clear behind STARTTLS is
// dropped.
// - Commands are carried out one after the other, in the order in which they came.
// - A sequence number changes only where the client expects it (RFC 9051 section 7.5.1).
// - Memory is bounded whatever is announced or sent: before a login by Settings::login_command;
//   afterwards by Settings::command and, for a message that is appended, Settings::spill.
// - FETCHes of one message each that were pipelined are asked for together, up to Settings::batch.
// - Responses leave in pieces of about 16 KiB, and messages as they are read from their files:
//   100,000 messages need no more memory on their way than one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/command_reader.hpp"
#include "imap/question.hpp"
#include "imap/response.hpp"
#include "imap/server_runs.hpp"
#include "imap/view.hpp"

namespace mailhandler::imap {

struct Settings {
    std::string hostname;      // in the greeting
    bool tls_offered = false;  // STARTTLS can be done
    bool compression = false;  // COMPRESS=DEFLATE can be done
    // RFC 9051 section 5.4: a logged-in client may be silent for 30 minutes at least.
    std::chrono::seconds idle{1860};
    // In IDLE the client hears a sign of life so often: what stands between must not forget us.
    std::chrono::seconds sign_of_life{240};
    std::chrono::seconds login_idle{60};   // as `idle`, before the login
    std::chrono::seconds login{300};       // from the greeting to a login, whatever is said
    std::size_t errors = 20;  // BAD commands before the connection ends; after a login: in a row
    std::size_t refused_logins = 5;        // refused logins before the connection ends
    std::size_t login_command = 8 * 1024;  // octets of a command with its literals, before a login
    std::size_t line = 64 * 1024;          // octets of one line, after it
    std::size_t command = 512 * 1024;      // … of a command with its literals
    std::uint64_t message_size = 50ull << 20;  // octets of a message that is appended (RFC 7889)
    std::size_t spill = 128 * 1024;            // … handed on in pieces of about so many
    std::size_t batch = 64;                    // messages in one question for sections
    std::size_t header_batch = 1000;           // messages in one question without sections
};

class ServerSession {
  public:
    using Question = imap::Question;
    using Answer = imap::Answer;

    ServerSession(Settings settings, wire::Peer peer);
    // Movable before the first next() only.
    ServerSession(ServerSession&&) = default;

    void receive(std::string_view octets) { reader_.append(octets); }
    void eof() { eof_ = true; }
    // Throws std::logic_error for an answer that does not fit the question.
    void answer(Answer answer);
    void secured(wire::TlsInfo info);
    // The selected mailbox may have changed (Watch).
    void wake() { woken_ = true; }
    // The server is stopping: the commands already here are answered, then BYE and Close.
    void drain() { draining_ = true; }
    Action next(Instant now);

    const Client& client() const { return client_; }

  private:
    enum class Phase {
        connecting,  // before the greeting
        login,       // not authenticated
        authenticated,
        leaving,  // nothing more is read
    };
    // What the next line is.
    enum class Line { command, sasl, idle };
    // What a command needs.
    enum class Needs { nothing, login, authenticated, selected };
    using Handler = void (ServerSession::*)(Lexer&);
    using Job = bool (ServerSession::*)();
    struct Verb {
        std::string_view name;
        Needs needs;
        Handler handler;
        bool uid = false;            // UID may stand before it
        bool keeps_numbers = false;  // without UID: no EXPUNGE before its end
    };
    static const Verb verbs[];

    // server_session.cpp: the loop
    bool proceed(Action& action);
    bool hear();
    bool take_event();
    bool timed_out(Instant now);
    Action wait(Instant now);
    Action ask_now();
    void leave(std::string_view farewell);  // BYE with these words
    template <class A, class Then>
    void ask(Question question, Then then);

    // server_commands.cpp: commands and their ends
    void obey(std::string_view text);
    const Verb* find_verb(Lexer& words);
    bool allowed(const Verb& verb);
    void take_literal();
    void refuse_literal();
    void bad(std::string_view text);
    void no(std::string_view text) { complete("NO " + std::string(text)); }
    void complete(std::string status);
    void complete(const Verdict& verdict, std::string_view done, std::string_view code = {});
    void complete_with(const Verdict& verdict, Changes changes, std::string_view done,
                       std::string_view code = {});
    // "NO [CODE] words"
    static std::string refusal(const Verdict& verdict);
    bool end_command();
    bool ends(Lexer& words);  // nothing more may come; else BAD
    std::optional<std::string> take_mailbox(Lexer& words);
    std::optional<std::string> mailbox_name(std::string_view given);
    std::optional<UidSet> take_set(Lexer& words);
    bool may_change();

    // server_login.cpp
    void greet(const Verdict& verdict);
    void capability(Lexer& words);
    void noop(Lexer& words);
    void logout(Lexer& words);
    void id(Lexer& words);
    void enable(Lexer& words);
    void starttls(Lexer& words);
    void compress(Lexer& words);
    void login(Lexer& words);
    void authenticate(Lexer& words);
    void sasl_response(std::string_view line);
    void try_login(std::string login, std::string password);
    bool may_log_in() const { return secure() || client_.peer.loopback; }
    bool secure() const { return client_.peer.secure || client_.tls; }
    std::string capabilities() const;

    // server_mailboxes.cpp
    void list(Lexer& words);
    void lsub(Lexer& words);
    void listed(Folders folders);
    bool list_more();
    void namespaces(Lexer& words);
    void create(Lexer& words);
    void remove(Lexer& words);
    void rename(Lexer& words);
    void subscribe(Lexer& words);
    void unsubscribe(Lexer& words);
    void status(Lexer& words);
    void append_status(std::string_view name, const StatusItems& items, const StatusOf& status);

    // server_account.cpp
    void getquota(Lexer& words);
    void getquotaroot(Lexer& words);
    void setquota(Lexer& words);
    void ask_quota(std::optional<std::string> mailbox);
    void getmetadata(Lexer& words);
    void setmetadata(Lexer& words);
    void tell_metadata(MetadataWish wish, const Annotations& answer);

    // server_select.cpp
    void select(Lexer& words);
    void examine(Lexer& words);
    void open(Lexer& words, bool read_only);
    bool take_select_options(Lexer& words, Select& question);
    void selected();
    bool resync_more();
    void close(Lexer& words);
    void unselect(Lexer& words);
    void end_selection(bool expunge, std::string_view done);
    void idle(Lexer& words);
    void idle_line(std::string_view line);
    void refresh_idle();
    bool tell_idle();
    View::Style style() const { return {condstore_, qresync_, !rev2_}; }

    // server_fetch.cpp
    void fetch(Lexer& words);
    UidSet named_uids(Lexer words) const;
    bool fetch_more();
    void join_followers(const UidSet& set, std::string_view items);
    std::optional<Uid> follower(std::string_view line, std::string_view items, std::string& tag);
    bool end_fetch();
    void end_single();
    void fill_batch(Uid first);
    void fetch_batch();
    void fetched(Fetched fetched);
    void append_fetched(std::size_t index, Content* content);
    void append_item(const FetchItem& item, const Message& message, Content* content);
    void append_seen(const Message& message);
    void append_flags_of(const Message& message);
    void append_modseq_of(const Message& message);
    void append_section(const FetchItem& item, Octets& octets);

    // server_store.cpp
    void store(Lexer& words);
    void stored(Stored stored, const UidSet& uids, bool silent);
    void expunge(Lexer& words);
    void copy(Lexer& words);
    void move(Lexer& words);
    void copy_or_move(Lexer& words, bool move);

    // server_search.cpp
    void search(Lexer& words);
    void sort(Lexer& words);
    void thread(Lexer& words);
    void run_search(Lexer& words, SearchKind kind);
    void found(Found found);
    void append_found(const std::vector<Uid>& uids, bool sorted);
    void append_extended(const std::vector<Uid>& uids);
    void append_threads(const std::vector<ThreadLine>& lines);
    void append_highest(const std::vector<Uid>& uids, std::string_view before,
                        std::string_view behind);
    std::uint32_t number_of(Uid uid) const;

    // server_append.cpp
    void append(Lexer& words);
    void begin_append_message(Lexer& words);
    void append_judged(const Verdict& verdict);
    void refuse_message(std::string status);
    void append_piece(std::string_view octets);
    void append_rest(std::string_view rest);
    void append_failed(std::string status);
    void appended(Appended appended);

    Settings settings_;
    Client client_;
    CommandReader reader_;
    Output out_;
    Phase phase_ = Phase::connecting;
    Line line_ = Line::command;
    bool eof_ = false;
    bool draining_ = false;
    bool woken_ = false;
    bool begun_ = false;
    bool progress_ = true;  // something was done since the last Read
    bool start_tls_ = false;
    bool start_deflate_ = false;
    bool compressed_ = false;

    std::optional<Question> question_;    // to be asked next
    std::function<void(Answer&&)> then_;  // what its answer is for
    Job job_ = nullptr;                   // more of the command under way; false: done

    // the command under way
    std::string tag_;
    bool uid_ = false;
    bool keep_numbers_ = false;
    std::string tagged_;                  // its end, once what changed has been told
    std::optional<std::string> skipped_;  // the end of a command whose literal is thrown away

    // the session
    bool rev2_ = false, utf8_ = false, condstore_ = false, qresync_ = false;  // ENABLE
    std::optional<View> view_;  // of the selected mailbox
    UidSet saved_;              // "$" (RFC 5182)
    std::size_t errors_ = 0, refused_logins_ = 0;
    Instant deadline_{}, login_by_{}, idle_until_{};

    // what only some commands need (imap/server_runs.hpp)
    std::optional<ListRun> list_;
    std::optional<FetchRun> fetch_;
    std::optional<SearchCommand> search_;
    std::optional<AppendRun> append_;
    std::optional<View::Walk> resync_;
    ModSeq resync_above_ = 0;
    UidSet vanished_earlier_;
    std::string selected_name_;
};

template <class A, class Then>
void ServerSession::ask(Question question, Then then) {
    question_ = std::move(question);
    then_ = [then = std::move(then)](Answer&& given) mutable {
        then(std::get<A>(std::move(given)));
    };
}

}  // namespace mailhandler::imap
