#include "imap/search_command.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace mailhandler::imap {

namespace {

using Kind = SearchKey::Kind;

// A flood of keys costs time for each message.
constexpr std::size_t most_keys = 1000;

SearchKey key_of(Kind kind) {
    SearchKey key;
    key.kind = kind;
    return key;
}

SearchKey negated(SearchKey key) {
    SearchKey outer = key_of(Kind::not_of);
    outer.keys.push_back(std::move(key));
    return outer;
}

SearchKey flags_key(Flags flags) {
    SearchKey key = key_of(Kind::flags);
    key.flags = flags;
    return key;
}

// date-text = date-day "-" date-month "-" date-year
std::optional<Day> parse_day(std::string_view text) {
    constexpr std::string_view months = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    const std::size_t dash = text.find('-');
    if (dash == 0 || dash > 2 || text.size() != dash + 9 || text[dash + 4] != '-')
        return std::nullopt;
    const auto number = [](std::string_view digits) -> std::optional<unsigned> {
        unsigned value = 0;
        for (const char c : digits) {
            if (c < '0' || c > '9') return std::nullopt;
            value = value * 10 + static_cast<unsigned>(c - '0');
        }
        return value;
    };
    const auto day = number(text.substr(0, dash)), year = number(text.substr(dash + 5));
    const std::size_t month = months.find(upper(text.substr(dash + 1, 3)));
    if (!day || !year || month == months.npos || month % 3 != 0) return std::nullopt;
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                           std::chrono::day(*day));
    if (!date.ok()) return std::nullopt;
    return static_cast<Day>(std::chrono::sys_days(date).time_since_epoch().count());
}

struct Parser {
    Lexer& words;
    const View& view;
    const UidSet& saved;
    SearchCommand command;
    std::size_t keys = 0;

    using Found = std::optional<SearchKey>;

    Found uids(UidSet set) {
        if (set.empty()) return key_of(Kind::nothing);
        SearchKey key = key_of(Kind::uids);
        key.uids = std::move(set);
        return key;
    }

    Found recent() {
        UidSet set = view.recent();
        // What arrives before the search is seen by this session first, or so it seems.
        set.add(view.uid_next(), std::numeric_limits<Uid>::max());
        return uids(std::move(set));
    }

    Found keyword(bool set) {
        if (!words.space()) return std::nullopt;
        const auto name = words.atom();
        if (!name) return std::nullopt;
        const Flags flag = view.keyword(*name);
        SearchKey key = flag == 0 ? key_of(Kind::nothing) : flags_key(flag);
        return set ? key : negated(std::move(key));
    }

    Found text(Kind kind, std::string field = {}) {
        SearchKey key = key_of(kind);
        key.field = std::move(field);
        if (!words.space()) return std::nullopt;
        if (kind == Kind::header && key.field.empty()) {
            auto name = words.astring();
            if (!name || !words.space()) return std::nullopt;
            key.field = std::move(*name);
        }
        auto value = words.astring();
        if (!value) return std::nullopt;
        key.text = std::move(*value);
        command.question.needs_content = true;
        return key;
    }

    // date = date-text / DQUOTE date-text DQUOTE; BEFORE, ON, SINCE
    Found date(Kind kind, bool from, bool before) {
        if (!words.space()) return std::nullopt;
        const auto text = words.astring();
        const auto day = text ? parse_day(*text) : std::nullopt;
        if (!day) return std::nullopt;
        SearchKey key = key_of(kind);
        if (from) key.from_day = *day;
        if (before) key.before_day = from ? *day + 1 : *day;
        if (kind == Kind::sent_date) command.question.needs_content = true;
        return key;
    }

    Found size(bool larger) {
        if (!words.space()) return std::nullopt;
        const auto number = words.number();
        if (!number) return std::nullopt;
        SearchKey key = key_of(Kind::size);
        if (larger) key.from = *number + 1;
        if (!larger) key.before = *number;
        return key;
    }

    // search-modsequence = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer
    Found modseq() {
        if (!words.space()) return std::nullopt;
        if (words.peek() == '"') {
            if (!words.string() || !words.space() || !words.atom() || !words.space())
                return std::nullopt;
        }
        const auto number = words.number();
        if (!number) return std::nullopt;
        SearchKey key = key_of(Kind::modseq);
        key.from = *number;
        command.modseq = true;
        return key;
    }

    Found uid_set() {
        if (!words.space()) return std::nullopt;
        const auto set = words.token();
        if (!set) return std::nullopt;
        if (*set == "$") return uids(view.known(saved));
        auto known = view.uids(*set);
        return known ? uids(std::move(*known)) : std::nullopt;
    }

    Found numbers() {
        const auto set = words.token();
        if (!set) return std::nullopt;
        if (*set == "$") return uids(view.known(saved));
        auto known = view.numbers(*set);
        return known ? uids(std::move(*known)) : std::nullopt;
    }

    Found simple(const std::string& name) {
        const std::pair<std::string_view, Flags> flags[] = {{"ANSWERED", flag_answered},
                                                            {"DELETED", flag_deleted},
                                                            {"DRAFT", flag_draft},
                                                            {"FLAGGED", flag_flagged},
                                                            {"SEEN", flag_seen}};
        for (const auto& [word, flag] : flags) {
            if (name == word) return flags_key(flag);
            if (name.starts_with("UN") && std::string_view(name).substr(2) == word)
                return negated(flags_key(flag));
        }
        if (name == "ALL") return key_of(Kind::all);
        if (name == "RECENT") return recent();
        if (name == "OLD") return negated(*recent());
        if (name == "NEW") {
            SearchKey both = key_of(Kind::all_of);
            both.keys.push_back(*recent());
            both.keys.push_back(negated(flags_key(flag_seen)));
            return both;
        }
        return std::nullopt;
    }

