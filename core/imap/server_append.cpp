// APPEND: messages go to their owner in pieces while they arrive (RFC 9051 section 6.3.12, RFC
// 3502).
#include <utility>

#include "imap/server_session.hpp"

namespace mailhandler::imap {

// Without a literal, which take_literal() would have seen.
void ServerSession::append(Lexer&) { bad("APPEND needs a mailbox and a literal"); }

// A literal that is a message. `words` stands behind APPEND, or at what follows the message before.
void ServerSession::begin_append_message(Lexer& words) {
    const LiteralMark mark = reader_.mark();
    const bool first = !append_;
    if (first) {
        append_.emplace();
        const auto given = words.astring();
        auto name = given ? mailbox_name(*given) : std::nullopt;
        if (!name)
            return refuse_message(given ? "NO [CANNOT] That can be no mailbox's name"
                                        : "BAD A mailbox name is needed");
        append_->mailbox = std::move(*name);
    } else if (append_->utf8 && !words.take(')')) {
        return refuse_message("BAD The parenthesis of UTF8 is not closed");
    }
    auto head = parse_append_head(words);
    const std::string_view literal = reader_.text().substr(mark.at);
    if (!head || words.rest() != literal || (head->utf8 && !utf8_))
        return refuse_message("BAD What is to be appended is not understood");
    if (mark.size == 0) return refuse_message("NO [CANNOT] A message without octets");
    if (mark.size > settings_.message_size)
        return refuse_message("NO [TOOBIG] The message is too large");
    append_->utf8 = head->utf8;
    append_->decoder = wire::DotDecoder(false);
    AppendMessage question{append_->mailbox, std::move(head->flags), head->internal_date,
                           mark.size};
    append_->touched = true;
    ask<Verdict>(std::move(question), [this](const Verdict& verdict) { append_judged(verdict); });
}

void ServerSession::append_judged(const Verdict& verdict) {
    if (!verdict.ok) return refuse_message(refusal(verdict));
    if (reader_.mark().synchronizing) out_.text() += "+ Go on\r\n";
    reader_.hand_out();
}

// The command has failed at a literal, which comes only where the client does not wait.
void ServerSession::refuse_message(std::string status) {
    const LiteralMark mark = reader_.mark();
    if (mark.synchronizing) {
        reader_.forget();
        return append_failed(std::move(status));
    }
    if (mark.size > settings_.message_size) return leave("[TOOBIG] The literal is too large");
    reader_.skip();
    skipped_ = std::move(status);
    if (append_->touched) ask<Verdict>(AppendDiscard{}, [](const Verdict&) {});
    append_.reset();
}

void ServerSession::append_failed(std::string status) {
    const bool touched = append_->touched;
    append_.reset();
    if (touched)
        ask<Verdict>(AppendDiscard{}, [this, status](const Verdict&) { complete(status); });
    else
        complete(std::move(status));
}

void ServerSession::append_piece(std::string_view octets) {
    append_->decoder.decode(octets, append_->octets);
    const bool last = reader_.literal_left() == 0;
    if (last) append_->decoder.end(append_->octets);
    // RFC 3516 section 4.4: binary content is taken as it is, or not at all.
    if (last && reader_.mark().binary && !append_->utf8 && append_->decoder.bare_lf())
        append_->failed = "NO [UNKNOWN-CTE] Binary content with bare LFs cannot be kept";
    if (!last && append_->octets.size() < settings_.spill) return;
    ask<Verdict>(AppendOctets{std::exchange(append_->octets, {}), last},
                 [this](const Verdict& verdict) {
                     if (!verdict.ok) append_->failed = refusal(verdict);
                 });
}

// What stands behind a message: the end of the command.
void ServerSession::append_rest(std::string_view rest) {
    if (append_->utf8 && !rest.starts_with(")"))
        return append_failed("BAD The parenthesis of UTF8 is not closed");
    if (append_->utf8) rest.remove_prefix(1);
    if (append_->failed) return append_failed(*append_->failed);
    if (!rest.empty()) return append_failed("BAD There is more than the command takes");
    ask<Appended>(AppendCommit{}, [this](Appended answer) { appended(std::move(answer)); });
}

void ServerSession::appended(Appended appended) {
    append_.reset();
    std::string code;
    if (!appended.uids.empty()) {
        code = "[APPENDUID ";
        append_number(code, appended.uid_validity);
        code += ' ';
        UidSet uids;
        for (const Uid uid : appended.uids) uids.add(uid);
        uids.append_to(code);
        code += "] ";
    }
    complete_with(appended.verdict, std::move(appended.changes), "Appended", code);
}

}  // namespace mailhandler::imap
