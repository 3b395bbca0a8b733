// held: the mail that fetch set aside, by reason, and what to do about it.
#include <fmt/format.h>
#include <map>
#include <unistd.h>

#include "agent/forward.hpp"
#include "agent/header_survey.hpp"
#include "agent/held_review.hpp"
#include "agent/release.hpp"
#include "commands.hpp"
#include "print.hpp"
#include "root.hpp"
#include "store/node.hpp"

namespace mailhandler::cmd {

namespace {

constexpr std::size_t rows_of_group = 5;  // in text, where no reason was asked for

std::string whom(const store::HeldNote& note) {
    const std::string& recipient = note.recipient.empty() ? "(nobody)" : note.recipient;
    return note.to.empty() ? recipient : recipient + " to " + note.to;
}

std::vector<std::string> row_of(const store::HeldNote& note) {
    return {"  " + note.id, rfc3339_utc(note.when).substr(0, 10), whom(note),
            "from " + (note.sender.empty() ? "<>" : note.sender), size_text(note.size)};
}

void write_note(Json& json, const store::HeldNote& note) {
    json.member("id", note.id).member("when", rfc3339_utc(note.when)).member("fetch", note.fetch);
    json.member("reason", note.reason).member("text", note.text);
    json.member("recipient", note.recipient).member("to", note.to).member("header", note.header);
    json.member("sender", note.sender).member("message_id", note.message_id);
    json.member("size", note.size);
}

int list_json(Context& context, store::Held& held, const std::string& reason) {
    Json json(context.out);
    json.array();
    const auto read = held.each([&](const store::HeldNote& note) {
        if (!reason.empty() && note.reason != reason) return true;
        json.object();
        write_note(json, note);
        json.end();
        return true;
    });
    json.end();
    return read ? status::done : context.fail(read.error());
}

void write_group(Context& context, const agent::HeldGroup& group,
                 const std::vector<std::vector<std::string>>& rows) {
    context.out << fmt::format("{}: {} held, {}, {} to {}\n", printable(group.reason),
                               group.messages, size_text(group.octets),
                               rfc3339_utc(group.oldest).substr(0, 10),
                               rfc3339_utc(group.newest).substr(0, 10));
    context.out << "  " << printable(group.text) << '\n';
    print_table(context.out, rows);
    if (rows.size() < group.messages)
        context.out << fmt::format("  and {} more: mailhandler held list --reason {}\n",
                                   group.messages - rows.size(), printable(group.reason));
    for (const auto& remedy : group.remedies()) context.out << "  > " << printable(remedy) << '\n';
}

int list(Context& context, store::Held& held, const std::string& reason) {
    if (context.json) return list_json(context, held, reason);
    agent::HeldReview review;
    std::map<std::string, std::vector<std::vector<std::string>>> rows;
    const auto read = held.each([&](const store::HeldNote& note) {
        if (!reason.empty() && note.reason != reason) return true;
        review.add(note);
        auto& of_reason = rows[note.reason];
        if (!reason.empty() || of_reason.size() < rows_of_group) of_reason.push_back(row_of(note));
        return true;
    });
    if (!read) return context.fail(read.error());
    for (const auto& group : review.groups()) write_group(context, group, rows[group.reason]);
    return status::done;
}

// The header of the message, as far as 64 KiB reach; the empty line is not part of it.
Result<std::string> header_of(store::Held::Open& open) {
    std::string text(std::min<std::uint64_t>(open.size, 64 * 1024), '\0');
    const auto got = open.file->read_at(open.begin, text.data(), text.size());
    if (!got) return tl::unexpected(got.error());
    text.resize(*got);
    std::erase(text, '\r');
    if (text.starts_with('\n')) return std::string();
    return text.substr(0, text.find("\n\n"));
}

void show_text(Context& context, const store::HeldNote& note, const std::string& header) {
    const auto member = [&context](const char* name, const std::string& value) {
        if (!value.empty()) context.out << fmt::format("{:<11}{}\n", name, printable(value));
    };
    member("id", note.id);
    member("held since", rfc3339_utc(note.when));
    member("by fetch", note.fetch);
    member("recipient", note.recipient);
    member("named by", note.header);
    member("to go on to", note.to.empty() ? "" : " " + note.to);
    member("sender", note.sender.empty() ? "<>" : note.sender);
    member("reason", note.reason);
    member("", note.text);
    member("size", size_text(note.size));
    context.out << '\n';
    for (std::size_t at = 0; at < header.size();) {
        const auto end = std::min(header.find('\n', at), header.size());
        context.out << printable(header.substr(at, end - at)) << '\n';
        at = end + 1;
    }
}

int show(Context& context, store::Held& held, const std::string& id) {
    auto open = held.open(id);
    if (!open) return context.fail(status::no, open.error().text());
    const auto header = header_of(*open);
    if (!header) return context.fail(header.error());
    if (!context.json) {
        show_text(context, open->note, *header);
        return status::done;
    }
    Json json(context.out);
    json.object();
    write_note(json, open->note);
    json.member("head", *header).end();
    return status::done;
}

int remove(Context& context, store::Held& held, const std::string& id) {
    if (const auto removed = held.remove(id); !removed)
        return removed.error().error == ENOENT ? context.fail(status::no, removed.error().text())
                                               : context.fail(removed.error());
    if (context.json)
        Json(context.out).object().member("id", id).member("removed", true).end();
    else
        context.out << id << "  removed\n";
    return status::done;
}

class Releaser {
  public:
    Releaser(Context& context, const Root& root, store::Held& held, std::optional<mail::Address> to,
             mail::Srs srs)
        : context_(context),
          root_(root),
          held_(held),
          to_(std::move(to)),
          names_(context.clock, store::node_id(root.server.node),
                 static_cast<unsigned>(::getpid())),
          spool_(context.disk, root.layout, context.clock, root.server.node),
          srs_(std::move(srs)),
          release_({context.disk, root.layout, root.directory, local_date(context.clock.wall()),
                    context.clock, names_, [this](const std::string& name) { return fetch(name); },
                    &spool_, &srs_, root.server.hostname}) {}

