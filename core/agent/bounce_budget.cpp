#include "agent/bounce_budget.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

namespace mailhandler::agent {

namespace {

constexpr std::uint64_t rewrite_at = 256 << 10;  // octets of lines that are mostly old
constexpr std::uint64_t largest = 16 << 20;

std::int64_t seconds(WallTime time) {
    return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

BounceBudget::BounceBudget(disk::Disk& disk, const store::Layout& layout, Limits limits)
    : disk_(&disk), file_(layout.state_dir() + "/bounces"), limits_(limits) {}

std::string BounceBudget::take(const mail::Address& sender, bool authenticated, WallTime now) {
    const std::lock_guard guard(mutex_);
    const auto others = lock();
    if (others) read();
    forget(now);
    const std::string to = sender.key();
    if (auto why = judge(to, authenticated); !why.empty()) return why;
    sent_.push_back({WallTime(std::chrono::seconds(seconds(now))), to, authenticated});
    if (others) write(sent_.back());
    return {};
}

// A clock that was set back leaves what lies ahead uncounted.
void BounceBudget::forget(WallTime now) {
    std::erase_if(sent_, [now](const Sent& one) {
        return now - one.when >= std::chrono::hours(1) || one.when > now + std::chrono::minutes(1);
    });
}

std::string BounceBudget::judge(const std::string& to, bool authenticated) const {
    const auto counted = [this](auto matches) {
        return static_cast<unsigned>(std::count_if(sent_.begin(), sent_.end(), matches));
    };
    if (sent_.size() >= limits_.in_all)
        return fmt::format("{} bounces went out within the last hour", sent_.size());
    if (counted([&](const Sent& one) { return one.to == to; }) >= limits_.to_one)
        return fmt::format("its sender got {} bounces within the last hour", limits_.to_one);
    if (!authenticated &&
        counted([](const Sent& one) { return !one.authenticated; }) >= limits_.to_unproven)
        return fmt::format("{} bounces to senders who may be forged went out within the last hour",
                           limits_.to_unproven);
    return {};
}

std::unique_ptr<disk::Lock> BounceBudget::lock() {
    if (!disk_) return nullptr;
    auto held = disk_->lock(file_ + ".lock", true);
    if (!held) {  // the directory may be missing
        (void)disk::make_directories(*disk_, disk::parent_path(file_));
        held = disk_->lock(file_ + ".lock", true);
    }
    return held ? std::move(*held) : nullptr;
}

// SECONDS SP ( "a" | "u" ) SP ADDRESS LF
void BounceBudget::read() {
    const auto status = disk_->status(file_);
    if (!status || (status->size == seen_ && status->inode == inode_)) return;
    const auto text = disk::read_file(*disk_, file_, largest);
    if (!text) return;
    seen_ = text->size(), inode_ = status->inode;
    sent_.clear();
    for (std::size_t begin = 0, end; begin < text->size(); begin = end + 1) {
        end = std::min(text->find('\n', begin), text->size());
        const std::string line = text->substr(begin, end - begin);
        const auto space = line.find(' ');
        if (space == line.npos || line.size() < space + 4) continue;
        const long long when = std::strtoll(line.c_str(), nullptr, 10);
        sent_.push_back(
            {WallTime(std::chrono::seconds(when)), line.substr(space + 3), line[space + 1] == 'a'});
    }
}

// Not synced: a power cut forgets a few.
void BounceBudget::write(const Sent& one) {
    const auto line_of = [](const Sent& sent) {
        return fmt::format("{} {} {}\n", seconds(sent.when), sent.authenticated ? 'a' : 'u',
                           sent.to);
    };
    if (seen_ > rewrite_at) {
        std::string all;
        for (const Sent& each : sent_) all += line_of(each);
        if (disk::replace_file(*disk_, file_, all)) seen_ = 0;
        return;
    }
    auto file = disk_->append(file_);
    const std::string line = line_of(one);
    if (!file || !(*file)->write(line)) return;
    if (const auto status = disk_->status(file_)) seen_ = status->size, inode_ = status->inode;
}

}  // namespace mailhandler::agent
