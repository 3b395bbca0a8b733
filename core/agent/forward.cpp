#include "agent/forward.hpp"

#include <cerrno>
#include <utility>
#include <vector>

#include "mail/stamp.hpp"

namespace mailhandler::agent {

namespace {

constexpr std::size_t shortest_secret = 16;  // octets
constexpr std::size_t secret_size = 40;      // of our own making: over 200 bits

std::string secret_file(const store::Layout& layout) { return layout.state_dir() + "/srs.secret"; }

Result<std::vector<std::string>> read_secrets(disk::Disk& disk, const std::string& path) {
    const auto text = disk::read_file(disk, path, 64 << 10);
    if (!text) return tl::unexpected(text.error());
    std::vector<std::string> secrets;
    for (std::size_t begin = 0; begin < text->size();) {
        const std::size_t end = std::min(text->find('\n', begin), text->size());
        if (std::string line = text->substr(begin, end - begin); !line.empty()) {
            if (line.size() < shortest_secret)
                return fail(path, "a line of it is too short for a secret", false);
            secrets.push_back(std::move(line));
        }
        begin = end + 1;
    }
    if (secrets.empty()) return fail(path, "it holds no secret", false);
    return secrets;
}

// Written whole before it has its name; whoever else is as early keeps theirs.
Result<> make_secret(disk::Disk& disk, const store::Layout& layout, Random& random) {
    const std::string path = secret_file(layout);
    if (auto made = disk::make_directories(disk, layout.state_dir()); !made) return made;
    const std::string hidden = path + '.' + random_text(random, 12);
    auto file = disk.create(hidden);
    if (!file) return tl::unexpected(file.error());
    auto written = (*file)->write(random_text(random, secret_size) + '\n');
    if (written) written = (*file)->sync();
    if (written) written = disk.rename_new(hidden, path);
    if (!written) {
        (void)disk.remove(hidden);
        return written;
    }
    return disk.sync_directory(layout.state_dir());
}

}  // namespace

Result<mail::Srs> load_srs(disk::Disk& disk, const store::Layout& layout, Random& random) {
    const std::string path = secret_file(layout);
    auto secrets = read_secrets(disk, path);
    if (!secrets && secrets.error().error == ENOENT) {
        const auto made = make_secret(disk, layout, random);
        if (!made && made.error().error != EEXIST) return tl::unexpected(made.error());
        secrets = read_secrets(disk, path);
    }
    if (!secrets) return tl::unexpected(secrets.error());
    return mail::Srs(std::move(*secrets));
}

Result<Forward> forward(const mail::Srs& srs, const mail::Sender& sender,
                        const mail::Recipient& recipient, const mail::Address& delivered_to,
                        std::span<const mail::Address> targets, WallTime now) {
    Forward copy;
    store::Queued& envelope = copy.envelope;
    envelope.kind = store::Queued::Kind::forward;
    envelope.sender = sender;
    envelope.original_sender = sender.text();
    if (sender.address) {
        auto rewritten = srs.forward(*sender.address, delivered_to.domain(), now);
        if (!rewritten) return tl::unexpected(rewritten.error());
        envelope.sender.address = std::move(*rewritten);
    }
    envelope.sender.size.reset();  // what was declared was another message's size
    for (const mail::Address& target : targets)
        envelope.owed.push_back(
            {{target, recipient.notify, recipient.orcpt}, recipient.address.given(), {}, false});
    envelope.arrived = envelope.next_attempt = now;
    copy.ours = delivered_to;
    copy.lines = mail::envelope_lines(recipient.address.given(), delivered_to.key());
    return copy;
}

Forward handed_over(const mail::Sender& sender, const mail::Recipient& recipient,
                    const mail::Address& delivered_to, const std::string& server, WallTime now) {
    Forward copy;
    store::Queued& envelope = copy.envelope;
    envelope.kind = store::Queued::Kind::handover;
    envelope.via = server;
    envelope.sender = sender;
    envelope.original_sender = sender.text();
    envelope.sender.size.reset();
    const bool same = recipient.address == delivered_to;
    envelope.owed.push_back({{delivered_to, recipient.notify, recipient.orcpt},
                             same ? std::string() : recipient.address.given(),
                             {},
                             false});
    envelope.arrived = envelope.next_attempt = now;
    copy.ours = delivered_to;
    copy.lines = mail::envelope_lines(recipient.address.given(), delivered_to.key());
    return copy;
}

std::optional<smtp::Understood<mail::Address>> returning(const mail::Srs& srs,
                                                         const route::Directory& directory,
                                                         const mail::Sender& sender,
                                                         const mail::Address& recipient,
                                                         WallTime now) {
    if (!mail::is_srs(recipient.local()) || !directory.speaks_for(recipient.domain())) return {};
    if (sender.address)
        return smtp::refused(550, "5.1.1", "This address takes nothing but bounces");
    auto original = srs.reverse(recipient, now);
    if (!original) return smtp::refused(550, "5.1.1", "No such address: " + original.error().cause);
    return std::move(*original);
}

store::Queued returned(const mail::Sender& sender, const mail::Recipient& recipient,
                       const mail::Address& to, WallTime now) {
    store::Queued envelope;
    envelope.kind = store::Queued::Kind::relay;
    envelope.sender = sender;
    envelope.sender.size.reset();
    envelope.owed.push_back({{to, recipient.notify, recipient.orcpt}, {}, {}, false});
    envelope.arrived = envelope.next_attempt = now;
    return envelope;
}

}  // namespace mailhandler::agent
