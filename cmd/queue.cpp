// queue: mail on its way out; why it waits, until when; and the operator's hand in it.
#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

#include "commands.hpp"
#include "print.hpp"
#include "root.hpp"
#include "store/spool.hpp"

namespace mailhandler::cmd {

namespace {

using store::Owed;
using store::Queued;
using store::Spool;

constexpr std::size_t largest_header = 1 << 20;  // octets that `show` prints at most

struct Row {
    Spool::Due due;
    std::optional<Queued> envelope;  // nothing: damaged
};

// "2026-11-23T05:20:14Z".
std::string time_text(WallTime time) { return rfc3339_utc(time).substr(0, 19) + 'Z'; }

std::string next_text(const Context& context, WallTime next) {
    return next <= context.clock.wall() ? "due" : "next " + time_text(next);
}

std::string sender_text(const Queued& envelope) { return '<' + envelope.sender.text() + '>'; }

std::string recipients_text(const Queued& envelope) {
    std::vector<std::string> texts;
    for (const Owed& owed : envelope.owed) texts.push_back(owed.recipient.address.given());
    return fmt::format("{}", fmt::join(texts, ", "));
}

// Why it waits: each reason once.
std::string reason_text(const Queued& envelope) {
    std::vector<std::string> texts;
    for (const Owed& owed : envelope.owed)
        if (!owed.last_reply.empty() &&
            std::find(texts.begin(), texts.end(), owed.last_reply) == texts.end())
            texts.push_back(owed.last_reply);
    if (texts.empty()) return envelope.attempts ? "" : "not tried yet";
    return fmt::format("{}", fmt::join(texts, "; "));
}

void write_envelope(Json& json, const Queued& envelope, const std::string& destination) {
    json.object().member("id", envelope.id).member("kind", store::name(envelope.kind));
    json.member("destination", destination).member("sender", envelope.sender.text());
    json.member("original_sender", envelope.original_sender);
    json.member("arrived", rfc3339_utc(envelope.arrived));
    json.member("next_attempt", rfc3339_utc(envelope.next_attempt));
    json.member("attempts", envelope.attempts).member("size", envelope.size).array("recipients");
    for (const Owed& owed : envelope.owed)
        json.object()
            .member("address", owed.recipient.address.given())
            .member("original", owed.original)
            .member("reply", owed.last_reply)
            .end();
    json.end();
}

// --- list ---------------------------------------------------------------------------------

std::vector<std::string> cells(const Context& context, const Row& row) {
    if (!row.envelope) return {row.due.id, next_text(context, row.due.next_attempt), "damaged"};
    const Queued& envelope = *row.envelope;
    return {row.due.id,
            next_text(context, row.due.next_attempt),
            fmt::format("{} tried", envelope.attempts),
            size_text(envelope.size),
            sender_text(envelope),
            recipients_text(envelope),
            reason_text(envelope)};
}

// On a terminal: a heading for each destination, the one with the most mail first.
void print_grouped(Context& context, const std::vector<Row>& rows) {
    std::map<std::string, std::vector<const Row*>> by_destination;
    for (const Row& row : rows) by_destination[row.due.destination].push_back(&row);
    std::vector<const decltype(by_destination)::value_type*> groups;
    for (const auto& group : by_destination) groups.push_back(&group);
    std::stable_sort(groups.begin(), groups.end(), [](const auto* one, const auto* other) {
        return one->second.size() > other->second.size();
    });
    for (const auto* group : groups) {
        context.out << printable(group->first) << "  " << group->second.size() << " waiting\n";
        std::vector<std::vector<std::string>> table;
        for (const Row* row : group->second) {
            table.push_back(cells(context, *row));
            table.back().front().insert(0, "  ");
        }
        print_table(context.out, table);
    }
}

void print_flat(Context& context, const std::vector<Row>& rows) {
    std::vector<std::vector<std::string>> table;
    for (const Row& row : rows) {
        table.push_back(cells(context, row));
        table.back().insert(table.back().begin() + 1, row.due.destination);
    }
    print_table(context.out, table);
}

void print_json(Context& context, const std::vector<Row>& rows) {
    Json json(context.out);
    json.array();
    for (const Row& row : rows) {
        if (row.envelope)
            write_envelope(json, *row.envelope, row.due.destination);
        else
            json.object()
                .member("id", row.due.id)
                .member("destination", row.due.destination)
                .member("next_attempt", rfc3339_utc(row.due.next_attempt))
                .member("damaged", true);
        json.end();
    }
    json.end();
}

int list(Context& context, Spool& spool) {
    std::vector<Fault> damaged;
    auto all = spool.list(&damaged);
    if (!all) return context.fail(all.error());
    std::vector<Row> rows;
    for (Spool::Due& due : *all) {
        auto envelope = spool.load(due.id);
        if (!envelope && envelope.error().error == ENOENT) continue;  // gone meanwhile
        if (!envelope) damaged.push_back(envelope.error());
        rows.push_back({std::move(due), {}});
        if (envelope) rows.back().envelope = std::move(*envelope);
    }
    if (context.json)
        print_json(context, rows);
    else if (context.terminal.out)
        print_grouped(context, rows);
    else
        print_flat(context, rows);
    for (const Fault& fault : damaged) context.say(fault.text());
    return damaged.empty() ? status::done : status::no;
}

// --- one message --------------------------------------------------------------------------

// What went wrong with one id: that it is not there is an answer, not a failure.
int complain(Context& context, const Fault& fault) {
    if (fault.error == ENOENT || fault.error == EBADMSG)
        return context.fail(status::no, fault.text());
    return context.fail(fault);
}

// The message down to its first empty line.
Result<std::string> header_of(store::QueuedMessage& message) {
    std::string text;
    while (text.size() < largest_header) {
        const std::size_t before = text.size();
        text.resize(before + 65536);
        const auto read = message.read_at(before, text.data() + before, 65536);
        if (!read) return tl::unexpected(read.error());
        text.resize(before + *read);
        const auto end = text.find("\r\n\r\n", before < 3 ? 0 : before - 3);
        if (end != text.npos) text.resize(end + 2);
        if (end != text.npos || *read == 0) break;
    }
    return text;
}

void print_lines(Context& context, std::string_view text) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        context.out << printable(line) << '\n';
    }
}

