# SPDX-License-Identifier: GPL-2.0
"""Unit tests of rig.host and rig.build.rustc: how a compiler's reports are read and judged."""

import json
import re
import unittest
from pathlib import Path

from rig.build import rustc
from rig.build.rustc import Diagnostic
from rig.host import compile_fail, doctest

PATH = Path("/cases/case.rs")
CASE = """\
fn start(context: &MaySleep<'_>) {
    //+ wait(context);
    refuse(context); //~ E0599
}
"""
MISSING = """\
impl Paired for Guest {
    //+ fn end() {}
    //~^^ E0046

    fn start() {}
}
"""
COMMAND = """\
savedcmd_src/mnck_main.o := OBJTREE=/k RUST_MODFILE=src/mnck rustc --edition=2021 \
-Zcrate-attr='feature(a,b)' @/k/rustc_cfg --crate-type rlib -L /k/rust/ --out-dir src/ \
--emit=dep-info=src/.d --emit=obj=src/mnck_main.o /src/mnck_main.rs  ; objtool src/mnck_main.o

source_src/mnck_main.o := /src/mnck_main.rs
"""
DOCUMENTED = """\
//! A module.
//!
//! ```
//! use mnck::mmu_notifier::Range;
//! ```

/// A thing.
///
/// ```text
/// a ──► b
/// ```
///
/// # Examples
///
/// ```
/// #[vtable]
/// impl Subscriber for Thing {
///     # fn hidden() {}
/// }
/// # struct Thing;
/// ```
#[repr(transparent)]
pub(super) struct Thing<T>(T);

impl Thing<u8> {
    /// ```ignore
    /// nothing
    /// ```
    /// ```rust
    /// fn other() {}
    /// ```
    pub unsafe fn get(&self) {}
}
"""


def error(code, line, file=str(PATH), level="error"):
    """Returns a diagnostic."""
    return Diagnostic(level, code, file, line, f"{level} {code}")


def wrong(found, in_twin=(), text=CASE):
    """Returns what is wrong with a case of this text and these diagnostics."""
    complaint = compile_fail.judge(
        compile_fail.parse_case(text).expected, PATH, list(found), list(in_twin)
    )
    return complaint and complaint[0]


def message(line, code="E0308", level="error", expansion=None, **more):
    """Returns a line of the compiler's output."""
    span = {"is_primary": True, "file_name": "a.rs", "line_start": line, "expansion": expansion}
    other = {"is_primary": False, "file_name": "b.rs", "line_start": 1, "expansion": None}
    return json.dumps(
        {
            **{"$message_type": "diagnostic", "level": level, "message": "mismatched"},
            **{"code": code and {"code": code}, "spans": [other, span], "rendered": "shown"},
            **more,
        }
    )


class Marks(unittest.TestCase):
    """The marks in a file of the suite."""

    def test_replaced(self):
        case = compile_fail.parse_case(CASE)
        self.assertEqual(case.expected, {(3, "E0599")})
        self.assertEqual(case.twin, "fn start(context: &MaySleep<'_>) {\n    wait(context);\n\n}\n")

    def test_added(self):
        case = compile_fail.parse_case(MISSING)
        self.assertEqual(case.expected, {(1, "E0046")})
        self.assertEqual(case.twin, MISSING.replace("//+ ", ""))

    def test_several(self):
        text = CASE.replace("//~ E0599", "//~ E0478 //~ lifetime may not live long enough")
        expected = {(3, "E0478"), (3, "lifetime may not live long enough")}
        self.assertEqual(compile_fail.parse_case(text).expected, expected)

    def test_removed(self):
        text = CASE.replace("//+ wait(context);", "//+")
        self.assertNotIn("refuse", compile_fail.parse_case(text).twin)

    def test_bad(self):
        below = CASE.replace("    //+ wait(context);\n", "") + "//+ wait(context);\n"
        for text in (CASE.replace("//~", "//"), CASE.replace("//+", "//"), CASE + CASE, below):
            self.assertRaises(compile_fail.BadCase, compile_fail.parse_case, text)


