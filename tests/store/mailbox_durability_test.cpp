// What IMAP clients do to mailboxes, on a disk that forgets: power cuts, kills and faults at every
// step of STORE, EXPUNGE, COPY, MOVE, APPEND of one and of several, CREATE, RENAME, DELETE,
// SUBSCRIBE and SETMETADATA. Nothing that was answered OK is lost, what was under way is as it was
// or as it would have been, a message that moves is never nowhere, and a UID means one message for
// ever.
#include <cerrno>
#include <functional>
#include <map>
#include <set>

#include "a_mailbox.hpp"
#include "store/annotations.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using test::Post;
using test::StoreProcess;
using test::Survives;

namespace {

// What a client sees: of each folder its messages, by their text, with flags; and the rest.
struct Seen {
    std::map<std::string, std::map<std::string, std::vector<std::string>>> mail;  // folder → text →
    std::map<std::string, std::map<Uid, std::string>> uids;  // folder → UID →
    std::map<std::string, std::uint32_t> validity;
    std::set<std::string> subscribed, annotated;
    std::string trouble;

    std::size_t count(const std::string& folder, const std::string& text) const {
        const auto box = mail.find(folder);
        if (box == mail.end()) return 0;
        const auto found = box->second.find(text);
        return found == box->second.end() ? 0 : found->second.size();
    }
    std::size_t total(const std::string& text) const {
        std::size_t all = 0;
        for (const auto& [folder, messages] : mail) all += count(folder, text);
        return all;
    }
};

struct Client {
    explicit Client(Post& on) : post(on), process(on.disk, on.clock) {}

    Mailbox& box(const std::string& name) { return **folders.open(name); }
    std::vector<Uid> uids(const std::string& name, const std::set<std::string>& texts) {
        std::vector<Uid> found;
        for (const auto& [uid, text] : last.uids[name])
            if (texts.count(text)) found.push_back(uid);
        return found;
    }

    bool look(const std::string& name) {
        const auto box = folders.open(name);
        if (!box) return false;
        const auto list = (*box)->refresh(Look::thorough);
        if (!list) return false;
        last.mail[name];
        last.validity[name] = (*list)->uid_validity;
        Uid before = 0;
        for (const auto& message : (*list)->messages) {
            const auto file = (*box)->open(**list, message);
            if (!file) return false;
            char text[64];
            const auto size = (*file)->read_at(0, text, sizeof text);
            if (!size) return false;
            std::string flags = std::to_string(message.flags & 0x1f);
            for (std::size_t i = 0; i < (*list)->keywords->size(); ++i)
                if (message.flags >> (first_keyword_bit + i) & 1)
                    flags += ' ' + (**list).keywords->at(i);
            const std::string token(text, *size);
            last.mail[name][token].push_back(flags);
            last.uids[name][message.uid] = token;
            if (message.uid <= before) last.trouble = "UIDs do not grow in " + name;
            before = message.uid;
        }
        if ((*list)->uid_next <= before) last.trouble = "UIDNEXT was given in " + name;
        const auto values =
            Annotations(post.disk, post.clock, annotations_file((*box)->maildir())).all();
        if (!values) return false;
        for (const auto& [entry, value] : *values)
            last.annotated.insert(name + entry + '=' + value);
        return true;
    }
    // All that there is. False: the disk has failed.
    bool look() {
        last = {};
        const auto all = folders.list();
        if (!all) return false;
        for (const auto& each : *all)
            if (each.exists && !look(each.name)) return false;
        const auto names = folders.subscriptions();
        if (!names) return false;
        last.subscribed = {names->begin(), names->end()};
        return true;
    }

    bool append(const std::string& name, const std::vector<std::string>& texts) {
        const auto box = folders.open(name);
        if (!box) return false;
        std::vector<Delivery> deliveries;
        const std::vector<std::string> keywords = {"fresh"};
        for (const auto& text : texts) {
            const std::string_view part = text;
            auto made = (*box)->prepare(flag_seen, keywords, {}, std::span(&part, 1), nullptr);
            if (!made) return false;
            deliveries.push_back(std::move(*made));
        }
        return (*box)->append(std::move(deliveries)).has_value();
    }
    bool store(const std::set<std::string>& texts, FlagChange::How how, Flags flags,
               std::vector<std::string> keywords = {}) {
        return box("INBOX")
            .store(uids("INBOX", texts), {how, flags, std::move(keywords), {}})
            .has_value();
    }
    bool copy(const std::string& from, const std::set<std::string>& texts, const std::string& to,
              bool move) {
        const auto target = folders.open(to);
        return target && Mailbox::copy(box(from), uids(from, texts), **target, move);
    }
    bool annotate(const std::string& name, const char* value) {
        return Annotations(post.disk, post.clock, annotations_file(box(name).maildir()))
            .set({{"/private/comment", value ? std::optional<std::string>(value) : std::nullopt}})
            .has_value();
    }

