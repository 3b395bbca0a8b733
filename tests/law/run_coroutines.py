"""No coroutine of ours holds what g++ 12 destroys twice, and the reader sees it when one does."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import coroutines

TREE = pathlib.Path(__file__).resolve().parents[2]

# (statements of a coroutine, part of the complaint)
FAULTY = [
    ("co_await f(Agg{a, b});", "brace temporary"),
    ("auto x = co_await f(Agg{a, b}, 1);", "brace temporary"),
    ("co_await f({a, b});", "brace temporary"),
    ("co_await dial(loop, Destination{host, 25, nullptr}, until);", "brace temporary"),
    ("if (co_await f(Agg{a})) g();", "brace temporary"),
    ("while (!co_await f(ns::Agg<int>{a})) {}", "brace temporary"),
    ("for (auto x = co_await f(Agg{a}); x; ) g();", "brace temporary"),
    ("co_return Pair{1, 2} == co_await f();", "brace temporary"),
    ("co_await offload([s] { use(s); });", "capturing lambda"),
    ("co_await offload(pool, [&, s = std::move(s)]() mutable -> int { return use(s); });",
     "capturing lambda"),
    ("co_await offload([this] { use(s); });", "capturing lambda"),
    ("co_spawn(co_await this_coro::executor, [s]() -> Task<> { co_await g(s); }, detached);",
     "capturing lambda"),
    ("asio::co_spawn(executor, [s]() -> Task<> { co_return; }, detached);", "with co_spawn"),
    ("auto x = c ? co_await a() : b;", "?:"),
    ("auto x = c ? a : co_await b();", "?:"),
    ("f(co_await a(c ? 1 : 2));", "?:"),
    ("Agg q{co_await a(), 1};", "made from a co_await"),
    ("auto q = Agg{1, co_await a()};", "made from a co_await"),
    ("Agg q = {co_await a(), 1};", "made from a co_await"),
    ("co_return Agg{co_await a()};", "made from a co_await"),
    ("if (x) { for (;;) { co_await f(Agg{a}); } }", "brace temporary"),
    ("auto later = [] () -> Task<> { co_await f(Agg{a}); };", "brace temporary"),
    ('co_await f("}", \'{\', R"x({)x", Agg{a}); // {', "brace temporary"),
    ("switch (x) { case 1: co_await f(Agg{a}); break; }", "brace temporary"),
    ("try { co_await f(Agg{a}); } catch (const E& e) { g(); }", "brace temporary"),
    ("co_await\n   f(\n  Agg\n {a});", "brace temporary"),
]

INNOCENT = [
    "Agg agg{a, b}; co_await f(std::move(agg));",
    "auto work = [s] { use(s); }; co_await offload(work);",
    "co_await offload([] { return 1; });",
    "auto x = c ? a : b; co_await f(x);",
    "if (c) x = co_await a(); else x = b;",
    "if (x) { co_await f(); }",
    "while (co_await f()) { g({a}); }",
    "for (auto& [k, v] : map) { co_await f(k, v); }",
    "for (int i{0}; i < 3; ++i) { co_await f(i); }",
    "co_await f(array[i], array[j][k]);",
    "auto value = co_await f(); co_return Agg{value, 1};",
    "auto done = [&](int v) { use(v); }; co_spawn(executor, run(), done);",
    "auto run = [x]() -> Task<> { co_await f(x); };",
    "// co_await f(Agg{a});\n g(); /* co_await f({a}) */",
    'log("co_await f(Agg{a})");',
    "try { co_await f(); } catch (const E& e) { g(Agg{a}); }",
    "switch (co_await f()) { case 1: g({1}); break; default: break; }",
    "if constexpr (requires { s.drain(); }) { co_await f(); }",
    "if (c) co_await f(); g(Agg{a});",
    "do { co_await f(); } while (c ? x : y);",
    "const Instant until = c ? a : b;\n#define X {\n co_await f(until);",
    "co_await f(1'000'000, 'x');",
    "[[maybe_unused]] const auto x = co_await f();",
]


class Coroutines(unittest.TestCase):
    def test_the_house_obeys(self):
        self.assertEqual(coroutines.faults_of(TREE), [])

    def test_it_reads_coroutines(self):
        waiting = [path for path, text in coroutines.sources(TREE) if "co_await" in text]
        self.assertGreater(len(waiting), 2)

    def test_planted_faults_are_seen(self):
        for body, complaint in FAULTY:
            for shape in ("net::Task<> run(int x) {{ {} }}",
                          "namespace a {{ template <class T>\nTask<Result<T>> A<T>::run(T& x) const {{"
                          "\n g();\n {} }} }}",
                          "class A {{ public: Task<> run() override {{ {} }} int x = 0; }};"):
                found = coroutines.faults(shape.format(body))
                self.assertTrue(any(complaint in one for one in found), (body, shape, found))

    def test_innocents_pass(self):
        for body in INNOCENT:
            for shape in ("net::Task<> run(int x) {{ {} }}",
                          "struct A : B {{ A() : b{{1}}, c(2) {{}} Task<> run() {{ {} }} B b{{}}; }};"):
                self.assertEqual(coroutines.faults(shape.format(body)), [], body)

    def test_the_line_is_named(self):
        self.assertEqual(coroutines.faults("Task<> f() {\n  g();\n  co_await h(\n    A{1});\n}", "x.cpp"),
                         ["x.cpp:4: a brace temporary in one expression with co_await"])


if __name__ == "__main__":
    unittest.main()