    int release(const std::string& id) {
        const auto released = release_.release(held_, id, to_);
        if (!released && released.error().error == ENOENT)
            return context_.fail(status::no, released.error().text());
        if (!released) return context_.fail(released.error());
        context_.json ? print_json(id, *released) : print_text(id, *released);
        if (!released->done && root_.problems) return status::configuration;
        return released->done && !released->held_again ? status::done : status::no;
    }

  private:
    std::optional<config::Fetch> fetch(const std::string& name) {
        const auto [at, first] = fetches_.try_emplace(name);
        const std::string file = root_.layout.fetch_file(name);
        if (!first || name.empty() || !disk::exists(context_.disk, file)) return at->second;
        auto loaded = config::load_fetch(context_.disk, context_.root, name);
        for (const auto& problem : loaded.problems)
            context_.err << printable(problem.show()) << '\n';
        at->second = std::move(loaded.value);
        return at->second;
    }

    void print_text(const std::string& id, const agent::Released& released) {
        if (!released.done) return context_.say(fmt::format("{} stays: {}", id, released.why));
        context_.out << id << "  ";
        const char* comma = "";
        for (const auto& fate : released.fates) {
            context_.out << comma << printable(agent::fate_text(fate));
            comma = ", ";
        }
        context_.out << '\n';
    }

    void print_json(const std::string& id, const agent::Released& released) {
        Json json(context_.out);
        json.object().member("id", id).member("released", released.done);
        json.member("why", released.why).array("fates");
        for (const auto& fate : released.fates) {
            const std::string recipient = fate.recipient ? fate.recipient->given() : "";
            json.object().member("recipient", recipient);
            json.member("fate", agent::fate_text(fate)).end();
        }
        json.end().end();
    }

