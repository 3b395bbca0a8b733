// fetch: collect the remote mailboxes now, sort them, and say what came.
#include <cstdlib>
#include <fmt/format.h>

#include "agent/header_survey.hpp"
#include "commands.hpp"
#include "print.hpp"
#include "root.hpp"
#include "run/fetch.hpp"

namespace mailhandler::cmd {

namespace {

std::string count_of(std::uint64_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string_view rule_of(const agent::Fate& fate) {
    std::string_view rule;
    for (const route::Step& step : fate.route.steps)
        if (!step.shadowed) rule = route::name(step.rule);
    return rule;
}

int harvest_status(const agent::Harvest& harvest, bool dry_run) {
    int worst = status::done;
    if (harvest.fault) worst = gravest(worst, status_of(*harvest.fault));
    if (harvest.braked) worst = gravest(worst, status::configuration);
    if (dry_run) return worst;
    if (harvest.unfinished()) worst = gravest(worst, status::later);
    if (harvest.newly_held() != 0) worst = gravest(worst, status::no);
    return worst;
}

// What was done, said on standard output; what went wrong, on standard error.
class Reporter {
  public:
    Reporter(Context& context, bool dry_run)
        : context_(context), dry_run_(dry_run), json_(context.out) {}

    int status() const { return status_; }

    void report(const agent::Harvest& harvest, const agent::HeaderSurvey* survey) {
        clear();
        if (context_.json)
            write_json(harvest, survey);
        else
            write_text(harvest, survey);
        context_.out.flush();
        complain(harvest);
        status_ = gravest(status_, harvest_status(harvest, dry_run_));
    }

    void rehearsed(const agent::Rehearsed& message) {
        if (context_.json) return rehearsed_json(message);
        for (const agent::Fate& fate : message.judged.fates) {
            const std::string from =
                fate.header.empty() ? "(no envelope header)" : fate.header + ": " + fate.value;
            const std::string_view rule = rule_of(fate);
            context_.out << printable(fmt::format("{} {}  {}{}{} → {}", message.fetch,
                                                  message.number, from, rule.empty() ? "" : " → ",
                                                  rule, agent::fate_text(fate)))
                         << '\n';
        }
    }

    // One line on the terminal that is written over and over.
    void draw(const std::vector<const agent::Progress*>& runs) {
        std::uint64_t planned = 0, octets_planned = 0, done = 0, octets = 0;
        for (const agent::Progress* run : runs) {
            planned += run->planned;
            octets_planned += run->planned_octets;
            done += run->done;
            octets += run->done_octets;
        }
        const Instant now = context_.clock.now();
        if (planned == 0) return;
        if (!drawing_since_) drawing_since_ = now;
        const std::chrono::duration<double> took = now - *drawing_since_;
        const double rate = took.count() > 0.5 ? static_cast<double>(octets) / took.count() : 0;
        std::string line = fmt::format("{} of {} messages, {} of {}", done, planned,
                                       size_text(octets), size_text(octets_planned));
        if (rate > 0) {
            const double left =
                static_cast<double>(octets_planned - std::min(octets, octets_planned));
            line += fmt::format(", {}/s, {:.0f} s left",
                                size_text(static_cast<std::uint64_t>(rate)), left / rate);
        }
        constexpr std::size_t width = 20;
        const std::size_t filled = static_cast<std::size_t>(width * done / planned);
        context_.err << "\r\x1b[K[" << std::string(filled, '#') << std::string(width - filled, '.')
                     << "] " << line << std::flush;
        drawn_ = true;
    }

  private:
    void clear() {
        if (std::exchange(drawn_, false)) context_.err << "\r\x1b[K" << std::flush;
        drawing_since_.reset();
    }

    void write_text(const agent::Harvest& harvest, const agent::HeaderSurvey* survey) {
        context_.out << printable(fmt::format(
                            "{}: {}{}, {} in {:.1f} s; {} deleted on the server, {} left there",
                            harvest.fetch, count_of(harvest.fetched, "message"),
                            dry_run_ ? " to fetch" : "", size_text(harvest.octets),
                            harvest.took.count(), harvest.deleted, harvest.left))
                     << '\n';
        std::vector<std::vector<std::string>> rows;
        for (const auto& [mailbox, count] : harvest.placed)
            rows.push_back({"  " + mailbox, std::to_string(count)});
        for (const auto& [reason, count] : harvest.held)
            rows.push_back({"  held: " + reason, std::to_string(count)});
        if (harvest.dropped) rows.push_back({"  dropped", std::to_string(harvest.dropped)});
        if (harvest.bounced) rows.push_back({"  bounced", std::to_string(harvest.bounced)});
        if (harvest.forwarded) rows.push_back({"  forwarded", std::to_string(harvest.forwarded)});
        for (const auto& [why, count] : harvest.waiting)
            rows.push_back({"  stay on the server: " + why, std::to_string(count)});
        print_table(context_.out, rows);
        if (survey) write_survey(*survey);
    }

    void write_survey(const agent::HeaderSurvey& survey) {
        for (const agent::HeaderSurvey::Header& header : survey.headers()) {
            if (header.messages == 0 && header.below == 0) continue;
            context_.out << '\n'
                         << printable(fmt::format(
                                "{}: in {} of {} messages, decides in {}; {} distinct values; {} "
                                "would be placed "
                                "by it{}",
                                header.name, header.messages, survey.messages(), header.decided,
                                header.values.size() + header.more, header.placed,
                                header.below ? fmt::format("; only below the trusted block in {}",
                                                           header.below)
                                             : ""))
                         << '\n';
            std::vector<std::vector<std::string>> rows;
            for (const auto& [text, value] : header.values)
                rows.push_back({"  " + text, std::to_string(value.messages), value.fate});
            print_table(context_.out, rows);
        }
        if (survey.without_header() != 0)
            context_.out << fmt::format("\nno envelope header: {}\n",
                                        count_of(survey.without_header(), "message"));
    }

    void write_counts(std::string_view key, const std::map<std::string, std::uint64_t>& counts) {
        json_.object(key);
        for (const auto& [name, count] : counts) json_.member(name, count);
        json_.end();
    }

    void write_json(const agent::Harvest& harvest, const agent::HeaderSurvey* survey) {
        json_.object().member("fetch", harvest.fetch).member("dry_run", dry_run_);
        json_.member("listed", harvest.listed).member("known", harvest.known);
        json_.member("fetched", harvest.fetched).member("octets", harvest.octets);
        json_.member("again", harvest.again).member("recovered", harvest.recovered);
        write_counts("placed", harvest.placed);
        write_counts("held", harvest.held);
        json_.member("dropped", harvest.dropped).member("bounced", harvest.bounced);
        json_.member("forwarded", harvest.forwarded);
        write_counts("waiting", harvest.waiting);
        json_.member("skipped", harvest.skipped).member("deleted", harvest.deleted);
        json_.member("left", harvest.left);
        json_.member("seconds", harvest.took.count());
        json_.member("complaints", harvest.complaints);
        json_.member("stopped_by_brake", harvest.braked).array("headers");
        if (survey) {
            for (const agent::HeaderSurvey::Header& header : survey->headers())
                write_header(header);
        } else {
            for (const std::string& words : harvest.headers) json_.element(words);
        }
        json_.end();
        if (harvest.fault)
            json_.member("error", harvest.fault->text())
                .member("temporary", harvest.fault->temporary);
        json_.end();
    }

    void write_header(const agent::HeaderSurvey::Header& header) {
        json_.object().member("name", header.name).member("messages", header.messages);
        json_.member("below", header.below).member("decided", header.decided);
        json_.member("placed", header.placed).member("more", header.more).array("values");
        for (const auto& [text, value] : header.values)
            json_.object()
                .member("value", text)
                .member("messages", value.messages)
                .member("placed", value.placed)
                .member("fate", value.fate)
                .end();
        json_.end().end();
    }

    void rehearsed_json(const agent::Rehearsed& message) {
        json_.object().member("fetch", message.fetch).member("message", message.number);
        json_.array("recipients");
        for (const agent::Fate& fate : message.judged.fates) {
            json_.object().member("header", fate.header).member("value", fate.value);
            json_.member("address", fate.recipient ? fate.recipient->given() : "");
            json_.member("rule", rule_of(fate)).member("fate", agent::fate_text(fate)).end();
        }
        json_.end().end();
    }

    void complain(const agent::Harvest& harvest) {
        const std::string who = harvest.fetch + ": ";
        for (const std::string& complaint : harvest.complaints) context_.say(who + complaint);
        if (harvest.braked) {
            context_.say(who +
                         "none of the first messages finds a recipient, so this first run was "
                         "stopped; nothing was delivered, held or deleted. The headers say:");
            for (const std::string& line : harvest.headers)
                context_.err << "  " << printable(line) << '\n';
            context_.hint(fmt::format(
                "in fetch/{0}.toml name the header in which the host writes the recipient, "
                "headers = [\"…\"], and the domain whose file sorts; 'mailhandler fetch {0} "
                "--dry-run' shows every message",
                harvest.fetch));
        }
        if (!dry_run_ && harvest.bounced + harvest.forwarded != 0)
            context_.hint(who + count_of(harvest.bounced, "bounced recipient") + ", " +
                          count_of(harvest.forwarded, "forwarded one") +
                          ": 'serve' sends what is in the queue ('mailhandler queue')");
        if (harvest.fault) context_.say(who + harvest.fault->text());
    }

    Context& context_;
    const bool dry_run_;
    Json json_;
    int status_ = status::done;
    bool drawn_ = false;
    std::optional<Instant> drawing_since_;
};

int run(Context& context, const Arguments& arguments) {
    if (arguments.has("--once") && arguments.has("--watch"))
        return context.usage_error("--once and --watch exclude each other");
    if (arguments.has("--watch") && arguments.has("--dry-run"))
        return context.usage_error("--watch and --dry-run exclude each other");
    if (const auto server = read_server(context); !server) return server.error();
    Reporter reporter(context, arguments.has("--dry-run"));
    run::FetchOptions options;
    options.root = context.root;
    options.names = arguments.all("NAME");
    options.watch = arguments.has("--watch");
    options.dry_run = arguments.has("--dry-run");
    // A run that is watched over says what happened as serve does; one that is not, at its end.
    options.log = stderr_log(std::getenv("JOURNAL_STREAM") != nullptr,
                             options.watch ? Severity::info : Severity::warning);
    options.rehearsed = [&](const agent::Rehearsed& message) { reporter.rehearsed(message); };
    if (!options.watch)
        options.done = [&](const agent::Harvest& harvest, const agent::HeaderSurvey* survey) {
            reporter.report(harvest, survey);
        };
    if (context.terminal.err && !options.watch && !options.dry_run)
        options.draw = [&](const auto& runs) { reporter.draw(runs); };
    const auto done = run::fetch(context.disk, context.clock, context.random, options);
    if (!done) return context.fail(done.error());
    return reporter.status();
}

}  // namespace

Command fetch() {
    return {
        .name = "fetch",
        .group = "Collect mail (the office)",
        .summary = "collect the remote mailboxes and sort what came",
        .description =
            "Collects from every account of fetch/, or from those named, sorts each message by the "
            "address it was sent to, and deletes on the server what is safe, as 'keep' says. "
            "Killed "
            "at any instant, it neither loses nor doubles a message.\n\n"
            "The status is 1 when mail was newly held (see 'held'), 75 when something has to be "
            "tried again, 78 when the configuration is at fault; the gravest of several.\n\n"
            "--dry-run changes nothing, here or on the server: it prints header, address, rule and "
            "mailbox of every message that would be fetched, and for each header its distinct "
            "values and how many messages it would place.",
        .arguments = {{"NAME", "an account: a file fetch/NAME.toml; without any, all of them",
                       Completes::fetch, false, true}},
        .options = {{"--once", "", "collect each account once (as without it)"},
                    {"--watch", "", "keep collecting until Ctrl-C, each account as 'every' says"},
                    {"--dry-run", "", "show what would become of each message, change nothing"}},
        .examples = {{"mailhandler fetch", "collect everything now"},
                     {"mailhandler fetch office --dry-run", "look before the first run"},
                     {"mailhandler fetch --watch", "keep collecting, without serving"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
