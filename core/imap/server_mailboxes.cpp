// LIST and the commands that make, name and look at mailboxes (RFC 9051 section 6.3).
#include <utility>

#include "imap/server_session.hpp"

namespace mailhandler::imap {

namespace {

constexpr std::size_t at_once = 16 * 1024;  // octets of a listing between two looks at the line

// use-attr-list of CREATE (RFC 6154 section 5.2): one attribute that is kept
bool take_use(Lexer& words, SpecialUse& use) {
    const std::pair<std::string_view, SpecialUse> names[] = {
        {"\\All", SpecialUse::all},       {"\\Archive", SpecialUse::archive},
        {"\\Drafts", SpecialUse::drafts}, {"\\Flagged", SpecialUse::flagged},
        {"\\Junk", SpecialUse::junk},     {"\\Sent", SpecialUse::sent},
        {"\\Trash", SpecialUse::trash},
    };
    const auto name = words.token();
    for (const auto& [word, known] : names) {
        if (!name || !same_word(word, *name)) continue;
        use = known;
        return true;
    }
    return false;
}

}  // namespace

void ServerSession::list(Lexer& words) {
    auto command = words.space() ? parse_list(words, utf8_) : std::nullopt;
    if (!command) return bad("LIST needs a reference and a pattern");
    if (command->delimiter) {
        out_.text() += std::string("* LIST (\\Noselect) \"") + separator + "\" \"\"\r\n";
        return complete("OK That is what stands between the levels");
    }
    list_.emplace();
    list_->command = std::move(*command);
    ask<Folders>(ListFolders{}, [this](Folders folders) { listed(std::move(folders)); });
}

void ServerSession::lsub(Lexer& words) {
    auto command = words.space() ? parse_list(words, utf8_) : std::nullopt;
    if (!command || command->extended) return bad("LSUB needs a reference and a pattern");
    list_.emplace();
    list_->command = std::move(*command);
    list_->lsub = true;
    ask<Folders>(ListFolders{}, [this](Folders folders) { listed(std::move(folders)); });
}

void ServerSession::listed(Folders folders) {
    if (!folders.verdict.ok) return complete(folders.verdict, {});
    ListRun& run = *list_;
    run.listed = find_mailboxes(run.command, std::move(folders.folders), run.lsub);
    job_ = &ServerSession::list_more;
    if (!run.command.status) return;
    GetStatus question;
    question.size = run.command.status->size;
    question.deleted = run.command.status->deleted;
    question.deleted_size = run.command.status->deleted_size;
    for (const Listed& line : run.listed)
        if (line.exists) question.names.push_back(line.name);
    if (question.names.empty()) return;
    ask<Statuses>(std::move(question),
                  [this](Statuses statuses) { list_->statuses = std::move(statuses.statuses); });
}

bool ServerSession::list_more() {
    ListRun& run = *list_;
    std::string& text = out_.text();
    for (; run.next < run.listed.size(); ++run.next) {
        if (text.size() >= at_once) return true;
        const Listed& line = run.listed[run.next];
        text += run.lsub ? "* LSUB (" : "* LIST (";
        text += line.attributes + ") \"" + separator + "\" ";
        append_mailbox(text, line.name, utf8_);
        if (line.child_info) text += " (\"CHILDINFO\" (\"SUBSCRIBED\"))";
        text += "\r\n";
        if (!run.command.status || !line.exists || run.status >= run.statuses.size()) continue;
        const StatusOf& status = run.statuses[run.status++];
        if (status.verdict.ok) append_status(line.name, *run.command.status, status);
    }
    list_.reset();
    complete("OK Those are the mailboxes");
    return false;
}

void ServerSession::namespaces(Lexer& words) {
    if (!ends(words)) return;
    out_.text() += std::string("* NAMESPACE ((\"\" \"") + separator + "\")) NIL NIL\r\n";
    complete("OK One namespace");
}

void ServerSession::create(Lexer& words) {
    auto given = words.space() ? words.astring() : std::nullopt;
    if (!given) return bad("A mailbox name is needed");
    // RFC 9051 section 6.3.4: what ends so announces mailboxes below it.
    if (given->size() > 1 && given->back() == separator) given->pop_back();
    Create question;
    if (words.space()) {
        if (!words.take('(') || !words.word("USE") || !words.space() || !words.take('('))
            return bad("CREATE takes a name and (USE (attribute))");
        if (!take_use(words, question.use)) return no("[USEATTR] That use is not known here");
        if (words.space()) return no("[USEATTR] A mailbox has one use");
        if (!words.take(')') || !words.take(')'))
            return bad("CREATE takes a name and (USE (attribute))");
    }
    if (!ends(words)) return;
    auto name = mailbox_name(*given);
    if (!name) return no("[CANNOT] That can be no mailbox's name");
    question.name = std::move(*name);
    ask<Verdict>(std::move(question),
                 [this](const Verdict& verdict) { complete(verdict, "Created"); });
}

void ServerSession::remove(Lexer& words) {
    if (!words.space()) return bad("A mailbox name is needed");
    auto name = take_mailbox(words);
    if (!name || !ends(words)) return;
    ask<Verdict>(Delete{std::move(*name)},
                 [this](const Verdict& verdict) { complete(verdict, "Deleted"); });
}

void ServerSession::rename(Lexer& words) {
    if (!words.space()) return bad("Two mailbox names are needed");
    auto from = take_mailbox(words);
    if (!from) return;
    if (!words.space()) return bad("Two mailbox names are needed");
    auto to = take_mailbox(words);
    if (!to || !ends(words)) return;
    Rename question{std::move(*from), std::move(*to)};
    ask<Verdict>(std::move(question),
                 [this](const Verdict& verdict) { complete(verdict, "Renamed"); });
}

void ServerSession::subscribe(Lexer& words) {
    if (!words.space()) return bad("A mailbox name is needed");
    auto name = take_mailbox(words);
    if (!name || !ends(words)) return;
    Subscribe question{std::move(*name), true};
    ask<Verdict>(std::move(question),
                 [this](const Verdict& verdict) { complete(verdict, "Subscribed"); });
}

void ServerSession::unsubscribe(Lexer& words) {
    if (!words.space()) return bad("A mailbox name is needed");
    auto name = take_mailbox(words);
    if (!name || !ends(words)) return;
    Subscribe question{std::move(*name), false};
    ask<Verdict>(std::move(question),
                 [this](const Verdict& verdict) { complete(verdict, "Unsubscribed"); });
}

void ServerSession::status(Lexer& words) {
    if (!words.space()) return bad("A mailbox name is needed");
    const auto name = take_mailbox(words);
    if (!name) return;
    const auto items = words.space() ? parse_status_items(words) : std::nullopt;
    if (!items) return bad("STATUS needs a name and a list of items");
    if (!ends(words)) return;
    if (items->highest_modseq) condstore_ = true;  // RFC 7162 section 3.1
    GetStatus question{{*name}, items->size, items->deleted, items->deleted_size};
    ask<Statuses>(std::move(question), [this, name = *name, items = *items](Statuses statuses) {
        StatusOf status;
        status.verdict = imap::no(Code::server_bug);
        if (!statuses.statuses.empty()) status = std::move(statuses.statuses.front());
        if (status.verdict.ok) append_status(name, items, status);
        complete(status.verdict, "That is how it stands");
    });
}

void ServerSession::append_status(std::string_view name, const StatusItems& items,
                                  const StatusOf& status) {
    std::string& text = out_.text();
    text += "* STATUS ";
    append_mailbox(text, name, utf8_);
    char before = '(';
    text += ' ';
    const auto add = [&](bool wanted, std::string_view item, std::uint64_t number) {
        if (!wanted) return;
        text += std::exchange(before, ' ');
        text += item;
        text += ' ';
        append_number(text, number);
    };
    add(items.messages, "MESSAGES", status.messages);
    add(items.recent, "RECENT", status.recent);
    add(items.uid_next, "UIDNEXT", status.uid_next);
    add(items.uid_validity, "UIDVALIDITY", status.uid_validity);
    add(items.unseen, "UNSEEN", status.unseen);
    add(items.deleted, "DELETED", status.deleted);
    add(items.deleted_size, "DELETED-STORAGE", status.deleted_size);  // RFC 9208
    add(items.size, "SIZE", status.size);
    add(items.highest_modseq, "HIGHESTMODSEQ", status.highest_modseq);
    add(items.append_limit, "APPENDLIMIT", settings_.message_size);
    text += ")\r\n";
}

}  // namespace mailhandler::imap
