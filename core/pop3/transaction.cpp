#include "pop3/transaction.hpp"

#include <charconv>

#include "pop3/command.hpp"
#include "pop3/response.hpp"

namespace mailhandler::pop3 {

namespace {

constexpr std::size_t list_chunk = 16 * 1024;

void append(std::string& into, std::uint64_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    into.append(digits, end);
}

}  // namespace

std::optional<std::uint32_t> Transaction::find(std::string_view argument) const {
    const auto number = parse_number(argument);
    if (!number || *number == 0 || *number > maildrop_->count() || is_marked(*number - 1))
        return std::nullopt;
    return *number - 1;
}

std::string Transaction::no_such_message(std::string_view argument) const {
    const auto number = parse_number(argument);
    if (!number) return err("a message number is needed");
    if (*number != 0 && *number <= maildrop_->count())
        return err("message " + std::to_string(*number) + " is marked as deleted");
    return err("no such message, there are " + std::to_string(maildrop_->count()));
}

std::string Transaction::welcome() const {
    return ok(std::to_string(maildrop_->count()) + " messages (" +
              std::to_string(maildrop_->octets()) + " octets)");
}

std::string Transaction::stat() const {
    return ok(std::to_string(maildrop_->count() - marked_count_) + ' ' +
              std::to_string(maildrop_->octets() - marked_octets_));
}

std::string Transaction::dele(std::string_view argument) {
    const auto index = find(argument);
    if (!index) return no_such_message(argument);
    if (marks_.empty()) marks_.resize(maildrop_->count());
    marks_[*index] = true;
    ++marked_count_;
    marked_octets_ += maildrop_->size(*index);
    return ok("message " + std::to_string(*index + 1) + " deleted");
}

std::string Transaction::rset() {
    marks_.clear();
    marked_count_ = 0;
    marked_octets_ = 0;
    return welcome();
}

void Transaction::append_line(std::string& into, List what, std::size_t index) const {
    append(into, index + 1);
    into += ' ';
    if (what == List::sizes)
        append(into, maildrop_->size(index));
    else
        into += maildrop_->uidl(index);
    into += "\r\n";
}

std::string Transaction::list_one(List what, std::string_view argument) const {
    const auto index = find(argument);
    if (!index) return no_such_message(argument);
    std::string line = "+OK ";
    append_line(line, what, *index);
    return line;
}

std::string Transaction::begin_list(List what) {
    listing_ = true;
    what_ = what;
    next_ = 0;
    return ok(std::to_string(maildrop_->count() - marked_count_) + " messages (" +
              std::to_string(maildrop_->octets() - marked_octets_) + " octets)");
}

std::string Transaction::next_lines() {
    std::string lines;
    for (; next_ < maildrop_->count() && lines.size() < list_chunk; ++next_)
        if (!is_marked(next_)) append_line(lines, what_, next_);
    if (next_ == maildrop_->count()) {
        lines += ".\r\n";
        listing_ = false;
    }
    return lines;
}

std::vector<std::uint32_t> Transaction::marked() const {
    std::vector<std::uint32_t> indexes;
    indexes.reserve(marked_count_);
    for (std::size_t i = 0; i < marks_.size(); ++i)
        if (marks_[i]) indexes.push_back(static_cast<std::uint32_t>(i));
    return indexes;
}

}  // namespace mailhandler::pop3
