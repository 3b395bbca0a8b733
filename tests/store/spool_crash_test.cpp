// SIGKILL or a power cut at any step of the queue's life: nothing taken on is lost, nothing torn is
// sent, what was removed stays removed. Each of it has a saboteur that must be caught.
#include <algorithm>

#include <catch2/catch.hpp>

#include "a_queue.hpp"
#include "store/spool_envelope.hpp"
#include "support/cut_each_step.hpp"

using namespace a_queue;

namespace {

// What the one who uses the queue was told, so what must be true after a crash.
struct Told {
    std::vector<std::string> taken;    // ids
    std::vector<bool> leaving, gone;   // of each: its removal was begun, was told
    bool updated = false;              // of the first
};

// Each message's own words, with its name as ENVID: a file that is another's shows.
std::string words(const std::string& name) { return "Subject: " + name + "\r\n\r\n" + body; }

Result<std::string> add_named(Spool& spool, const std::string& name) {
    Queued envelope = envelope_to({name, "y@d.example"});
    envelope.sender.envid = name;
    return spool.add(std::move(envelope), {}, nullptr, words(name));
}

bool take(Spool& spool, Told& told, const std::string& name) {
    const auto id = add_named(spool, name);
    if (!id) return false;
    told.taken.push_back(*id);
    told.leaving.push_back(false);
    told.gone.push_back(false);
    return true;
}

bool let_go(Spool& spool, Told& told, std::size_t which) {
    told.leaving[which] = true;
    return told.gone[which] = spool.remove(told.taken[which]).has_value();
}

// The queue's life: of three messages the first is updated twice, the second removed; its file is the
// fourth's. The third is removed and the fourth, whose files are the fifth's and the sixth's.
bool live_on(disk::Disk& disk, Told& told) {
    SetClock clock;
    Spool spool(disk, layout, clock);
    if (!spool.sweep()) return false;
    for (const char* name : {"x@a.example", "x@b.example", "x@c.example"})
        if (!take(spool, told, name)) return false;
    auto envelope = spool.load(told.taken[0]);
    if (!envelope) return false;
    envelope->attempts = 1;
    envelope->next_attempt = clock.time + 60s;
    if (!spool.update(*envelope)) return false;
    envelope->attempts = 2;
    envelope->owed.erase(envelope->owed.begin());
    envelope->next_attempt = clock.time + 3600s;
    told.updated = spool.update(*envelope).has_value();
    return told.updated && let_go(spool, told, 1) && take(spool, told, "a-longer-one@d.example") &&
           let_go(spool, told, 2) && let_go(spool, told, 3) && take(spool, told, "x@e.example") &&
           take(spool, told, "x@f.example");
}

Told live(disk::Disk& disk) {
    Told told;
    live_on(disk, told);
    return told;
}

// Nothing taken on is lost, torn or another's; nothing that has gone is there.
std::string judge(Spool& spool, const Told& told, WallTime now) {
    std::vector<Fault> damaged;
    const auto due = spool.list(&damaged);
    if (!due) return due.error().text();
    if (!damaged.empty()) return damaged.front().text();
    for (std::size_t each = 0; each < told.taken.size(); ++each) {
        const std::string& id = told.taken[each];
        const auto count = std::count_if(due->begin(), due->end(),
                                         [&](const Spool::Due& one) { return one.id == id; });
        if (count > 1) return "two names of one id";
        if (told.gone[each] && count == 1) return "removed and there again";
        if (!told.leaving[each] && count != 1) return "lost: " + std::to_string(each);
    }
    for (const Spool::Due& one : *due) {
        const auto envelope = spool.load(one.id);
        if (!envelope) return "torn envelope: " + envelope.error().text();
        if (content(spool, one.id) != words(envelope->sender.envid)) return "torn message";
        const bool first = !told.taken.empty() && one.id == told.taken[0];
        if (first && told.updated && owed_text(*envelope) != "y@d.example 2") return "old envelope";
        if (first && told.updated && one.next_attempt != now + 3600s) return "old schedule";
    }
    return {};
}

// Also of the next run, which takes files up that are there.
std::string verdict(disk::Disk& disk, const Told& told) {
    SetClock clock;
    const WallTime begun = clock.time;
    {
        Spool spool(disk, layout, clock);
        if (const std::string wrong = judge(spool, told, begun); !wrong.empty()) return wrong;
    }
    clock.time += 2h;
    Spool spool(disk, layout, clock);
    if (!spool.sweep()) return "cannot be swept";
    Told both = told;
    for (const char* name : {"n@a.example", "n@b.example", "n@c.example"})
        if (!take(spool, both, name)) return "takes nothing on";
    return judge(spool, both, begun);
}

using Life = Told (*)(disk::Disk&);

std::string cut_everywhere(Life life, std::optional<Survives> survives, std::uint32_t seeds,
                           test::Sabotage sabotage = [](ForgetfulDisk&) {}) {
    ForgetfulDisk whole;
    const Told all = life(whole);
    if (all.taken.size() < 6) return "it does not work at all";
    return test::cut_each_step(whole, seeds, sabotage, [&](ForgetfulDisk& disk, auto seed) {
        const Told told = life(disk);
        survives ? disk.crash(*survives, seed) : disk.kill();
        return verdict(disk, told);
    });
}

// The saboteur who takes a file for the next message before its own is durably gone.
Told take_too_early(disk::Disk& disk) {
    Told told;
    if (!live_on(disk, told)) return told;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    const auto all = spool.list();
    if (!all) return told;
    const auto due = std::find_if(all->begin(), all->end(),
                                  [&](const auto& one) { return one.id == told.taken[4]; });
    if (due == all->end()) return told;
    const std::string old = "/root/queue/" + message_file(due->id, 1795411214, "e.example");
    Queued next = envelope_to({"x@g.example"});
    next.id = "zz.a";
    next.sender.envid = "x@g.example";
    next.size = words("x@g.example").size();
    const std::string spare = "/root/queue/99.spare";
    told.leaving[4] = true;
    if (!disk.rename(old, spare)) return told;
    auto file = disk.overwrite(spare);
    if (!file || !(*file)->write(message_head(next).value()) ||
        !(*file)->write(words("x@g.example")) || !(*file)->sync() ||
        !disk.rename(spare, "/root/queue/" + message_file(next.id, 5, "g.example")) ||
        !disk.sync_directory("/root/queue"))
        return told;
    told.gone[4] = true;
    return told;
}

// The saboteur who replaces a name by another one and then removes the old one.
Told remove_old_name(disk::Disk& disk) {
    Told told;
    if (!live_on(disk, told)) return told;
    const std::string old = "/root/queue/" + message_file(told.taken[4], 1795411214, "e.example");
    const std::string next = "/root/queue/" + message_file(told.taken[4], 1795411299, "e.example");
    const auto text = disk::read_file(disk, old);
    auto file = disk.create(next + ".new");
    if (!text || !file || !(*file)->write(*text) || !(*file)->sync()) return told;
    if (!disk.rename(next + ".new", next) || !disk.remove(old)) return told;
    (void)disk.sync_directory("/root/queue");
    return told;
}

// The saboteur who removes what was added to an envelope before its message has gone.
Told remove_env_first(disk::Disk& disk) {
    Told told;
    if (!live_on(disk, told)) return told;
    const SetClock clock;
    Spool spool(disk, layout, clock);
    if (!disk.remove("/root/queue/" + changed_file(told.taken[0])) ||
        !disk.sync_directory("/root/queue"))
        return told;
    let_go(spool, told, 0);
    return told;
}

}  // namespace

