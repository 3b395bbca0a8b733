#include "agent/configuration.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <set>
#include <utility>

namespace mailhandler::agent {

namespace {

constexpr std::string_view server_name = "mailhandler.toml";
constexpr std::string_view domains_prefix = "domains/";
constexpr std::string_view suffix = ".toml";
constexpr std::string_view mark_suffix = ".removed";
constexpr auto vanished_for = std::chrono::seconds(5);

std::string domain_file(const std::string& domain) {
    return fmt::format("{}{}{}", domains_prefix, domain, suffix);
}

// "domains/example.com.toml" → "example.com"; empty for anything else.
std::string domain_of(std::string_view name) {
    if (!name.starts_with(domains_prefix) || !name.ends_with(suffix)) return {};
    name.remove_prefix(domains_prefix.size());
    if (name.size() <= suffix.size() || name.front() == '.') return {};
    name.remove_suffix(suffix.size());
    const auto domain = mail::canonical_domain(name);
    return domain && *domain == name ? *domain : std::string();
}

// "domains/.example.com.toml.removed" → "domains/example.com.toml"; else the name itself.
std::string marked_file(std::string_view name) {
    const std::string prefix = std::string(domains_prefix) + '.';
    if (!name.starts_with(prefix) || !name.ends_with(mark_suffix)) return std::string(name);
    name.remove_prefix(prefix.size());
    name.remove_suffix(mark_suffix.size());
    return std::string(domains_prefix).append(name);
}

}  // namespace

std::string removal_mark(const std::string& root, const std::string& domain) {
    return fmt::format("{}/{}.{}{}{}", root, domains_prefix, domain, suffix, mark_suffix);
}

Configuration::Configuration(disk::Disk& disk, std::string root, const Clock& clock, Log log)
    : disk_(disk), root_(std::move(root)), clock_(clock), log_(std::move(log)) {}

Result<Snapshot> Configuration::start() {
    // How a file looks is noted before it is read: a change in between is then seen later.
    for (const std::string& name : changed_files())
        if (const auto seen = look(name).seen) seen_[name] = *seen;
    auto server = config::load_server(disk_, root_);
    take_up(server.problems);
    if (!server.ok()) return fail(root_ + "/mailhandler.toml", "cannot be loaded", false);
    snapshot_.server = std::make_shared<const config::Server>(std::move(*server.value));
    auto loaded = config::load_directory(disk_, root_, *snapshot_.server);
    take_up(loaded.problems);
    snapshot_.directory = std::move(loaded.directory);
    return snapshot_;
}

std::optional<Snapshot> Configuration::refresh(const std::vector<std::string>& names) {
    bool changed = false;
    for (const std::string& name : names.empty() ? changed_files() : names) {
        if (name == server_name)
            changed |= refresh_server();
        else if (const std::string domain = domain_of(marked_file(name)); !domain.empty())
            changed |= refresh_domain(domain);
    }
    changed |= forget_vanished();
    if (fresh_) {
        const route::Directory& before = snapshot_.directory;
        snapshot_.directory =
            route::Directory(*std::exchange(fresh_, std::nullopt), before.postmaster(),
                             before.postmaster_line(), before.hostname());
    }
    if (!changed) return {};
    return snapshot_;
}

// Whose time is up is looked at once more: nobody may have told that the file is back.
bool Configuration::forget_vanished() {
    std::vector<std::string> due;
    for (const auto& [domain, when] : vanished_)
        if (clock_.now() >= when) due.push_back(domain);
    bool changed = false;
    for (const std::string& domain : due) {
        const Look now = look(domain_file(domain));
        if (now.unknown) continue;  // asked again at the next look
        vanished_.erase(domain);
        changed |= now.seen ? refresh_domain(domain) : forget_domain(domain);
    }
    return changed;
}

std::optional<Instant> Configuration::next_look() const {
    std::optional<Instant> next;
    for (const auto& [domain, when] : vanished_)
        if (!next || when < *next) next = when;
    return next;
}

Configuration::Look Configuration::look(const std::string& name) {
    const auto status = disk_.status(root_ + "/" + name);
    if (status) return {Seen{status->size, status->inode, status->modified}, false};
    if (status.error().error == ENOENT) return {};
    log_.warning(status.error().text());
    return {{}, true};
}

bool Configuration::refresh_server() {
    const std::string name(server_name);
    const auto [seen, unknown] = look(name);
    if (!seen) {
        if (seen_.erase(name) != 0 && !unknown)
            log_.warning("mailhandler.toml is gone; its last version stays in force");
        return false;
    }
    seen_[name] = *seen;
    auto loaded = config::load_server(disk_, root_);
    take_up(loaded.problems);
    if (!loaded.ok()) {
        log_.warning("mailhandler.toml cannot be loaded; its last version stays in force");
        return false;
    }
    snapshot_.server = std::make_shared<const config::Server>(std::move(*loaded.value));
    snapshot_.directory =
        route::Directory(snapshot_.directory.domains(), snapshot_.server->postmaster,
                         snapshot_.server->postmaster_line, snapshot_.server->hostname);
    log_.info("mailhandler.toml: new version in force");
    return true;
}

bool Configuration::refresh_domain(const std::string& domain) {
    const std::string name = domain_file(domain);
    const auto [seen, unknown] = look(name);
    // Not being able to look is not the same as nothing there.
    if (unknown) return false;
    if (!seen) return gone(domain);
    vanished_.erase(domain);
    seen_[name] = *seen;
    auto loaded = config::load_domain(disk_, root_, domain);
    take_up(loaded.problems);
    if (loaded.ok()) {
        put(domain, std::make_shared<const route::Domain>(std::move(*loaded.value)));
        log_.info(fmt::format("{}: new version in force", name));
        return true;
    }
    if (const auto before = find(domain); before && !before->unavailable) {
        log_.warning(fmt::format("{} cannot be loaded; its last version stays in force", name));
        return false;
    }
    route::Domain unavailable;
    unavailable.name = domain;
    unavailable.file = name;
    unavailable.unavailable = true;
    if (!loaded.problems.empty()) unavailable.why_unavailable = loaded.problems.front().show();
    put(domain, std::make_shared<const route::Domain>(std::move(unavailable)));
    log_.warning(fmt::format("{} cannot be loaded; mail for {} is deferred", name, domain));
    return true;
}

bool Configuration::gone(const std::string& domain) {
    seen_.erase(domain_file(domain));
    if (!find(domain)) return false;
    if (disk::exists(disk_, removal_mark(root_, domain))) {
        vanished_.erase(domain);
        return forget_domain(domain);
    }
    vanished_.try_emplace(domain, clock_.now() + vanished_for);
    return false;
}

bool Configuration::forget_domain(const std::string& domain) {
    if (!find(domain)) return false;
    put(domain, nullptr);
    log_.info(fmt::format("{}: removed; {} is no longer served", domain_file(domain), domain));
    return true;
}

std::shared_ptr<const route::Domain> Configuration::find(const std::string& domain) const {
    if (!fresh_) return snapshot_.directory.find(domain);
    const auto found = fresh_->find(domain);
    return found == fresh_->end() ? nullptr : found->second;
}

// One copy of all domains for any number of changes: a deployment touches thousands of files.
void Configuration::put(const std::string& domain, std::shared_ptr<const route::Domain> value) {
    if (!fresh_) fresh_ = snapshot_.directory.domains();
    if (value)
        (*fresh_)[domain] = std::move(value);
    else
        fresh_->erase(domain);
}

// Names of files that are new, different or gone since they were last read.
std::vector<std::string> Configuration::changed_files() {
    std::vector<std::string> names;
    std::set<std::string, std::less<>> present;
    auto consider = [&](const std::string& name) {
        const auto [seen, unknown] = look(name);
        if (seen || unknown) present.insert(name);
        const auto known = seen_.find(name);
        if (seen && (known == seen_.end() || !(known->second == *seen))) names.push_back(name);
    };
    consider(std::string(server_name));
    const auto entries = disk_.list(root_ + "/domains");
    if (!entries) {
        // Not being able to look is not the same as nothing there.
        if (entries.error().error != ENOENT) log_.warning(entries.error().text());
        return names;
    }
    for (const disk::Entry& entry : *entries) {
        const std::string name = std::string(domains_prefix) + entry.name;
        if (!domain_of(name).empty()) consider(name);
    }
    for (const auto& [name, seen] : seen_)
        if (!present.contains(name)) names.push_back(name);
    return names;
}

// Says what is wrong. A file that could not be read is not known: the next look at everything reads
// it again.
void Configuration::take_up(const std::vector<config::Problem>& problems) {
    for (const config::Problem& problem : problems) {
        if (problem.error)
            log_.error(problem.show());
        else
            log_.warning(problem.show());
        if (const auto known = seen_.find(problem.file);
            problem.error && problem.line == 0 && known != seen_.end())
            known->second = Seen();
    }
}

}  // namespace mailhandler::agent
