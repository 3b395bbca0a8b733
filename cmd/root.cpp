#include "root.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/near.hpp"

namespace mailhandler::cmd {

namespace {

void show_problems(Context& context, const std::vector<config::Problem>& problems) {
    for (const auto& problem : problems) context.err << printable(problem.show()) << '\n';
}

// The parent that speaks for `name`, among domains that have a file.
std::optional<std::string> speaking_parent(Context& context, const std::string& name) {
    for (auto dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
        const std::string parent = name.substr(dot + 1);
        const auto loaded = config::load_domain(context.disk, context.root, parent);
        if (loaded.ok() && loaded.value->fallback.subdomains) return parent;
    }
    return {};
}

}  // namespace

Answer<config::Server> read_server(Context& context) {
    const std::string file = store::Layout(context.root).server_file();
    if (!disk::exists(context.disk, file))
        return stop(context.fail(status::configuration, file + " does not exist",
                                 fmt::format("'mailhandler --root {} init' makes a root",
                                             context.root)));
    auto loaded = config::load_server(context.disk, context.root);
    show_problems(context, loaded.problems);
    if (!loaded.ok()) return stop(status::configuration);
    return std::move(*loaded.value);
}

store::Layout layout_of(const Context& context, const config::Server& server) {
    return store::Layout(context.root, server.state);
}

Answer<Root> read_root(Context& context, const std::vector<std::string>* only) {
    auto server = read_server(context);
    if (!server) return stop(server.error());
    auto loaded = config::load_directory(context.disk, context.root, *server, only);
    show_problems(context, loaded.problems);
    const bool problems = std::any_of(loaded.problems.begin(), loaded.problems.end(),
                                      [](const config::Problem& p) { return p.error; });
    auto layout = layout_of(context, *server);
    return Root{std::move(*server), std::move(layout), std::move(loaded.directory), problems};
}

int unknown_domain(Context& context, const std::string& name) {
    const auto known = config::domain_names(context.disk, context.root).names;
    context.say(fmt::format("{} is not a domain of this root", name));
    if (const auto parent = speaking_parent(context, name))
        context.hint(fmt::format("{} speaks for it: its addresses are defined there", *parent));
    else if (const auto meant = nearest(name, known))
        context.hint(fmt::format("did you mean {}?", *meant));
    context.hint(fmt::format("'mailhandler add-domain {}' adds it", name));
    return status::configuration;
}

Answer<std::string> configured_domain(Context& context, std::string_view text) {
    if (text.starts_with('@')) text.remove_prefix(1);
    auto name = mail::canonical_domain(text);
    if (!name) return stop(context.usage_error(fmt::format("'{}': {}", text, name.error().cause)));
    if (!disk::exists(context.disk, store::Layout(context.root).domain_file(*name)))
        return stop(unknown_domain(context, *name));
    return std::move(*name);
}

Answer<mail::Address> parse_address(Context& context, std::string_view text) {
    auto address = mail::Address::parse(text);
    if (!address)
        return stop(context.usage_error(
            fmt::format("'{}' is not an address: {}", text, address.error().cause)));
    return std::move(*address);
}

Answer<mail::Address> address_here(Context& context, std::string_view text) {
    auto address = parse_address(context, text);
    if (!address) return address;
    if (const auto domain = configured_domain(context, address->domain()); !domain)
        return stop(domain.error());
    return address;
}

std::string place(const std::string& file, unsigned line) {
    return line ? fmt::format("{}:{}", file, line) : file;
}

}  // namespace mailhandler::cmd