TEST_CASE("SIGKILL at any step loses nothing taken on and brings nothing back") {
    CHECK(cut_everywhere(live, std::nullopt, 1) == "");
}

TEST_CASE("A power cut at any step loses nothing taken on and brings nothing back") {
    CHECK(cut_everywhere(live, Survives::synced, 1) == "");
    CHECK(cut_everywhere(live, Survives::entries, 1) == "");
    CHECK(cut_everywhere(live, Survives::some, 40) == "");
    CHECK(cut_everywhere(live, Survives::journal, 20) == "");
}

TEST_CASE("The check finds whoever writes over a file before its message is durably gone") {
    CHECK(cut_everywhere(take_too_early, Survives::synced, 1) != "");
    CHECK(cut_everywhere(take_too_early, Survives::journal, 20) != "");
}

TEST_CASE("The check finds whoever removes the later envelope before the message") {
    CHECK(cut_everywhere(remove_env_first, Survives::synced, 1) != "");
}

TEST_CASE("The check finds whoever replaces a name by another and removes the old one") {
    CHECK(cut_everywhere(remove_old_name, Survives::some, 40) != "");
}

TEST_CASE("The check finds a disk under the queue whose syncs do nothing") {
    CHECK(cut_everywhere(live, Survives::entries, 1,
                         [](ForgetfulDisk& disk) { disk.lie_about_file_sync(); }) != "");
    CHECK(cut_everywhere(live, Survives::synced, 1,
                         [](ForgetfulDisk& disk) { disk.lie_about_directory_sync(); }) != "");
}
