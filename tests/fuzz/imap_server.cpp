// The server's session under arbitrary octets, cut where the second octet says, from four states:
// before a login, logged in, with a mailbox selected, and in IDLE.
//
// What must hold: it always comes to Read or Close; no login is judged in clear off loopback; UIDs,
// names and flags that it asks about are well-formed and of the mailbox that is selected; an APPEND
// that was begun is committed or discarded; a view never disagrees with what it was told.
#include <cstdlib>
#include <string_view>

#include "fuzz/run_server.hpp"
#include "imap/server_session.hpp"
#include "mail/modified_utf7.hpp"

using namespace mailhandler;

namespace {

// Messages 2, 4, … 2n; each Refresh makes one arrive, one vanish, one change.
struct Owner {
    bool loopback = false, secure = false, selected = false, appending = false;
    std::vector<imap::Message> messages;
    imap::Changes news;
    imap::Uid next = 2;
    imap::ModSeq modseq = 1;

    void name(std::string_view text) {
        require(!text.empty() && mail::well_formed_utf8(text));
        require(text.find('\0') == text.npos && text.find('\n') == text.npos);
    }
    void set(const imap::UidSet& uids) { require(selected && !uids.empty() && uids.last() < next); }
    imap::Changes changes() {
        news.highest_modseq = modseq;
        return std::exchange(news, {});
    }
    void arrive() {
        messages.push_back({next, 0, ++modseq});
        news.fresh.push_back(messages.back());
        next += 2;
    }
    void vanish(std::size_t index) {
        news.vanished.add(messages[index].uid);
        messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(index));
        ++modseq;
    }

    using A = imap::Answer;
    A answer(imap::Question question) {
        return std::visit([this](auto& each) { return take(each); }, question);
    }

