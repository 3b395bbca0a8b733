// The messages of one maildir at one moment, oldest first, each once: what POP3 freezes at a login.
//
// Nothing is allocated for a message: 24 octets beside the names as the disk gave them, about 11
// MiB for 100,000. Once made it only changes by erase_if().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::store {

class MaildirListing {
  public:
    class Message {
      public:
        std::string_view file() const { return {text_, size_}; }  // the whole entry
        std::string_view base() const {
            return {text_, base_size_};
        }                                        // up to the first comma or colon
        bool in_new() const { return in_new_; }  // else in cur/
        // ,W= of its name: octets on the wire; or what was counted where it has none.
        std::optional<std::uint64_t> wire_size() const {
            if (wire_ == unknown) return std::nullopt;
            return wire_;
        }
        void counted(std::uint64_t wire_size) { wire_ = wire_size; }

      private:
        friend class MaildirListing;
        static constexpr std::uint64_t unknown = ~std::uint64_t(0);
        const char* text_ = nullptr;
        std::uint64_t wire_ = unknown;
        std::uint16_t size_ = 0;
        std::uint8_t base_size_ = 0;
        bool in_new_ = false;
    };

    // `fresh`: the entries of new/; `seen`: those of cur/, listed after it. Of a message that is in
    // both, the later sighting counts, that in cur/. Only regular files are messages, and no name
    // that begins with a dot.
    MaildirListing(disk::Names fresh, disk::Names seen);

    std::size_t size() const { return messages_.size(); }
    bool empty() const { return messages_.empty(); }
    const Message& operator[](std::size_t index) const { return messages_[index]; }
    auto begin() const { return messages_.begin(); }
    auto end() const { return messages_.end(); }
    auto begin() { return messages_.begin(); }
    auto end() { return messages_.end(); }
    // The first with this base name; null: there is none.
    const Message* find(std::string_view base) const;
    template <class Predicate>
    void erase_if(Predicate predicate) {
        std::erase_if(messages_, predicate);
    }
    std::size_t memory() const;  // octets, about

    // Of all base names: each consists of %x21-7E; some stand twice, side by side.
    bool printable() const { return printable_; }
    bool repeated() const { return repeated_; }

  private:
    void add(const disk::Names& names, bool in_new);

    disk::Names names_[2];  // of cur/ and of new/
    bool printable_ = true, repeated_ = false;
    std::vector<Message> messages_;
};

// new/ before cur/: a message that moves on meanwhile is seen twice rather than not at all. A
// missing maildir is an empty one.
Result<MaildirListing> list_maildir(disk::Disk& disk, const std::string& path);

// Two numbers that order base names as older() does, but for those they are equal for.
struct AgeKey {
    std::uint64_t seconds = 0, rest = 0;
    bool operator<(const AgeKey& other) const {
        return seconds != other.seconds ? seconds < other.seconds : rest < other.rest;
    }
    bool operator==(const AgeKey&) const = default;
};
AgeKey age_key(std::string_view base);

}  // namespace mailhandler::store