    Context& context_;
    const Root& root_;
    store::Held& held_;
    const std::optional<mail::Address> to_;
    store::UniqueNames names_;
    std::map<std::string, std::optional<config::Fetch>> fetches_;
    store::Spool spool_;
    const mail::Srs srs_;
    agent::Release release_;
};

// The ids on the command line, or with --all every one (of a reason).
Result<std::vector<std::string>> chosen(store::Held& held, const Arguments& arguments) {
    if (!arguments.has("--all")) return arguments.all("ID");
    const auto reason = arguments.option("--reason");
    if (!reason) return held.ids();
    std::vector<std::string> found;
    const auto read = held.each([&](const store::HeldNote& note) {
        if (note.reason == *reason) found.push_back(note.id);
        return true;
    });
    if (!read) return tl::unexpected(read.error());
    return found;
}

int release(Context& context, store::Held& held, const Arguments& arguments) {
    std::optional<mail::Address> to;
    if (const auto text = arguments.option("--to")) {
        auto address = parse_address(context, *text);
        if (!address) return address.error();
        to = std::move(*address);
    }
    const auto root = read_root(context);
    if (!root) return root.error();
    const auto lock = held.lock();
    if (!lock) return context.fail(lock.error());
    const auto ids = chosen(held, arguments);
    if (!ids) return context.fail(ids.error());
    SystemRandom random;
    auto srs = agent::load_srs(context.disk, root->layout, random);
    if (!srs) return context.fail(srs.error());
    Releaser releaser(context, *root, held, std::move(to), std::move(*srs));
    int worst = status::done;
    for (const auto& id : *ids) worst = gravest(worst, releaser.release(id));
    return worst;
}

int act(Context& context, store::Held& held, const std::string& verb, const Arguments& arguments) {
    const bool all = arguments.has("--all");
    if (all && !arguments.all("ID").empty())
        return context.usage_error("--all and an ID exclude each other");
    if (!all && arguments.all("ID").empty())
        return context.usage_error(fmt::format("{} what? An ID is missing", verb));
    if (verb == "release") return release(context, held, arguments);
    const auto ids = chosen(held, arguments);
    if (!ids) return context.fail(ids.error());
    int worst = status::done;
    for (const auto& id : *ids)
        worst =
            gravest(worst, verb == "show" ? show(context, held, id) : remove(context, held, id));
    return worst;
}

int run(Context& context, const Arguments& arguments) {
    const std::string verb = arguments.has("VERB") ? arguments.one("VERB") : "list";
    if (arguments.has("--to") && verb != "release")
        return context.usage_error("--to belongs to release");
    const auto server = read_server(context);
    if (!server) return server.error();
    store::Held held(context.disk, layout_of(context, *server));
    if (verb != "list") return act(context, held, verb, arguments);
    if (arguments.has("--all") || !arguments.all("ID").empty())
        return context.usage_error("list takes neither an ID nor --all");
    return list(context, held, arguments.option("--reason").value_or(""));
}

constexpr std::string_view description =
    "Mail that fetch could give to nobody is held: under ROOT/held/, for as long as "
    "[held] keep says. 'list' (the default) groups it by reason, with what would mend "
    "each. 'show' prints why one is held, and its header. 'release' sorts it again by "
    "today's files: what can be placed is delivered and held no more; what cannot stays, "
    "and the status is 1. With --to it goes to that address instead. A message held for "
    "one recipient is released to that one only; one held for its header is sorted as a "
    "whole. 'remove' deletes for good.\n\n"
    "Reasons: would-bounce, would-forward (of released mail), loop (it was forwarded "
    "before), never-bounce (nobody innocent may be bounced to), unknown, foreign-domain, "
    "elsewhere, missing-header, unusable-header, poison (cannot be read); undeliverable "
    "(it could not leave, and its sender may not be told); unreadable (the held copy "
    "itself is damaged).\n\n"
    "With --json, list prints an array of {\"id\", \"when\", \"fetch\", \"reason\", "
    "\"text\", \"recipient\", \"to\", \"header\", \"sender\", \"message_id\", \"size\"}; "
    "show prints one such object for each, with the header as \"head\"; release an object "
    "a line: {\"id\", \"released\", \"why\", \"fates\": [{\"recipient\", \"fate\"}]}; "
    "remove {\"id\", \"removed\"}.";

}  // namespace

Command held() {
    return {
        .name = "held",
        .group = "Collect mail (the office)",
        .summary = "list, show, release or remove the mail that fetch set aside",
        .description = description,
        .arguments = {{"VERB",
                       "list, show, release or remove",
                       Completes::choice,
                       false,
                       false,
                       {"list", "show", "release", "remove"}},
                      {"ID", "the name of a held copy, as list shows it", Completes::held_id, false,
                       true}},
        .options = {{"--all", "", "with show, release and remove: everything that is held"},
                    {"--reason",
                     "REASON",
                     "with list and --all: only what is held for this reason",
                     Completes::choice,
                     {"would-bounce", "never-bounce", "unknown", "foreign-domain", "elsewhere",
                      "would-forward", "loop", "missing-header", "unusable-header", "poison",
                      "undeliverable", "unreadable"}},
                    {"--to", "ADDR", "with release: to this address instead", Completes::address}},
        .examples =
            {{"mailhandler held", "what is held, and what would mend it"},
             {"mailhandler held release --all", "after the configuration was mended"},
             {"mailhandler held release --all --reason foreign-domain --to admin@example.com",
              "let somebody look through it"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
