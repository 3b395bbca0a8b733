// What a root says, read for one command; and the words of a command line, checked against it.
//
// Everything here complains by itself (to standard error, with what to do next) and then answers
// with the exit status.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "context.hpp"
#include "mail/address.hpp"
#include "store/layout.hpp"

namespace mailhandler::cmd {

// A value, or the exit status of a complaint that has been made.
template <class T>
using Answer = tl::expected<T, int>;
inline tl::unexpected<int> stop(int status) { return tl::unexpected<int>(status); }

struct Root {
    config::Server server;
    store::Layout layout;
    route::Directory directory;
    bool problems = false;  // some file could not be loaded; it has been said
};

// mailhandler.toml alone.
Answer<config::Server> read_server(Context& context);
store::Layout layout_of(const Context& context, const config::Server& server);

// The server file and every domain, or only those that can speak for the domains `only` names. A
// domain file that cannot be loaded is complained of, and its domain is there as unavailable.
Answer<Root> read_root(Context& context, const std::vector<std::string>* only = nullptr);

// The canonical name of a domain that has a file. "@example.com" is understood too.
Answer<std::string> configured_domain(Context& context, std::string_view text);

// An address, well-formed.
Answer<mail::Address> parse_address(Context& context, std::string_view text);
// An address of a domain that has a file.
Answer<mail::Address> address_here(Context& context, std::string_view text);

// "domains/example.com.toml:12".
std::string place(const std::string& file, unsigned line);

// Complains that `name` is no domain of ours: the nearest that is, and how to add it.
int unknown_domain(Context& context, const std::string& name);

}  // namespace mailhandler::cmd
