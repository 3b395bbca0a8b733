#include "agent/fetch_events.hpp"

namespace mailhandler::agent {

watch::Event event_of(const Judged& judged, const Fate& fate, const End& end) {
    watch::Event event;
    event.sender = judged.block.return_path_text;
    event.recipient = fate.recipient ? fate.recipient->given() : fate.value;
    for (const route::Step& step : fate.route.steps) {
        if (step.shadowed) break;
        event.rule = route::name(step.rule);
    }
    if (fate.recipient) event.domain = fate.recipient->domain();
    if (const auto* placed = std::get_if<Placed>(&end)) {
        event.what = watch::What::fetched;
        event.mailbox = placed->to.mailbox.text();
    } else if (const auto* aside = std::get_if<SetAside>(&end)) {
        event.what = watch::What::held;
        event.id = aside->id;
        event.why = aside->text.empty() ? std::string(name(aside->reason)) : aside->text;
    } else if (const auto* on = std::get_if<PassedOn>(&end)) {
        event.what = watch::What::fetched;
        event.mailbox = on->to.address.given();
        event.id = on->id;
    } else if (const auto* bounced = std::get_if<Bounced>(&end)) {
        event.what = watch::What::bounced;
        event.id = bounced->id;
        event.why = bounced->text;
    } else {
        event.what = watch::What::refused;
        event.why = "dropped";
    }
    return event;
}

void count(Harvest& harvest, const End& end) {
    if (const auto* placed = std::get_if<Placed>(&end))
        ++harvest.placed[placed->to.mailbox.text()];
    else if (const auto* aside = std::get_if<SetAside>(&end))
        ++harvest.held[std::string(name(aside->reason))];
    else if (std::holds_alternative<Bounced>(end))
        ++harvest.bounced;
    else if (std::holds_alternative<PassedOn>(end))
        ++harvest.forwarded;
    else
        ++harvest.dropped;
}

}  // namespace mailhandler::agent