void print_envelope(Context& context, const Queued& envelope) {
    std::vector<std::vector<std::string>> rows{
        {"id", envelope.id},
        {"kind", std::string(store::name(envelope.kind))},
        {"sender", sender_text(envelope)},
        {"arrived", time_text(envelope.arrived)},
        {"size", size_text(envelope.size)},
        {"attempts", std::to_string(envelope.attempts)},
        {"next", envelope.next_attempt <= context.clock.wall()
                     ? "now"
                     : time_text(envelope.next_attempt)}};
    if (envelope.original_sender != envelope.sender.text())
        rows.insert(rows.begin() + 3, {"was", '<' + envelope.original_sender + '>'});
    for (const Owed& owed : envelope.owed) {
        std::string line = owed.recipient.address.given();
        if (!owed.original.empty()) line += " for " + owed.original;
        if (!owed.last_reply.empty()) line += ": " + owed.last_reply;
        rows.push_back({"to", line});
    }
    print_table(context.out, rows);
}

int show(Context& context, Spool& spool, const std::string& id) {
    auto message = spool.open(id);
    if (!message) return complain(context, message.error());
    const auto header = header_of(*message);
    if (!header) return complain(context, header.error());
    const Queued& envelope = message->envelope;
    if (context.json) {
        Json json(context.out);
        write_envelope(json, envelope, envelope.destination());
        json.member("header", *header).end();
        return status::done;
    }
    print_envelope(context, envelope);
    context.out << '\n';
    print_lines(context, *header);
    return status::done;
}

int retry(Context& context, Spool& spool, const std::vector<std::string>& ids, bool all) {
    const WallTime now = context.clock.wall();
    int worst = status::done;
    std::size_t count = 0;
    if (all) {
        const auto done = spool.reschedule_all(now);
        if (!done) return context.fail(done.error());
        count = *done;
    }
    for (const std::string& id : ids) {
        if (const auto done = spool.reschedule(id, now); !done)
            worst = gravest(worst, complain(context, done.error()));
        else
            ++count;
    }
    if (context.json)
        Json(context.out).object().member("retried", count).end();
    else if (count == 1)
        context.out << "1 message is due now\n";
    else
        context.out << fmt::format("{} messages are due now\n", count);
    return worst;
}

