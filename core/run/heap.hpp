// The process's heap.
#pragma once

namespace mailhandler::run {

// All threads allocate from one heap, where the C library would give each its own (glibc: an arena).
// What one thread allocates another frees here: message texts, answers. With a heap each, every one of them
// grows to the most that was ever under way in it, for hours. Call it before there are threads.
void share_one_heap();

// The same, and what is freed goes back to the system soon, large pieces at once: for a process whose
// need rises and falls.
void share_one_small_heap();

}  // namespace mailhandler::run
