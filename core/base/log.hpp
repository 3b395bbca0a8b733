// One line of talk for the operator, on standard error. Data never goes here; the journal is
// for machines, this is for people and for systemd's journal.
#pragma once

#include <functional>
#include <string_view>

namespace mailhandler {

enum class Severity { debug, info, warning, error };

// Where talk goes. Handed in like every other resource; a default-made Log is silent.
class Log {
  public:
    using Sink = std::function<void(Severity, std::string_view)>;

    Log() = default;
    explicit Log(Sink sink) : sink_(std::move(sink)) {}

    void debug(std::string_view text) const { write(Severity::debug, text); }
    void info(std::string_view text) const { write(Severity::info, text); }
    void warning(std::string_view text) const { write(Severity::warning, text); }
    void error(std::string_view text) const { write(Severity::error, text); }

  private:
    void write(Severity severity, std::string_view text) const {
        if (sink_) sink_(severity, text);
    }

    Sink sink_;
};

// Whole lines to standard error with systemd's "<N>" priority prefix when `prefixed` (standard
// error is the systemd journal), bare otherwise. Control characters are shown as \xHH, so that a
// peer's words can never forge a line. Safe to call from several threads.
Log stderr_log(bool prefixed, Severity least = Severity::info);

}  // namespace mailhandler
