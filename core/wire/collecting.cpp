#include "wire/collecting.hpp"

#include <array>

namespace mailhandler::wire {

Place place(const ClientQuestion& question) {
    const bool between =
        std::holds_alternative<Resting>(question) || std::holds_alternative<Resumed>(question);
    return between ? Place::network : Place::disk;
}

bool fits(std::size_t question, std::size_t answer) {
    // Listed → Plan, Received and Settle → Progress, Finished → Done, Resting → Rest, Resumed → Done
    static constexpr std::array<std::size_t, 6> fitting{0, 1, 1, 2, 3, 2};
    return question < fitting.size() && fitting[question] == answer;
}

}  // namespace mailhandler::wire
