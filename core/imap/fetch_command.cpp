#include "imap/fetch_command.hpp"

#include "imap/response.hpp"

namespace mailhandler::imap {

namespace {

using Kind = FetchItem::Kind;

// More than these no client asks for at once.
constexpr std::size_t most_items = 200;
constexpr std::size_t deepest_part = 64;

struct Parser {
    Lexer& words;
    FetchCommand command;

    void add(Kind kind, std::string label) {
        FetchItem item;
        item.kind = kind;
        item.label = std::move(label);
        command.items.push_back(std::move(item));
    }

    void add_section(Section section, std::string label, bool peek) {
        FetchItem item;
        item.kind = Kind::section;
        item.label = std::move(label);
        item.section = command.wanted.sections.size();
        command.items.push_back(std::move(item));
        command.wanted.sections.push_back(std::move(section));
        if (!peek) command.wanted.mark_seen = true;
    }

    void add_simple(Section::What what, std::string label, bool peek) {
        Section section;
        section.what = what;
        add_section(std::move(section), std::move(label), peek);
    }

    bool macro() {
        const bool full = words.word("FULL"), all = !full && words.word("ALL");
        if (!full && !all && !words.word("FAST")) return false;
        add(Kind::flags, "FLAGS");
        add(Kind::internal_date, "INTERNALDATE");
        add(Kind::size, "RFC822.SIZE");
        command.wanted.internal_date = command.wanted.size = true;
        if (full || all) add(Kind::envelope, "ENVELOPE");
        command.wanted.envelope = full || all;
        if (full) add(Kind::body, "BODY");
        command.wanted.body = full;
        return true;
    }

    // "BODY[…]" is an atom up to "[", which is an ATOM-CHAR itself.
    bool item() {
        if (command.items.size() == most_items) return false;
        std::string name;
        while (atom_char(words.peek()) && words.peek() != '[' && words.peek() != '<') {
            name += words.peek();
            words.take(words.peek());
        }
        name = upper(name);
        FetchItems& wanted = command.wanted;
        if (words.peek() == '[') return section(name);
        if (name == "UID") return add(Kind::uid, name), true;
        if (name == "FLAGS") return add(Kind::flags, name), true;
        if (name == "MODSEQ") return add(Kind::modseq, name), true;
        if (name == "ENVELOPE") return add(Kind::envelope, name), wanted.envelope = true;
        if (name == "BODYSTRUCTURE")
            return add(Kind::body_structure, name), wanted.body_structure = true;
        if (name == "BODY") return add(Kind::body, name), wanted.body = true;
        if (name == "INTERNALDATE")
            return add(Kind::internal_date, name), wanted.internal_date = true;
        if (name == "RFC822.SIZE") return add(Kind::size, name), wanted.size = true;
        if (name == "RFC822") return add_simple(Section::What::all, name, false), true;
        if (name == "RFC822.HEADER") return add_simple(Section::What::header, name, true), true;
        if (name == "RFC822.TEXT") return add_simple(Section::What::text, name, false), true;
        return false;
    }

    // section = "[" [section-spec] "]" ["<" number "." nz-number ">"]
    bool section(const std::string& name) {
        const bool binary_size = name == "BINARY.SIZE";
        const bool binary = name == "BINARY" || name == "BINARY.PEEK";
        const bool peek = name == "BODY.PEEK" || name == "BINARY.PEEK" || binary_size;
        if (!binary && !binary_size && name != "BODY" && name != "BODY.PEEK") return false;
        Section section;
        if (binary) section.what = Section::What::binary;
        if (binary_size) section.what = Section::What::binary_size;
        std::string label = binary ? "BINARY[" : binary_size ? "BINARY.SIZE[" : "BODY[";
        words.take('[');
        if (!part(section, label)) return false;
        if (words.peek() != ']' && (binary || binary_size || !text(section, label))) return false;
        if (!words.take(']')) return false;
        label += ']';
        add_section(std::move(section), std::move(label), peek);
        return words.peek() != '<' || (!binary_size && partial());
    }

    // section-part = nz-number *("." nz-number); a "." behind it is taken too
    bool part(Section& section, std::string& label) {
        while (words.peek() >= '0' && words.peek() <= '9') {
            const auto number = words.nz_number();
            if (!number || section.part.size() == deepest_part) return false;
            section.part.push_back(*number);
            if (label.back() != '[') label += '.';
            append_number(label, *number);
            if (words.peek() == ']') return true;
            if (!words.take('.') || words.peek() == ']') return false;
        }
        return true;
    }

    // section-text = section-msgtext / "MIME"
    bool text(Section& section, std::string& label) {
        const auto set = [&](Section::What what, const char* name) {
            if (!section.part.empty()) label += '.';
            label += name;
            section.what = what;
            return true;
        };
        if (words.word("HEADER")) return set(Section::What::header, "HEADER");
        if (words.word("TEXT")) return set(Section::What::text, "TEXT");
        if (words.word("MIME")) return !section.part.empty() && set(Section::What::mime, "MIME");
        if (words.word("HEADER.FIELDS"))
            set(Section::What::header_fields, "HEADER.FIELDS");
        else if (words.word("HEADER.FIELDS.NOT"))
            set(Section::What::header_fields_not, "HEADER.FIELDS.NOT");
        else
            return false;
        return fields(section, label);
    }

    // header-list = "(" header-fld-name *(SP header-fld-name) ")"
    bool fields(Section& section, std::string& label) {
        if (!words.space() || !words.take('(')) return false;
        label += " (";
        do {
            auto field = words.astring();
            if (!field || field->empty()) return false;
            if (!section.fields.empty()) label += ' ';
            append_astring(label, *field);
            section.fields.push_back(std::move(*field));
        } while (words.space());
        label += ')';
        return words.take(')');
    }

    bool partial() {
        FetchItem::Partial partial;
        words.take('<');
        const auto offset = words.number();
        if (!offset || !words.take('.')) return false;
        const auto count = words.number();
        if (!count || *count == 0 || !words.take('>')) return false;
        partial.offset = *offset;
        partial.count = *count;
        FetchItem& item = command.items.back();
        item.partial = partial;
        item.label += '<';
        append_number(item.label, *offset);
        item.label += '>';
        return true;
    }

    // fetch-modifiers: CHANGEDSINCE (RFC 7162 section 3.1.4), VANISHED (section 3.2.6)
    bool modifiers() {
        if (!words.take('(')) return false;
        do {
            if (words.word("CHANGEDSINCE")) {
                if (!words.space()) return false;
                command.changed_since = words.number();
                if (!command.changed_since) return false;
            } else if (words.word("VANISHED")) {
                command.vanished = true;
            } else {
                return false;
            }
        } while (words.space());
        return words.take(')') && (!command.vanished || command.changed_since);
    }

    bool parse() {
        if (words.take('(')) {
            do {
                if (!item()) return false;
            } while (words.space());
            if (!words.take(')')) return false;
        } else if (!macro() && !item()) {
            return false;
        }
        return !words.space() || modifiers();
    }
};

}  // namespace

std::optional<FetchCommand> parse_fetch(Lexer& words) {
    Parser parser{words, {}};
    if (!parser.parse() || !words.at_end()) return std::nullopt;
    return std::move(parser.command);
}

}  // namespace mailhandler::imap