int remove(Context& context, Spool& spool, const std::vector<std::string>& ids) {
    int worst = status::done;
    Json json(context.out);
    if (context.json) json.array();
    for (const std::string& id : ids) {
        const auto envelope = spool.load(id);
        if (const auto done = spool.remove(id); !done) {
            worst = gravest(worst, complain(context, done.error()));
            continue;
        }
        const std::string sender = envelope ? envelope->sender.text() : "";
        if (context.json) {
            std::vector<std::string> recipients;
            if (envelope)
                for (const Owed& owed : envelope->owed)
                    recipients.push_back(owed.recipient.address.given());
            json.object().member("removed", id).member("damaged", !envelope);
            json.member("sender", sender).member("recipients", recipients).end();
        } else if (envelope) {
            context.out << printable(fmt::format("removed {}: from <{}> to {} ({})", id, sender,
                                                 recipients_text(*envelope),
                                                 size_text(envelope->size)))
                        << '\n';
        } else {
            context.out << "removed " << id << ", whose envelope was damaged\n";
        }
    }
    if (context.json) json.end();
    return worst;
}

int run(Context& context, const Arguments& arguments) {
    const std::string action = arguments.has("ACTION") ? arguments.one("ACTION") : "list";
    const auto& ids = arguments.all("ID");
    const bool all = arguments.has("--all");
    if (all && action != "retry") return context.usage_error("--all is for retry");
    if (all && !ids.empty()) return context.usage_error("either --all or an ID");
    if (action == "list" && !ids.empty())
        return context.usage_error("list takes no ID: show does");
    if (action != "list" && ids.empty() && !all) return context.usage_error("ID is missing");
    if (action == "show" && ids.size() > 1) return context.usage_error("show takes one ID");
    const auto server = read_server(context);
    if (!server) return server.error();
    Spool spool(context.disk, layout_of(context, *server), context.clock);
    if (action == "list") return list(context, spool);
    if (action == "show") return show(context, spool, ids.front());
    return action == "retry" ? retry(context, spool, ids, all) : remove(context, spool, ids);
}

}  // namespace

Command queue() {
    return {
        .name = "queue",
        .group = "Mail under way",
        .summary = "mail on its way out: look, try now, remove",
        .description =
            "Forwards and bounces that wait to leave. 'list' (also without a word) prints every "
            "message: its id, when it is tried next, how often it was tried, its size, sender, "
            "recipients, and why it waits; on a terminal by destination. 'show' prints one envelope "
            "and the message's header. 'retry' makes messages due now: a running 'serve' takes them "
            "up at once. 'remove' gives a message up without telling its sender.\n\n"
            "A damaged envelope is told and left alone. The status is 1 when there is one, or when "
            "nothing of an id is in the queue.\n\n"
            "With --json, list prints an array of {\"id\", \"kind\", \"destination\", \"sender\", "
            "\"original_sender\", \"arrived\", \"next_attempt\", \"attempts\", \"size\", "
            "\"recipients\": [{\"address\", \"original\", \"reply\"}]}, or of a damaged one {\"id\", "
            "\"destination\", \"next_attempt\", \"damaged\": true}; show one such object with "
            "\"header\"; retry {\"retried\"}; remove an array of {\"removed\", \"damaged\", "
            "\"sender\", \"recipients\"}.",
        .arguments = {{"ACTION", "list, show, retry or remove", Completes::choice, false, false,
                       {"list", "show", "retry", "remove"}},
                      {"ID", "a message, as list names it", Completes::queue_id, false, true}},
        .options = {{"--all", "", "retry: every message"}},
        .examples = {{"mailhandler queue", "what waits, and why"},
                     {"mailhandler queue retry --all", "try everything now"},
                     {"mailhandler queue remove 0gt5xk2b9qz.mx1", "give a message up"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
