// The structured fields that say what a MIME part is: Content-Type, Content-Disposition and their
// parameters (RFC 2045 section 5, RFC 2183), with what RFC 2231 adds.
//
// Values, pure. Real mail is broken in every way, so these parsers never fail but for a
// Content-Type without a type: missing semicolons, values with spaces and no quotes, quotes that
// never close and comments anywhere are read as the mail programs that wrote them meant them.
// A field costs time and memory linear in its length; past parameter_limit, parameters are ignored.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::mail {

// How many parameters of one field are read.
constexpr std::size_t parameter_limit = 100;

struct Parameter {
    std::string name;   // as spelt; ends in `*` where the value is in RFC 2231's extended form
    std::string value;  // unquoted; in the extended form still percent-encoded: "utf-8'en'%e2%82%ac"
};
using Parameters = std::vector<Parameter>;

struct ContentType {
    std::string type, subtype;  // as spelt
    Parameters parameters;
    bool is(std::string_view of_type) const;  // the type alone, any case
    bool is(std::string_view of_type, std::string_view of_subtype) const;
};

struct Disposition {
    std::string type;  // empty: there was none
    Parameters parameters;
};

// Content-Type from the field's body. Nothing where there is no type/subtype: RFC 2045 section 5.2
// then wants text/plain.
std::optional<ContentType> parse_content_type(std::string_view body);

Disposition parse_disposition(std::string_view body);

// Parameters from `;` on. The sections of a continued one (RFC 2231 section 3) are one again, as
// its section 7 asks of IMAP servers; where one section is extended the whole is.
Parameters parse_parameters(std::string_view text);

// The first parameter of this name (any case); nothing where there is none.
const std::string* find_parameter(const Parameters& parameters, std::string_view name);

// A single token from a field that may have comments: Content-Transfer-Encoding.
std::string parse_token(std::string_view body);

// Content-Language: tags divided by commas (RFC 3282), without comments.
std::vector<std::string> parse_languages(std::string_view body);

}  // namespace mailhandler::mail