class Judging(unittest.TestCase):
    """A misuse must be rejected for the right reason."""

    def test_rejected(self):
        self.assertIsNone(wrong([error("E0599", 3)]))
        self.assertIsNone(wrong([error("E0599", 3), error("unused", 1, level="warning")]))

    def test_compiles(self):
        self.assertEqual(wrong([]), "it compiles")
        self.assertEqual(wrong([error("E0599", 3, level="warning")]), "it compiles")

    def test_another_code(self):
        reason = "the compiler reports E0308 in line 3, not E0599 in line 3"
        self.assertEqual(wrong([error("E0308", 3)]), reason)

    def test_another_line(self):
        reason = "the compiler reports E0599 in line 1, not E0599 in line 3"
        self.assertEqual(wrong([error("E0599", 1)]), reason)

    def test_another_file(self):
        reason = "the compiler reports E0599 in line 0, not E0599 in line 3"
        self.assertEqual(wrong([error("E0599", 3, "/cases/other.rs")]), reason)

    def test_one_more(self):
        reason = "the compiler reports E0425 in line 2"
        self.assertEqual(wrong([error("E0599", 3), error("E0425", 2)]), reason)

    def test_one_less(self):
        text = CASE.replace("//~ E0599", "//~ E0599 //~ E0308")
        self.assertEqual(
            wrong([error("E0599", 3)], text=text), "the compiler reports not E0308 in line 3"
        )

    def test_twin(self):
        for found in (error("E0425", 2), error("unused_mut", 2, level="warning")):
            reason = f"its twin does not compile: {found.code} in line 2"
            self.assertEqual(wrong([error("E0599", 3)], [found]), reason)


class Compiler(unittest.TestCase):
    """The compiler's flags and its output."""

    def test_diagnostics(self):
        output = "\n".join(
            (
                *("not JSON", message(4), message(5, None), message(6, level="warning")),
                *(message(7, level="note"), message(0, None, spans=[])),
                message(0, None, spans=[], message="aborting due to 4 previous errors"),
            )
        )
        self.assertEqual(
            rustc.parse(output, 1),
            [
                error("E0308", 4, "a.rs"),
                error("mismatched", 5, "a.rs"),
                error("E0308", 6, "a.rs", "warning"),
                error("mismatched", 0, ""),
            ],
        )

    def test_in_a_macro(self):
        outer = {"file_name": "a.rs", "line_start": 9, "expansion": None}
        inner = {"file_name": "macro.rs", "line_start": 1, "expansion": {"span": outer}}
        output = message(4, expansion={"span": inner})
        self.assertEqual(rustc.parse(output, 1), [error("E0308", 9, "a.rs")])

    def test_crash_is_no_success(self):
        for output in ("", "thread 'rustc' panicked", message(6, level="warning")):
            self.assertEqual(rustc.parse(output, 101)[-1].code, "rustc: exit status 101")

    def test_command(self):
        cfg = ["-Zcrate-attr=feature(a,b)", "@/k/rustc_cfg"]
        inlining = ";llvm-link --internalize src/mnck_main.bc"
        for saved in COMMAND, COMMAND.replace(" ; objtool", f" {inlining}; objtool"):
            environment, flags = rustc.parse_command(saved)
            self.assertEqual(environment, {"OBJTREE": "/k", "RUST_MODFILE": "src/mnck"})
            self.assertEqual(flags, ["--edition=2021", *cfg, "-L", "/k/rust/"])


class Doctest(unittest.TestCase):
    """The examples in documentation."""

    def test_examples(self):
        found = [(e.of, e.line, e.code) for e in doctest.examples(DOCUMENTED)]
        vtable = "#[vtable]\nimpl Subscriber for Thing {\n    fn hidden() {}\n}\nstruct Thing;\n"
        self.assertEqual(
            found,
            [
                ("module", 4, "use mnck::mmu_notifier::Range;\n"),
                ("Thing", 16, vtable),
                ("get", 30, "fn other() {}\n"),
            ],
        )


class BugHistory(unittest.TestCase):
    """Documentation/bug-history.md, which cites the suite."""

    TEXT = Path("Documentation/bug-history.md").read_text()
    ROWS = re.findall(r"^\| (\d+) \| [^|]* \| ([^|]*) \| ([^|]*) \| (.*) \|$", TEXT, re.MULTILINE)
    TOTALS = re.findall(r"^\| (types|run time|neither) \| (\d+) \| (\d+) \|$", TEXT, re.MULTILINE)

    def test_cited_tests_exist(self):
        existing = {path.stem for path in compile_fail.CASES.glob("*.rs")}
        for row in self.ROWS:
            for names in re.findall(r"\[(.*?)\]", row[3]):
                self.assertLessEqual(set(names.split(", ")), existing)

    def test_totals(self):
        self.assertEqual([int(row[0]) for row in self.ROWS], list(range(1, 44)))
        for verdict, bugs, in_core in self.TOTALS:
            rows = [row for row in self.ROWS if row[2] == verdict]
            core = [row for row in rows if row[1].startswith("core: ")]
            self.assertEqual((len(rows), len(core)), (int(bugs), int(in_core)), verdict)
        self.assertEqual(len(self.TOTALS), 3)