    Post& post;
    StoreProcess process;
    Folders folders{process.boxes, "/mail"};
    Seen last;
};

using How = FlagChange::How;
const std::vector<std::function<bool(Client&)>> life = {
    [](Client& c) { return c.folders.create("Work").has_value(); },
    [](Client& c) { return c.folders.create("Work.done").has_value(); },
    [](Client& c) {
        return c.store({"a", "b"}, How::add, flag_seen, {"red", "blue"});
    },
    [](Client& c) {
        return c.copy("INBOX", {"a", "b"}, "Work", false);
    },
    [](Client& c) {
        return c.copy("INBOX", {"b", "c"}, "Work.done", true);
    },
    [](Client& c) { return c.append("INBOX", {"e"}); },
    [](Client& c) {
        return c.append("Work", {"f", "g", "h"});
    },
    [](Client& c) {
        return c.store({"a", "e"}, How::replace, flag_flagged);
    },
    [](Client& c) { return c.box("INBOX").expunge(c.uids("INBOX", {"a"})).has_value(); },
    [](Client& c) { return c.folders.subscribe("Work", true).has_value(); },
    [](Client& c) { return c.folders.subscribe("Other", true).has_value(); },
    [](Client& c) { return c.folders.subscribe("Work", false).has_value(); },
    [](Client& c) { return c.annotate("Work", "first"); },
    [](Client& c) { return c.annotate("Work", "second"); },
    [](Client& c) { return c.folders.rename("Work", "Play").has_value(); },
    [](Client& c) {
        return c.copy("Play.done", {"b", "c"}, "INBOX", true);
    },
    [](Client& c) { return c.annotate("Play", nullptr); },
    [](Client& c) { return c.folders.remove("Play").has_value(); },
    [](Client& c) { return c.folders.rename("INBOX", "Old").has_value(); },
};

void fill(Post& post, bool fresh) {
    for (const char* name : {"cur/1.a:2,", "cur/2.b:2,F", "cur/3.c:2,"})
        post.put(name, std::string(1, name[6]));
    if (fresh) post.put("new/4.d", "d");
}

// What was seen after each step of a life that was answered OK; the first before all of them.
std::vector<Seen> live(Post& post, bool fresh) {
    std::vector<Seen> seen;
    Client client(post);
    if (!client.look()) return seen;
    seen.push_back(client.last);
    if (fresh && !client.box("INBOX").claim()) return seen;
    for (const auto& step : life) {
        post.later();
        if (!step(client)) return seen;
        // Answered OK; that nothing more can be seen of it is the next step's fault.
        seen.push_back(seen.back());
        if (!client.look()) return seen;
        seen.back() = client.last;
    }
    return seen;
}

// Between what was before and what would have been.
std::string between(const Seen& now, const Seen& before, const Seen& after) {
    std::set<std::string> texts;
    const auto known = [&](const std::string& folder) {
        return before.mail.count(folder) || after.mail.count(folder);
    };
    for (const Seen* each : {&now, &before, &after})
        for (const auto& [folder, messages] : each->mail)
            for (const auto& [text, flags] : messages) texts.insert(text);
    for (const auto& [folder, messages] : now.mail)
        if (!known(folder)) return "there is a folder " + folder;
    for (const Seen* each : {&before, &after}) {
        for (const auto& [folder, messages] : each->mail) {
            const bool always = before.mail.count(folder) && after.mail.count(folder);
            if (always && !now.mail.count(folder)) return "the folder " + folder + " is gone";
            for (const std::string& text : texts) {
                const auto least = std::min(before.count(folder, text), after.count(folder, text));
                const auto most = std::max(before.count(folder, text), after.count(folder, text));
                const auto count = now.count(folder, text);
                if (count < least || count > most)
                    return folder + " has " + text + ' ' + std::to_string(count) + " times";
                if (count == 0) continue;
                const auto& flags = now.mail.at(folder).at(text);
                const auto of = [&](const Seen& seen) {
                    return seen.count(folder, text) ? seen.mail.at(folder).at(text)
                                                    : std::vector<std::string>();
                };
                if (flags != of(before) && flags != of(after))
                    return text + " in " + folder + " has the flags " + flags[0];
            }
        }
    }
    for (const std::string& text : texts) {
        if (now.total(text) < std::min(before.total(text), after.total(text)))
            return text + " is lost";
    }
    for (const auto part : {&Seen::subscribed, &Seen::annotated}) {
        for (const auto& each : now.*part)
            if (!(before.*part).count(each) && !(after.*part).count(each))
                return "there is " + each;
        for (const auto& each : before.*part)
            if ((after.*part).count(each) && !(now.*part).count(each)) return each + " is lost";
    }
    return now.trouble;
}

// A UID that was told means the same message, or none; and the next one is above all of them.
std::string uids_hold(Client& client, const Seen& told) {
    for (const auto& [folder, uids] : told.uids) {
        const auto now = client.last.validity.find(folder);
        if (now == client.last.validity.end()) continue;
        if (now->second != told.validity.at(folder)) return folder + " has another UIDVALIDITY";
        for (const auto& [uid, text] : uids) {
            const auto there = client.last.uids[folder].find(uid);
            const bool any = there != client.last.uids[folder].end();
            if (any && there->second != text)
                return "a UID of " + folder + " means another message";
            if (!any && client.last.count(folder, text) > told.count(folder, text))
                return text + " in " + folder + " came twice";
        }
    }
    const Uid highest = told.uids.count("INBOX") && !told.uids.at("INBOX").empty()
                            ? told.uids.at("INBOX").rbegin()->first
                            : 0;
    if (!client.append("INBOX", {"late"}) || !client.look()) return "no mail can be appended";
    for (const auto& [uid, text] : client.last.uids["INBOX"])
        if (text == "late" && uid <= highest) return "an old UID was given again";
    return {};
}

std::string verdict(Post& post, const std::vector<Seen>& whole, const std::vector<Seen>& seen) {
    post.later(std::chrono::minutes(3));  // what locks were left are stale
    Client client(post);
    if (!client.look()) return "it cannot be read";
    if (seen.empty()) return {};
    const std::size_t done = seen.size() - 1;
    const Seen& next = whole.at(std::min(done + 1, life.size()));
    if (auto wrong = between(client.last, whole.at(done), next); !wrong.empty()) return wrong;
    Client other(post);
    if (!other.look()) return "it cannot be read by two";
    if (other.last.uids != client.last.uids) return "two processes see different UIDs";
    return uids_hold(client, seen.back());
}

}  // namespace

