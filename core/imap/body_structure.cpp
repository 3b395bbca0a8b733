#include "imap/body_structure.hpp"

#include "imap/envelope.hpp"
#include "imap/response.hpp"

namespace mailhandler::imap {

namespace {

using mail::MimePart;
using mail::PartKind;

class Writer {
  public:
    Writer(const mail::MimeTree& tree, const HeaderOf& header_of, bool extended)
        : tree_(tree), header_of_(header_of), extended_(extended) {}

    std::string written() {
        body(tree_.root());
        return std::move(text_);
    }

  private:
    void nstring(const std::string& value) {
        if (value.empty())
            text_ += "NIL";
        else
            append_string(text_, value);
    }
    void space_nstring(const std::string& value) {
        text_ += ' ';
        nstring(value);
    }
    void space_number(std::uint64_t number) {
        text_ += ' ';
        append_number(text_, number);
    }

    // body = "(" (body-type-1part / body-type-mpart) ")"
    void body(const MimePart& part) {
        text_ += '(';
        if (part.kind == PartKind::multipart)
            multipart(part);
        else
            single(part);
        text_ += ')';
    }

    // body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
    void multipart(const MimePart& part) {
        if (part.first_child == mail::no_part) empty_text();
        for (auto child = part.first_child; child != mail::no_part; child = tree_[child].next)
            body(tree_[child]);
        text_ += ' ';
        append_string(text_, part.type.subtype);
        if (!extended_) return;
        parameters(part.type.parameters);
        disposition(part);
    }

    void empty_text() {
        text_ += R"(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0)";
        if (extended_) text_ += " NIL NIL NIL NIL";
        text_ += ')';
    }

    // body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]
    void single(const MimePart& part) {
        const bool hidden =
            part.kind == PartKind::leaf &&
            (part.type.is("multipart") || part.type.is("message", "rfc822") ||
             part.type.is("message", "global"));
        append_string(text_, hidden ? "APPLICATION" : part.type.type);
        text_ += ' ';
        append_string(text_, hidden ? "OCTET-STREAM" : part.type.subtype);
        // body-fields
        parameters(part.type.parameters);
        space_nstring(part.id);
        space_nstring(part.description);
        text_ += ' ';
        append_string(text_, part.encoding.empty() ? "7BIT" : part.encoding);
        space_number(part.size());
        if (part.kind == PartKind::message) {
            const MimePart& inner = tree_[part.first_child];
            text_ += ' ';
            append_envelope(text_, header_of_(inner));
            text_ += ' ';
            body(inner);
        }
        if (part.kind == PartKind::message || part.type.is("text")) space_number(part.lines);
        if (!extended_) return;
        space_nstring(part.md5);
        disposition(part);
    }

    // body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
    void parameters(const mail::Parameters& all) {
        if (all.empty()) {
            text_ += " NIL";
            return;
        }
        text_ += " (";
        for (const mail::Parameter& each : all) {
            if (&each != &all.front()) text_ += ' ';
            append_string(text_, each.name);
            text_ += ' ';
            append_string(text_, each.value);
        }
        text_ += ')';
    }

    // SP body-fld-dsp SP body-fld-lang SP body-fld-loc
    void disposition(const MimePart& part) {
        if (part.disposition.type.empty()) {
            text_ += " NIL";
        } else {
            text_ += " (";
            append_string(text_, part.disposition.type);
            parameters(part.disposition.parameters);
            text_ += ')';
        }
        languages(part.language);
        space_nstring(part.location);
    }

    // body-fld-lang = nstring / "(" string *(SP string) ")"
    void languages(const std::vector<std::string>& all) {
        text_ += all.empty() ? " NIL" : " (";
        for (const std::string& each : all) {
            if (&each != &all.front()) text_ += ' ';
            append_string(text_, each);
        }
        if (!all.empty()) text_ += ')';
    }

    const mail::MimeTree& tree_;
    const HeaderOf& header_of_;
    const bool extended_;
    std::string text_;
};

}  // namespace

std::string render_body_structure(const mail::MimeTree& tree, const HeaderOf& header_of,
                                  bool extended) {
    return Writer(tree, header_of, extended).written();
}

std::string render_body_structure(const mail::MimeTree& tree, std::string_view message,
                                  bool extended) {
    const HeaderOf header_of = [&](const MimePart& part) {
        return message.substr(part.header_begin, part.header_size());
    };
    return render_body_structure(tree, header_of, extended);
}

}  // namespace mailhandler::imap
