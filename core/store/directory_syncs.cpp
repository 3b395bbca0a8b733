#include "store/directory_syncs.hpp"

namespace mailhandler::store {

Result<> DirectorySyncs::sync(const std::string& directory) {
    std::unique_lock guard(mutex_);
    Line& line = lines_[directory];  // stays where it is: an unordered_map does not move its nodes
    ++line.users;
    // The sync that is running may have begun before our rename. Only the next one will do.
    if (!line.next) line.next = std::make_shared<Round>();
    const std::shared_ptr<Round> round = line.next;
    line.changed.wait(guard, [&] { return round->done || !line.running; });
    if (!round->done) {
        // The first to wake runs the round for all who joined it.
        line.running = std::move(line.next);
        guard.unlock();
        Result<> result = disk_.sync_directory(directory);
        guard.lock();
        round->result = std::move(result);
        round->done = true;
        line.running = nullptr;
        line.changed.notify_all();
    }
    Result<> result = round->result;
    if (--line.users == 0) lines_.erase(directory);
    return result;
}

}  // namespace mailhandler::store