TEST_CASE("a power cut at any step of what IMAP does loses nothing answered, doubles no move") {
    struct World {
        Survives survives;
        unsigned seeds;
        bool fresh;  // with mail in new/, whose move to cur/ is not synced
    };
    for (const World& world : {World{Survives::synced, 1, false}, World{Survives::entries, 1, true},
                               World{Survives::journal, 6, true}}) {
        Post uncut;
        fill(uncut, world.fresh);
        const std::size_t before = uncut.disk.steps();
        const auto whole = live(uncut, world.fresh);
        REQUIRE(whole.size() == life.size() + 1);
        CHECK(whole.back().total("b") == 1);
        CHECK(whole.back().total("c") == 1);
        for (std::size_t step = before + 1; step <= uncut.disk.steps() + 1; ++step) {
            for (unsigned seed = 0; seed < world.seeds; ++seed) {
                Post post;
                fill(post, world.fresh);
                post.disk.cut_at(step);
                const auto seen = live(post, world.fresh);
                post.disk.crash(world.survives, seed);
                const std::string wrong = verdict(post, whole, seen);
                if (wrong.empty()) continue;
                INFO("cut at " << uncut.disk.step_name(step) << ", step " << step << ", "
                               << seen.size() << " seen, survives "
                               << static_cast<int>(world.survives) << ' ' << seed);
                CHECK(wrong == "");
            }
        }
    }
}

TEST_CASE("a kill or a fault at any step of what IMAP does loses and doubles nothing") {
    Post uncut;
    fill(uncut, true);
    const std::size_t before = uncut.disk.steps();
    const auto whole = live(uncut, true);
    REQUIRE(whole.size() == life.size() + 1);
    for (std::size_t step = before + 1; step <= uncut.disk.steps(); ++step) {
        const std::string name = uncut.disk.step_name(step);
        // A lock of ours that stays would be waited for in earnest.
        const bool unlocks = name.starts_with("remove ") && name.ends_with(".lock");
        for (const int error : {0, EIO, ENOSPC}) {
            if (error != 0 && unlocks) continue;
            INFO(error << " at " << name << ", step " << step);
            Post post;
            fill(post, true);
            if (error == 0)
                post.disk.cut_at(step);
            else
                post.disk.fail_at(step, error);
            const auto seen = live(post, true);
            if (error == 0) post.disk.kill();
            CHECK(verdict(post, whole, seen) == "");
        }
    }
}

TEST_CASE("the check finds a disk whose syncs do nothing") {
    for (const bool files : {true, false}) {
        Post uncut;
        fill(uncut, false);
        const std::size_t before = uncut.disk.steps();
        const auto whole = live(uncut, false);
        bool found = false;
        for (std::size_t step = before + 1; step <= uncut.disk.steps() + 1 && !found; step += 3) {
            Post post;
            fill(post, false);
            if (files)
                post.disk.lie_about_file_sync();
            else
                post.disk.lie_about_directory_sync();
            post.disk.cut_at(step);
            const auto seen = live(post, false);
            post.disk.crash(files ? Survives::entries : Survives::synced);
            found = !verdict(post, whole, seen).empty();
        }
        CHECK(found);
    }
}
