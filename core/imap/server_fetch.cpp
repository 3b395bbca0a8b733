// FETCH (RFC 9051 section 6.4.5). What the view knows is answered at once, contents are asked for
// in batches; responses leave as they are made.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "imap/server_session.hpp"

namespace mailhandler::imap {

namespace {

constexpr std::size_t at_once = 16 * 1024;

bool has(const FetchCommand& command, FetchItem::Kind kind) {
    return std::any_of(command.items.begin(), command.items.end(),
                       [kind](const FetchItem& item) { return item.kind == kind; });
}

void add_first(FetchCommand& command, FetchItem::Kind kind, const char* label) {
    if (has(command, kind)) return;
    FetchItem item;
    item.kind = kind;
    item.label = label;
    command.items.insert(command.items.begin(), std::move(item));
}

}  // namespace

void ServerSession::fetch(Lexer& words) {
    const Lexer before = words;
    auto set = take_set(words);
    if (!set) return;
    const bool space = words.space();
    const std::string items(words.rest());
    auto command = space ? parse_fetch(words) : std::nullopt;
    if (!command) return bad("The items of FETCH are not understood");
    if (command->vanished && !(uid_ && qresync_))
        return bad("VANISHED needs UID FETCH and QRESYNC");
    if (command->changed_since || has(*command, FetchItem::Kind::modseq)) condstore_ = true;
    if (command->changed_since) add_first(*command, FetchItem::Kind::modseq, "MODSEQ");
    if (uid_) add_first(*command, FetchItem::Kind::uid, "UID");
    if (view_->read_only()) command->wanted.mark_seen = false;

    FetchRun run{std::move(*command), View::Walk(*set), {}, {}, {}, 0, false, {}};
    fetch_.emplace(std::move(run));
    job_ = &ServerSession::fetch_more;
    // With QRESYNC each answer says what is still to come (end_command()).
    const bool tells_modseqs = qresync_ && (fetch_->command.wanted.mark_seen ||
                                            has(fetch_->command, FetchItem::Kind::modseq));
    if (fetch_->command.needs_content() && !fetch_->command.changed_since && set->count() == 1 &&
        !tells_modseqs)
        join_followers(*set, items);
    if (!fetch_->command.vanished) return;
    VanishedSince question{*fetch_->command.changed_since, named_uids(before)};
    if (question.uids.empty()) return;
    ask<Vanished>(std::move(question), [this](const Vanished& vanished) {
        if (vanished.uids.empty()) return;
        out_.text() += "* VANISHED (EARLIER) ";
        vanished.uids.append_to(out_.text());
        out_.text() += "\r\n";
    });
}

// What VANISHED is asked of: the set as it stands there, with UIDs that are no longer known. "*" is
// the greatest UID that there ever was.
UidSet ServerSession::named_uids(Lexer words) const {
    words.space();
    const auto text = words.token().value_or("$");
    if (text == "$") return saved_;
    return UidSet::parse(text, view_->uid_next() - 1).value_or(UidSet());
}

// Takes the commands that wait behind this one and fetch the same of one later message each.
void ServerSession::join_followers(const UidSet& set, std::string_view items) {
    FetchRun& run = *fetch_;
    std::vector<Uid> uids{set.first()};
    std::deque<std::string> tags{tag_};
    std::string tag;
    while (uids.size() < settings_.batch) {
        const auto uid = follower(reader_.peek_line(), items, tag);
        if (!uid || *uid <= uids.back()) break;
        reader_.next_line();
        uids.push_back(*uid);
        tags.push_back(tag);
    }
    if (uids.size() == 1) return;
    run.walk = View::Walk(UidSet());
    run.batch = std::move(uids);
    run.tags = std::move(tags);
}

// The message that `line` fetches, where it does nothing else.
std::optional<Uid> ServerSession::follower(std::string_view line, std::string_view items,
                                           std::string& tag) {
    if (line.empty()) return std::nullopt;
    Lexer words(line);
    const auto given = words.tag();
    if (!given || !words.space()) return std::nullopt;
    if (uid_ && (!words.word("UID") || !words.space())) return std::nullopt;
    if (!words.word("FETCH") || !words.space()) return std::nullopt;
    const auto text = words.token();
    if (!text || text->size() > 10 || !words.space() || words.rest() != items) return std::nullopt;
    const auto set = uid_ ? view_->uids(*text) : view_->numbers(*text);
    if (!set || set->count() != 1) return std::nullopt;
    tag = *given;
    return set->first();
}

bool ServerSession::fetch_more() {
    FetchRun& run = *fetch_;
    while (out_.size() < at_once && !out_.has_body()) {
        if (run.next < run.contents.size()) {
            Content& content = run.contents[run.next++];
            if (content.gone)
                run.gone = true;
            else if (!content.verdict.ok)
                run.failed = std::move(content.verdict);
            else if (const auto index = view_->find(content.uid))
                append_fetched(*index, &content);
            if (!run.tags.empty()) end_single();
            continue;
        }
        if (run.next < run.batch.size()) return fetch_batch(), true;
        const auto index = run.walk.next(*view_);
        if (!index) return end_fetch();
        const Message& message = (*view_)[*index];
        if (run.command.changed_since && message.modseq <= *run.command.changed_since) continue;
        if (!run.command.needs_content())
            append_fetched(*index, nullptr);
        else
            fill_batch(message.uid);
    }
    return true;
}

bool ServerSession::end_fetch() {
    const bool gone = fetch_->gone;
    const auto failed = std::move(fetch_->failed);
    fetch_.reset();
    if (failed)
        complete(*failed, {});
    else
        complete(gone ? "OK [EXPUNGEISSUED] Some messages have vanished" : "OK Fetched");
    return false;
}

// The end of a command but for the last of those that were joined.
void ServerSession::end_single() {
    FetchRun& run = *fetch_;
    tag_ = std::move(run.tags.front());
    run.tags.pop_front();
    if (run.tags.empty()) return;
    out_.text() += tag_;
    if (run.failed)
        out_.text() += ' ' + refusal(*run.failed) + "\r\n";
    else if (run.gone)
        out_.text() += " OK [EXPUNGEISSUED] Some messages have vanished\r\n";
    else
        out_.text() += " OK Fetched\r\n";
    run.failed.reset();
    run.gone = false;
}

// Gathers UIDs to be asked for together, beginning with this one.
void ServerSession::fill_batch(Uid first) {
    FetchRun& run = *fetch_;
    const std::size_t most =
        run.command.wanted.sections.empty() ? settings_.header_batch : settings_.batch;
    run.batch.assign(1, first);
    run.contents.clear();
    run.next = 0;
    while (run.batch.size() < most) {
        const auto index = run.walk.next(*view_);
        if (!index) break;
        const Message& message = (*view_)[*index];
        if (!run.command.changed_since || message.modseq > *run.command.changed_since)
            run.batch.push_back(message.uid);
    }
}

// Asks for what is left of the batch.
void ServerSession::fetch_batch() {
    FetchRun& run = *fetch_;
    run.batch.erase(run.batch.begin(), run.batch.begin() + static_cast<std::ptrdiff_t>(run.next));
    run.contents.clear();
    run.next = 0;
    ask<Fetched>(Fetch{run.batch, run.command.wanted},
                 [this](Fetched fetched) { this->fetched(std::move(fetched)); });
}

void ServerSession::fetched(Fetched fetched) {
    FetchRun& run = *fetch_;
    if (fetched.contents.empty() || fetched.contents.size() > run.batch.size())
        throw std::logic_error("imap: contents of other messages than were asked for");
    // \Seen that this FETCH sets is told in its own responses.
    UidSet own;
    run.before.clear();
    for (const Content& content : fetched.contents) {
        own.add(content.uid);
        const auto index = view_->find(content.uid);
        run.before.push_back(index ? (*view_)[*index].flags : 0);
    }
    view_->apply(std::move(fetched.changes), run.command.wanted.mark_seen ? &own : nullptr);
    run.contents = std::move(fetched.contents);
}

void ServerSession::append_fetched(std::size_t index, Content* content) {
    const FetchRun& run = *fetch_;
    const Message& message = (*view_)[index];
    std::string& start = out_.text();
    start += "* ";
    append_number(start, index + 1);
    start += " FETCH (";
    bool first = true;
    for (const FetchItem& item : run.command.items) {
        std::string& text = out_.text();
        if (!std::exchange(first, false)) text += ' ';
        text += item.label;
        text += ' ';
        append_item(item, message, content);
    }
    const bool seen_now = content != nullptr && run.command.wanted.mark_seen &&
                          run.before[run.next - 1] != message.flags;
    if (seen_now) append_seen(message);
    out_.text() += ")\r\n";
}

// What stands behind the item's label.
void ServerSession::append_item(const FetchItem& item, const Message& message, Content* content) {
    std::string& text = out_.text();
    switch (item.kind) {
        case FetchItem::Kind::uid: return append_number(text, message.uid);
        case FetchItem::Kind::flags: return append_flags_of(message);
        case FetchItem::Kind::modseq: return append_modseq_of(message);
        case FetchItem::Kind::envelope: text += content->envelope; return;
        case FetchItem::Kind::body_structure: text += content->body_structure; return;
        case FetchItem::Kind::body: text += content->body; return;
        case FetchItem::Kind::size: return append_number(text, content->size);
        case FetchItem::Kind::internal_date: return append_date_time(text, content->internal_date);
        case FetchItem::Kind::section:
            return append_section(item, content->sections.at(item.section));
    }
}

// This FETCH has set \Seen: its flags are told with it, and with CONDSTORE what RFC 7162 section
// 3.2.4 wants beside them; all but what was asked for and stands there already.
void ServerSession::append_seen(const Message& message) {
    const FetchCommand& command = fetch_->command;
    std::string& text = out_.text();
    if (!has(command, FetchItem::Kind::flags)) {
        text += " FLAGS ";
        append_flags_of(message);
    }
    if (condstore_ && !has(command, FetchItem::Kind::uid)) {
        text += " UID ";
        append_number(text, message.uid);
    }
    if (condstore_ && !has(command, FetchItem::Kind::modseq)) {
        text += " MODSEQ ";
        append_modseq_of(message);
    }
}

void ServerSession::append_flags_of(const Message& message) {
    append_flags(out_.text(), message.flags, view_->keywords(),
                 !rev2_ && view_->recent(message.uid));
}

void ServerSession::append_modseq_of(const Message& message) {
    std::string& text = out_.text();
    text += '(';
    append_number(text, message.modseq);
    text += ')';
}

// "{5}\r\n" and the octets, of which <partial> are told.
void ServerSession::append_section(const FetchItem& item, Octets& octets) {
    std::string& text = out_.text();
    const Section& section = fetch_->command.wanted.sections[item.section];
    if (octets.nil) {
        text += section.what == Section::What::binary_size ? "0" : "NIL";
        return;
    }
    std::uint64_t offset = 0;
    std::uint64_t length = octets.body ? octets.length : octets.octets.size();
    if (section.what == Section::What::binary_size)
        return append_number(text, std::max(length, octets.length));
    if (item.partial) {
        offset = std::min(item.partial->offset, length);
        length = std::min(item.partial->count, length - offset);
    }
    const bool binary = section.what == Section::What::binary &&
                        (octets.body || octets.octets.find('\0') != std::string::npos);
    text += binary ? "~{" : "{";
    append_number(text, length);
    text += "}\r\n";
    if (octets.body)
        out_.body({std::move(octets.body), octets.offset + offset, length, false});
    else
        text.append(octets.octets, offset, length);
}

}  // namespace mailhandler::imap
