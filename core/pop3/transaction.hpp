// The transaction state (RFC 1939 section 5) as a value: one frozen maildrop and the marks of DELE.
// It answers what needs no disk; RETR, TOP and the removal itself are ServerSession's questions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pop3/maildrop.hpp"

namespace mailhandler::pop3 {

class Transaction {
  public:
    enum class List { sizes, uidls };

    explicit Transaction(std::shared_ptr<const Maildrop> maildrop)
        : maildrop_(std::move(maildrop)) {}

    const Maildrop& maildrop() const { return *maildrop_; }

    // The message a command means: its index, or nothing where there is none or it is marked.
    std::optional<std::uint32_t> find(std::string_view argument) const;
    // … and the -ERR that says which.
    std::string no_such_message(std::string_view argument) const;

    // Whole responses, with CRLF.
    std::string welcome() const;  // the answer to a login
    std::string stat() const;
    std::string dele(std::string_view argument);
    std::string rset();
    std::string list_one(List what, std::string_view argument) const;

    // A listing of everything: begin_list() gives its first line; while listing(), next_lines()
    // gives about 16 KiB more of it, the end with the full stop.
    std::string begin_list(List what);
    bool listing() const { return listing_; }
    std::string next_lines();

    // Indexes of the marked messages, ascending.
    std::vector<std::uint32_t> marked() const;

  private:
    bool is_marked(std::size_t index) const { return !marks_.empty() && marks_[index]; }
    void append_line(std::string& into, List what, std::size_t index) const;

    std::shared_ptr<const Maildrop> maildrop_;
    std::vector<bool> marks_;  // empty until the first DELE
    std::size_t marked_count_ = 0;
    std::uint64_t marked_octets_ = 0;
    bool listing_ = false;
    List what_ = List::sizes;
    std::size_t next_ = 0;
};

}  // namespace mailhandler::pop3
