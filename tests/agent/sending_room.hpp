// A mailroom that mail leaves from: its queue is a maildir, so that it obeys commit() as the real
// one does, and what was put there is kept to be looked at.
#pragma once

#include <string>
#include <vector>

#include "mailroom.hpp"
#include "support/forgetful_disk.hpp"

namespace mailhandler::test {

struct SendingRoom {
    ForgetfulDisk disk;
    TestRoom room;
    mail::Srs srs{{"a secret of some length"}};
    agent::Bounces bounces{room.names, room.clock};
    std::vector<store::Queued> queued;  // as they were prepared
    std::vector<std::string> told;      // ids of what was committed
    agent::Outgoing outgoing{
        [this](store::Queued& envelope, auto parts, disk::File* spilled, auto after) {
            envelope.id = room.names.next();
            queued.push_back(envelope);
            return store::Delivery::write(disk, "/r/mail/queue", envelope.id, parts, spilled,
                                          after);
        },
        [this](const std::string& id) { told.push_back(id); },
        {},
        srs,
        &bounces};

    explicit SendingRoom(const TestRoom::Domains& domains) : room(disk, domains) {
        room.room.outgoing = &outgoing;
    }

    // What lies in a mailbox ("example.com/anne"), or in "queue".
    std::vector<std::string> in(const std::string& directory) const {
        std::vector<std::string> found;
        for (const auto& [where, text] : visible(disk.files()))
            if (where == directory) found.push_back(text);
        return found;
    }
};

}  // namespace mailhandler::test
