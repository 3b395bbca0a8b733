// Configuration from disk: which files there are, and the three kinds of them read.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <thread>
#include <unordered_set>

#include "config/load.hpp"
#include "mail/address.hpp"

namespace mailhandler::config {
namespace {

// No configuration is larger; what is, is not one.
constexpr std::uint64_t largest_file = 256ull << 20;

template <class T>
Loaded<T> unreadable(const std::string& file, const Fault& fault, std::string_view advice) {
    const bool missing = fault.error == ENOENT;
    Loaded<T> loaded;
    loaded.problems.push_back(
        {file, 0, 0, missing ? fmt::format("there is no such file{}", advice) : fault.cause, true});
    return loaded;
}

std::string domain_path(std::string_view domain) { return fmt::format("domains/{}.toml", domain); }
std::string fetch_path(std::string_view name) { return fmt::format("fetch/{}.toml", name); }

// The machine's name as a host name, or "localhost".
std::string machine_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return mail::canonical_domain(name.data()).value_or("localhost");
}

// The names X of the files X.toml in ROOT/<directory>, sorted. Hidden files and what editors leave
// beside a file are passed over.
Names names_in(disk::Disk& disk, const std::string& root, const std::string& directory) {
    Names found;
    const auto entries = disk.list(root + '/' + directory);
    if (!entries) {
        if (entries.error().error != ENOENT)
            found.problems.push_back({directory, 0, 0, entries.error().cause, true});
        return found;
    }
    constexpr std::string_view suffix = ".toml";
    for (const disk::Entry& entry : *entries) {
        if (entry.kind == disk::Kind::directory || entry.name.starts_with('.')) continue;
        if (!entry.name.ends_with(suffix)) continue;
        found.names.push_back(entry.name.substr(0, entry.name.size() - suffix.size()));
    }
    std::sort(found.names.begin(), found.names.end());
    return found;
}

// Moves the names that `why` has something against to the problems.
template <class Why>
Names checked(Names found, const std::string& directory, Why why) {
    std::erase_if(found.names, [&](const std::string& name) {
        std::string text = why(name);
        if (text.empty()) return false;
        found.problems.push_back({directory + '/' + name + ".toml", 0, 0, std::move(text), true});
        return true;
    });
    return found;
}

std::string fault_of_domain_name(const std::string& name) {
    const auto canonical = mail::canonical_domain(name);
    if (!canonical || canonical->starts_with('['))
        return fmt::format("the file's name is not a domain name{}",
                           canonical ? "" : ": " + canonical.error().cause);
    if (*canonical == name) return {};
    return fmt::format("the file must be called {}.toml (A-labels, lower case)", *canonical);
}

std::string fault_of_fetch_name(const std::string& name) {
    if (!name.empty() && name.size() <= 64 &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._+-@") == std::string::npos)
        return {};
    return "the file's name is made of letters, digits and . _ + - @, at most 64";
}

// Loads names[from, from + step, …]: each thread takes every second name and writes only there.
void load_some(disk::Disk& disk, const std::string& root, const std::vector<std::string>& names,
               std::size_t from, std::size_t step, std::vector<Loaded<route::Domain>>& into) {
    for (std::size_t i = from; i < names.size(); i += step)
        into[i] = load_domain(disk, root, names[i]);
}

std::vector<Loaded<route::Domain>> load_all(disk::Disk& disk, const std::string& root,
                                            const std::vector<std::string>& names) {
    constexpr std::size_t worth_a_thread = 64;
    std::vector<Loaded<route::Domain>> loaded(names.size());
    const std::size_t step = names.size() < worth_a_thread ? 1 : 2;
    std::jthread second;
    if (step == 2)
        second = std::jthread([&] { load_some(disk, root, names, 1, 2, loaded); });
    load_some(disk, root, names, 0, step, loaded);
    return loaded;
}

// Collects what is loaded.
class Gathering {
  public:
    void add(const std::string& name, Loaded<route::Domain> loaded) {
        if (!loaded.value) {
            loaded.value.emplace();
            loaded.value->name = name;
            loaded.value->file = domain_path(name);
            loaded.value->unavailable = true;
            for (const Problem& problem : loaded.problems)
                if (problem.error) {
                    loaded.value->why_unavailable = problem.show();
                    break;
                }
        }
        std::move(loaded.problems.begin(), loaded.problems.end(), std::back_inserter(problems_));
        domains_.insert_or_assign(
            domains_.end(), name,
            std::make_shared<const route::Domain>(std::move(*loaded.value)));
    }

    const route::Domain& operator[](const std::string& name) { return *domains_.at(name); }
    void add(std::vector<Problem> problems) {
        std::move(problems.begin(), problems.end(), std::back_inserter(problems_));
    }
    LoadedDirectory finish(const Server& server) {
        return {route::Directory(std::move(domains_), server.postmaster, server.postmaster_line,
                                 server.hostname),
                std::move(problems_)};
    }

  private:
    route::Directory::Domains domains_;
    std::vector<Problem> problems_;
};

// Follows names to the domains that can speak for them, and what those mention.
class Closure {
  public:
    Closure(disk::Disk& disk, const std::string& root, Gathering& into)
        : disk_(disk), root_(root), into_(into) {}

    // `name` and all its parents.
    void want(std::string_view name) {
        for (;;) {
            if (!name.empty() && seen_.emplace(name).second) load(std::string(name));
            const std::size_t dot = name.find('.');
            if (dot == std::string_view::npos || name.starts_with('[')) return;
            name.remove_prefix(dot + 1);
        }
    }

    void run() {
        while (!mentioned_.empty()) {
            const std::string name = std::move(mentioned_.back());
            mentioned_.pop_back();
            want(name);
        }
    }

  private:
    void load(const std::string& name) {
        // The name may be a peer's: only what is a domain name becomes a path.
        if (!fault_of_domain_name(name).empty()) return;
        if (!disk::exists(disk_, root_ + '/' + domain_path(name))) return;
        into_.add(name, load_domain(disk_, root_, name));
        const route::Domain& domain = into_[name];
        for (const auto& target : domain.fallback.forward) mention(target);
        for (const auto& [key, alias] : domain.aliases)
            for (const auto& target : alias.targets) mention(target);
    }

    void mention(const route::Target& target) {
        const std::string& name = target.address.domain();
        if (!name.empty() && !seen_.contains(name)) mentioned_.push_back(name);
    }

    disk::Disk& disk_;
    const std::string& root_;
    Gathering& into_;
    std::unordered_set<std::string> seen_;
    std::vector<std::string> mentioned_;
};

}  // namespace

Loaded<Server> load_server(disk::Disk& disk, const std::string& root) {
    const std::string file = "mailhandler.toml";
    const auto text = disk::read_file(disk, root + '/' + file, largest_file);
    if (!text)
        return unreadable<Server>(file, text.error(),
                                  fmt::format("; `mailhandler --root {} init` makes one", root));
    Loaded<Server> loaded = parse_server(*text, file);
    if (!loaded.value) return loaded;
    Server& server = *loaded.value;
    if (server.hostname.empty()) server.hostname = machine_name();
    if (!server.state.empty() && server.state[0] != '/') server.state = root + '/' + server.state;
    return loaded;
}

Loaded<route::Domain> load_domain(disk::Disk& disk, const std::string& root,
                                  const std::string& domain) {
    const std::string file = domain_path(domain);
    const auto text = disk::read_file(disk, root + '/' + file, largest_file);
    if (!text) return unreadable<route::Domain>(file, text.error(), "");
    return parse_domain(*text, file, domain);
}

Loaded<Fetch> load_fetch(disk::Disk& disk, const std::string& root, const std::string& name) {
    const std::string file = fetch_path(name);
    if (std::string fault = fault_of_fetch_name(name); !fault.empty()) {
        Loaded<Fetch> loaded;
        loaded.problems.push_back({file, 0, 0, std::move(fault), true});
        return loaded;
    }
    const auto text = disk::read_file(disk, root + '/' + file, largest_file);
    if (!text) return unreadable<Fetch>(file, text.error(), "");
    return parse_fetch(*text, file, name);
}

Names domain_names(disk::Disk& disk, const std::string& root) {
    return checked(names_in(disk, root, "domains"), "domains", fault_of_domain_name);
}

Names fetch_names(disk::Disk& disk, const std::string& root) {
    return checked(names_in(disk, root, "fetch"), "fetch", fault_of_fetch_name);
}

LoadedDirectory load_directory(disk::Disk& disk, const std::string& root, const Server& server,
                               const std::vector<std::string>* only) {
    Gathering gathering;
    if (only) {
        Closure closure(disk, root, gathering);
        for (const std::string& name : *only) closure.want(name);
        if (server.postmaster) closure.want(server.postmaster->domain());
        closure.want(server.hostname);
        closure.run();
        return gathering.finish(server);
    }
    Names names = domain_names(disk, root);
    gathering.add(std::move(names.problems));
    std::vector<Loaded<route::Domain>> loaded = load_all(disk, root, names.names);
    for (std::size_t i = 0; i < loaded.size(); ++i)
        gathering.add(names.names[i], std::move(loaded[i]));
    return gathering.finish(server);
}

}  // namespace mailhandler::config