    Found with_argument(const std::string& name) {
        for (const char* field : {"BCC", "CC", "FROM", "SUBJECT", "TO"})
            if (name == field) return text(Kind::header, field);
        if (name == "HEADER") return text(Kind::header);
        if (name == "BODY") return text(Kind::body);
        if (name == "TEXT") return text(Kind::text);
        if (name == "KEYWORD") return keyword(true);
        if (name == "UNKEYWORD") return keyword(false);
        if (name == "LARGER") return size(true);
        if (name == "SMALLER") return size(false);
        if (name == "BEFORE") return date(Kind::internal_date, false, true);
        if (name == "ON") return date(Kind::internal_date, true, true);
        if (name == "SINCE") return date(Kind::internal_date, true, false);
        if (name == "SENTBEFORE") return date(Kind::sent_date, false, true);
        if (name == "SENTON") return date(Kind::sent_date, true, true);
        if (name == "SENTSINCE") return date(Kind::sent_date, true, false);
        if (name == "UID") return uid_set();
        if (name == "MODSEQ") return modseq();
        return std::nullopt;
    }

    // search-key = … / "NOT" SP search-key / "OR" SP search-key SP search-key / "(" … ")"
    Found key(std::size_t depth) {
        if (++keys > most_keys || depth > deepest_search) return std::nullopt;
        if (words.take('(')) {
            auto inner = all_of(depth + 1);
            return inner && words.take(')') ? inner : std::nullopt;
        }
        const char c = words.peek();
        if ((c >= '0' && c <= '9') || c == '*' || c == '$') return numbers();
        const auto atom = words.atom();
        if (!atom) return std::nullopt;
        const std::string name = upper(*atom);
        if (name == "NOT") {
            auto inner = words.space() ? key(depth + 1) : std::nullopt;
            return inner ? Found(negated(std::move(*inner))) : std::nullopt;
        }
        if (name == "OR") return either(depth);
        if (auto found = simple(name)) return found;
        return with_argument(name);
    }

    Found either(std::size_t depth) {
        SearchKey outer = key_of(Kind::any_of);
        for (int i = 0; i < 2; ++i) {
            auto inner = words.space() ? key(depth + 1) : std::nullopt;
            if (!inner) return std::nullopt;
            outer.keys.push_back(std::move(*inner));
        }
        return outer;
    }

    Found all_of(std::size_t depth) {
        SearchKey outer = key_of(Kind::all_of);
        do {
            auto inner = key(depth);
            if (!inner) return std::nullopt;
            outer.keys.push_back(std::move(*inner));
        } while (words.space());
        if (outer.keys.size() == 1) return std::move(outer.keys.front());
        return outer;
    }

    // search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
    bool return_options() {
        if (!words.space() || !words.take('(')) return false;
        command.extended = true;
        while (words.peek() != ')') {
            if (words.word("MIN"))
                command.min = true;
            else if (words.word("MAX"))
                command.max = true;
            else if (words.word("ALL"))
                command.all = true;
            else if (words.word("COUNT"))
                command.count = true;
            else if (words.word("SAVE"))
                command.save = true;
            else
                return false;
            if (!words.space() && words.peek() != ')') return false;
        }
        if (!command.min && !command.max && !command.count && !command.save) command.all = true;
        return words.take(')') && words.space();
    }

    bool charset() {
        const auto name = words.astring();
        if (!name) return false;
        command.question.charset = upper(*name);
        return words.space();
    }

    // sort-criteria = "(" sort-criterion *(SP sort-criterion) ")"
    bool sort_keys() {
        using S = SortKey::Kind;
        const std::pair<std::string_view, S> names[] = {
            {"ARRIVAL", S::arrival}, {"CC", S::cc},           {"DATE", S::date}, {"FROM", S::from},
            {"SIZE", S::size},       {"SUBJECT", S::subject}, {"TO", S::to}};
        if (!words.take('(')) return false;
        do {
            SortKey key;
            key.reverse = words.word("REVERSE");
            if (key.reverse && !words.space()) return false;
            const auto name = words.atom();
            const auto known = std::find_if(
                std::begin(names), std::end(names),
                [&](const auto& entry) { return name && same_word(entry.first, *name); });
            if (known == std::end(names) || command.question.sort.size() == 20) return false;
            key.kind = known->second;
            command.question.needs_content |= key.kind != S::arrival && key.kind != S::size;
            command.question.sort.push_back(key);
        } while (words.space());
        return words.take(')') && words.space();
    }

    bool threading() {
        if (words.word("ORDEREDSUBJECT"))
            command.question.threading = Threading::ordered_subject;
        else if (words.word("REFERENCES"))
            command.question.threading = Threading::references;
        else
            return false;
        command.question.needs_content = true;
        return words.space();
    }

    bool parse(SearchKind kind) {
        command.question.charset = "UTF-8";
        if (kind == SearchKind::search) {
            if (words.word("RETURN") && !return_options()) return false;
            if (words.word("CHARSET") && (!words.space() || !charset())) return false;
        } else {
            if (kind == SearchKind::sort ? !sort_keys() : !threading()) return false;
            if (!charset()) return false;
        }
        auto program = all_of(0);
        if (!program || !words.at_end()) return false;
        command.question.program = std::move(*program);
        return true;
    }
};

}  // namespace

std::optional<SearchCommand> parse_search(Lexer& words, SearchKind kind, const View& view,
                                          const UidSet& saved) {
    Parser parser{words, view, saved, {}};
    if (!parser.parse(kind)) return std::nullopt;
    return std::move(parser.command);
}

}  // namespace mailhandler::imap
