#include "journal.hpp"

#include "store/journal.hpp"

namespace mailhandler::cmd {

Result<std::size_t> read_events(Context& context, const store::Layout& layout, WallTime since,
                                const std::function<void(const watch::Event&)>& take) {
    std::size_t strange = 0;
    auto skipped = store::read_journal(
        context.disk, layout, utc_day(since), [&](std::string_view line) {
            const auto event = watch::from_line(line);
            if (!event)
                ++strange;
            else if (event->when >= since)
                take(*event);
            return true;
        });
    if (!skipped) return skipped;
    return *skipped + strange;
}

}  // namespace mailhandler::cmd
