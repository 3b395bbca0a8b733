// The disk that forgets: its crashes, its faults and what a test sees of it.
#include <functional>
#include <random>

#include "support/forgetful_node.hpp"

namespace mailhandler::test {

using disk::Kind;

// One power cut: walks everything that can still be reached.
struct ForgetfulDisk::Crash {
    Survives survives;
    std::mt19937 random;
    std::uint64_t last = 0;  // the last change that a journal kept
    std::set<Node*> seen;

    bool happens(const Node::Change& change) {
        if (survives == Survives::some) return random() % 2 == 0;
        if (survives == Survives::journal) return change.number <= last;
        return survives == Survives::entries;
    }

    void directory(Node& node) {
        node.entries = node.durable_entries;
        for (const Node::Change& change : node.pending) {
            if (happens(change)) Node::apply(node.entries, change);
        }
        node.pending.clear();
        node.durable_entries = node.entries;
        for (const auto& [name, below] : node.entries) visit(*below);
    }

    std::string content(const Node& node) {
        const bool chance = survives == Survives::some || survives == Survives::journal;
        if (!chance || node.data == node.durable) return node.durable;
        if (node.data.size() < node.durable.size())  // it was cut
            return random() % 2 == 0 ? node.data : node.durable;
        if (!node.data.starts_with(node.durable)) return written_over(node);
        const std::size_t fresh = node.data.size() - node.durable.size();
        switch (random() % 4) {
            case 0: return node.durable;
            case 1: return node.data;
            case 2: return node.data.substr(0, node.durable.size() + random() % fresh);
            default: return node.durable + std::string(fresh, '\0');
        }
    }

    // Some stretch of what was written came to the disk: its beginning, its end, or what is between.
    std::string written_over(const Node& node) {
        if (random() % 4 == 0) return node.durable;
        const std::size_t size = node.data.size();
        const std::size_t begin = random() % 2 == 0 ? 0 : random() % (size + 1);
        const std::size_t end = random() % 2 == 0 ? size : begin + random() % (size + 1 - begin);
        std::string mixed = node.durable;
        if (end > mixed.size()) mixed.resize(end, '\0');
        return mixed.replace(begin, end - begin, node.data, begin, end - begin);
    }

    void visit(Node& node) {
        if (!seen.insert(&node).second) return;
        if (node.kind == Kind::directory) return directory(node);
        node.data = content(node);
        node.durable = node.data;
        node.dropped = false;
    }
};

void ForgetfulDisk::restart() {
    ++generation_;
    cut_ = false;
    cut_at_ = 0;
    failures_.clear();
    locks_.clear();
    trace_.clear();
}

void ForgetfulDisk::crash(Survives survives, std::uint32_t seed) {
    const std::scoped_lock guard(mutex_);
    Crash cut{survives, std::mt19937(seed), 0, {}};
    cut.last = synced_ + cut.random() % (changes_ - synced_ + 1);
    cut.visit(*root_);
    ++run_;
    restart();
}

std::uint64_t ForgetfulDisk::run() const {
    const std::scoped_lock guard(mutex_);
    return run_;
}

void ForgetfulDisk::kill() {
    const std::scoped_lock guard(mutex_);
    restart();
}

std::size_t ForgetfulDisk::steps() const {
    const std::scoped_lock guard(mutex_);
    return trace_.size();
}

std::string ForgetfulDisk::step_name(std::size_t step) const {
    const std::scoped_lock guard(mutex_);
    return step >= 1 && step <= trace_.size() ? trace_[step - 1] : "no step";
}

void ForgetfulDisk::fail_at(std::size_t step, int error) { failures_[step] = error; }
void ForgetfulDisk::cut_at(std::size_t step) { cut_at_ = step; }
bool ForgetfulDisk::is_cut() const {
    const std::scoped_lock guard(mutex_);
    return cut_;
}
void ForgetfulDisk::lie_about_file_sync() { lying_files_ = true; }
void ForgetfulDisk::lie_about_directory_sync() { lying_directories_ = true; }
void ForgetfulDisk::take_time(std::chrono::microseconds each_sync) { sync_time_ = each_sync; }
void ForgetfulDisk::set_time(WallTime now) { now_ = now; }

std::size_t ForgetfulDisk::file_syncs() const {
    const std::scoped_lock guard(mutex_);
    return file_syncs_;
}

std::size_t ForgetfulDisk::directory_syncs(const std::string& path) const {
    const std::scoped_lock guard(mutex_);
    const auto found = directory_syncs_.find(path);
    return found == directory_syncs_.end() ? 0 : found->second;
}

std::map<std::string, std::string> ForgetfulDisk::files() const {
    const std::scoped_lock guard(mutex_);
    std::map<std::string, std::string> found;
    const std::function<void(const Node&, const std::string&)> walk = [&](const Node& node,
                                                                          const std::string& path) {
        if (node.kind == Kind::file) found[path] = node.data;
        for (const auto& [name, below] : node.entries) walk(*below, path + '/' + name);
    };
    walk(*root_, "");
    return found;
}

}  // namespace mailhandler::test
