#include "imap/command_reader.hpp"

#include <algorithm>
#include <utility>

namespace mailhandler::imap {

void CommandReader::limits(std::size_t longest, std::size_t largest) {
    lines_.set_longest(longest);
    largest_ = largest;
}

CommandReader::Event CommandReader::next() {
    text_ = {};
    if (std::exchange(held_, false)) command_ = std::string();
    while (left_ != 0) {
        const Event event = take_literal();
        if (event == Event::piece) return event;
        if (lines_.pending().empty()) break;
    }
    return left_ == 0 ? take_line() : Event::nothing;
}

CommandReader::Event CommandReader::take_literal() {
    const std::string_view octets =
        lines_.pending().substr(0, std::min<std::uint64_t>(left_, SIZE_MAX));
    if (octets.empty()) return Event::nothing;
    left_ -= octets.size();
    if (mode_ == Mode::gathering) command_ += octets;
    lines_.consume(octets.size());
    if (mode_ != Mode::handing_out) return Event::nothing;
    text_ = octets;  // consume() moves nothing
    return Event::piece;
}

CommandReader::Event CommandReader::take_line() {
    const auto line = lines_.next();
    if (!line) {
        // An over-long line need not end to be refused.
        return lines_.unfinished() && lines_.empty() ? end(Event::too_long, {}) : Event::nothing;
    }
    if (line->too_long || command_.size() + line->text.size() > largest_)
        return end(Event::too_long, {});
    const auto mark = literal_mark(line->text);
    if (mark && skipped_) {
        // Only one that does not wait comes.
        if (mark->synchronizing) return end(Event::skipped, {});
        left_ = mark->size;
        return next();
    }
    if (skipped_) return end(Event::skipped, {});
    if (!mark && command_.empty()) return end(Event::command, line->text);
    const std::size_t before = command_.size();
    command_ += line->text;
    if (!mark) {
        text_ = command_;
        held_ = true;
        return Event::command;
    }
    mark_ = *mark;
    mark_.at += before;
    text_ = command_;
    return Event::literal;
}

CommandReader::Event CommandReader::end(Event event, std::string_view text) {
    command_ = std::string();
    skipped_ = false;
    mode_ = Mode::line;
    text_ = text;
    return event;
}

void CommandReader::gather() {
    command_ += "\r\n";
    left_ = mark_.size;
    mode_ = Mode::gathering;
}

void CommandReader::hand_out() {
    command_ = std::string();
    left_ = mark_.size;
    mode_ = Mode::handing_out;
}

void CommandReader::skip() {
    command_ = std::string();
    left_ = mark_.size;
    mode_ = Mode::skipping;
    skipped_ = true;
}

void CommandReader::forget() { end(Event::nothing, {}); }

CommandReader::Event CommandReader::next_line() {
    const auto line = lines_.next();
    if (!line) return lines_.unfinished() && lines_.empty() ? Event::too_long : Event::nothing;
    text_ = line->text;
    return line->too_long ? Event::too_long : Event::command;
}

std::string_view CommandReader::peek_line() const {
    if (!command_.empty() || left_ != 0) return {};
    const std::string_view octets = lines_.pending();
    const std::size_t end = octets.find("\r\n");
    if (end == octets.npos || literal_mark(octets.substr(0, end))) return {};
    return octets.substr(0, end);
}

void CommandReader::clear() {
    lines_.clear();
    left_ = 0;
    end(Event::nothing, {});
}

}  // namespace mailhandler::imap