    A take(imap::MayConnect&) { return imap::Verdict{}; }
    A take(imap::MayLogin& login) {
        require(loopback || secure);
        return login.password == "no" ? imap::no(imap::Code::none) : imap::Verdict{};
    }
    A take(imap::ListFolders&) {
        imap::Folders folders;
        for (const char* one : {"INBOX", "a", "a.b", "\xc3\xa9"})
            folders.folders.push_back({one, true, one[0] == 'a', imap::SpecialUse::none});
        return folders;
    }
    A take(imap::Create& question) { return name(question.name), imap::Verdict{}; }
    A take(imap::Delete& question) { return name(question.name), imap::Verdict{}; }
    A take(imap::Rename& question) {
        name(question.from);
        name(question.to);
        return imap::Verdict{};
    }
    A take(imap::Subscribe& question) { return name(question.name), imap::Verdict{}; }
    A take(imap::GetStatus& question) {
        imap::Statuses statuses;
        for (const auto& one : question.names) name(one);
        statuses.statuses.resize(question.names.size());
        return statuses;
    }
    A take(imap::GetQuota&) { return imap::Quota{}; }
    A take(imap::GetMetadata&) {
        imap::Annotations annotations;
        annotations.annotations = {{"/private/comment", "x"},
                                   {"/shared/a/b", std::string(1, '\0')}};
        return annotations;
    }
    A take(imap::SetMetadata& question) {
        require(!question.annotations.empty());
        return imap::Verdict{};
    }
    A take(imap::Select& question) {
        if (!question.name.empty()) name(question.name);
        news = {};
        selected = question.name == "INBOX";
        imap::Selected answer;
        if (!selected) answer.verdict = imap::no(imap::Code::nonexistent);
        if (messages.empty())
            for (int i = 0; i < 5; ++i) arrive();
        news = {};
        answer.messages = messages;
        answer.uid_next = next;
        answer.highest_modseq = modseq;
        answer.keywords = {"work"};
        answer.first_recent = 8;
        if (question.resync) answer.vanished.add(1);
        return answer;
    }
    A take(imap::Refresh&) {
        require(selected);
        if (messages.size() < 20) arrive();
        if (messages.size() > 3) vanish(1);
        messages.back().flags ^= imap::flag_seen;
        messages.front().flags ^= imap::flag_flagged;
        messages.front().modseq = ++modseq;
        news.changed.push_back(messages.front());
        return imap::Refreshed{{}, changes()};
    }
    A take(imap::VanishedSince&) { return imap::Vanished{}; }
    A take(imap::Unselect&) {
        require(std::exchange(selected, false));
        return imap::Verdict{};
    }
    A take(imap::Watch&) { return imap::Verdict{}; }
    A take(imap::Fetch& question) {
        require(selected && !question.uids.empty() && question.uids.size() <= 1000);
        imap::Fetched fetched;
        for (std::size_t i = 0; i < question.uids.size() && i < 3; ++i) {
            require(i == 0 || question.uids[i] > question.uids[i - 1]);
            imap::Content content;
            content.uid = question.uids[i];
            content.gone = content.uid % 8 == 0;
            for (std::size_t n = 0; n < question.items.sections.size(); ++n) {
                imap::Octets octets;
                octets.nil = n % 3 == 2;
                octets.octets = "octets";
                octets.length = 0;
                if (n % 3 == 1) {
                    octets.body = std::make_shared<TinyBody>();
                    octets.length = 9;
                }
                content.sections.push_back(std::move(octets));
            }
            fetched.contents.push_back(std::move(content));
        }
        fetched.changes = changes();
        return fetched;
    }
    A take(imap::Search& question) {
        require(selected);
        imap::Found found;
        for (const auto& message : messages) {
            found.uids.push_back(message.uid);
            found.threads.push_back({message.uid, message.uid % 6});
        }
        if (question.charset != "UTF-8") found.verdict = imap::no(imap::Code::bad_charset);
        return found;
    }
    A take(imap::Store& question) {
        set(question.uids);
        imap::Stored stored;
        for (auto& message : messages) {
            if (!question.uids.contains(message.uid)) continue;
            message.flags = question.flags.system;
            message.modseq = ++modseq;
            news.changed.push_back(message);
            if (question.unchanged_since) stored.modified.add(message.uid);
        }
        stored.changes = changes();
        return stored;
    }
    A take(imap::Expunge&) {
        require(selected);
        if (!messages.empty()) vanish(0);
        return imap::Changed{{}, changes()};
    }
    A take(imap::Copy& question) {
        set(question.uids);
        name(question.destination);
        imap::Copied copied;
        copied.from = copied.to = {1, 2, 5};
        copied.changes = changes();
        return copied;
    }
    A take(imap::AppendMessage& question) {
        name(question.mailbox);
        require(question.size > 0);
        appending = true;
        return question.size == 7 ? imap::no(imap::Code::over_quota) : imap::Verdict{};
    }
    A take(imap::AppendOctets&) {
        require(appending);
        return imap::Verdict{};
    }
    A take(imap::AppendCommit&) {
        require(std::exchange(appending, false));
        return imap::Appended{{}, 1, {1, 2}, {}};
    }
    A take(imap::AppendDiscard&) {
        require(std::exchange(appending, false));
        return imap::Verdict{};
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size < 2) return 0;
    const unsigned char how = data[0];
    const std::size_t piece = data[1] + 1u;
    std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
    Owner owner;
    owner.loopback = (how & 4) != 0 || (how & 3) != 0;
    imap::Settings settings;
    settings.hostname = "h";
    settings.tls_offered = true;
    settings.spill = 16;
    settings.message_size = 100;
    imap::ServerSession session(settings, {"192.0.2.1", 1, owner.loopback, false});
    Instant now{std::chrono::hours(1)};
    bool more = run_server<imap::Question>(session, owner, now);
    if (how & 3) session.receive("a LOGIN anne secret\r\n");
    if ((how & 8) && (how & 3)) session.receive("b ENABLE QRESYNC IMAP4rev2\r\n");
    if ((how & 3) > 1) session.receive("c SELECT INBOX\r\n");
    if ((how & 3) == 3) session.receive("d IDLE\r\n");
    if (more) more = run_server<imap::Question>(session, owner, now);
    for (std::size_t at = 0; more && at < octets.size(); at += piece) {
        session.receive(octets.substr(at, piece));
        if (how & 16) session.wake();
        more = run_server<imap::Question>(session, owner, now);
    }
    if (more && (how & 32)) more = run_server<imap::Question>(session, owner, now + std::chrono::hours(1));
    if (more) {
        session.eof();
        require(!run_server<imap::Question>(session, owner, now));
    }
    require(!owner.appending);
    return 0;
}
