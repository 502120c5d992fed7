// SPDX-License-Identifier: GPL-2.0

//! Tests of [`super`] with BTF that is built by hand.

use proptest::prelude::*;

use super::{format::*, *};

/// BTF in the making.
struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    next_id: u32,
    first_string: u32,
    layout: Vec<u8>,
}

impl Builder {
    /// Begins that of the kernel.
    fn base() -> Self {
        Self {
            types: vec![],
            strings: vec![0],
            next_id: 1,
            first_string: 0,
            layout: vec![],
        }
    }

    /// Begins that of a module.
    fn split(base: &Self) -> Self {
        Self {
            strings: vec![],
            next_id: base.next_id,
            first_string: base.strings.len() as u32,
            ..Self::base()
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let offset = self.first_string + self.strings.len() as u32;
        self.strings.extend(name.bytes().chain([0]));
        offset
    }

    /// Adds a type; returns its number.
    fn add(&mut self, kind: u32, name: &str, len: usize, other: u32, rest: &[u32]) -> u32 {
        let begin = [self.name(name), (kind << 24) | len as u32, other];
        self.types
            .extend(begin.iter().chain(rest).flat_map(|word| word.to_ne_bytes()));
        self.next_id += 1;
        self.next_id - 1
    }

    fn pointer(&mut self, to: u32) -> u32 {
        self.add(KIND_PTR, "", 0, to, &[])
    }

    /// Adds a pointer to a new struct.
    fn pointer_to(&mut self, name: &str) -> u32 {
        let target = self.add(KIND_STRUCT, name, 1, 8, &[0, 1, 0]);
        self.pointer(target)
    }

    fn function(&mut self, name: &str, returned: u32, parameters: &[u32]) {
        let rest: Vec<_> = parameters.iter().flat_map(|ty| [0, *ty]).collect();
        let prototype = self.add(KIND_FUNC_PROTO, "", parameters.len(), returned, &rest);
        self.add(KIND_FUNC, name, 0, prototype, &[]);
    }

    fn bytes(&self) -> Vec<u8> {
        let header_len = if self.layout.is_empty() { 24 } else { 32 };
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let words = [header_len, 0, types, types, strings];
        let more = [types + strings, self.layout.len() as u32];
        let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();

        bytes.extend([1, 0]);
        bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        if header_len == 32 {
            bytes.extend(more.iter().flat_map(|word| word.to_ne_bytes()));
        }
        [
            bytes,
            self.types.clone(),
            self.strings.clone(),
            self.layout.clone(),
        ]
        .concat()
    }
}

/// The numbers of the types that callbacks use.
struct Types {
    int: u32,
    bool: u32,
    long: u32,
    notifier: u32,
    interval: u32,
    range: u32,
    finish: u32,
    finish_pointer: u32,
}

/// Adds the types that callbacks use, as gcc has them.
fn types(btf: &mut Builder) -> Types {
    let int = btf.add(KIND_INT, "int", 0, 4, &[0x0100_0020]);
    let long = btf.add(KIND_INT, "long unsigned int", 0, 8, &[64]);
    let c_bool = btf.add(KIND_INT, "_Bool", 0, 1, &[0x0400_0008]);
    let range = btf.add(
        KIND_STRUCT,
        "mmu_notifier_range",
        2,
        40,
        &[0, int, 0, 0, long, 64],
    );
    let const_range = btf.add(KIND_CONST, "", 0, range, &[]);
    let finish = btf.pointer_to("mmu_interval_notifier_finish");

    Types {
        int,
        bool: btf.add(KIND_TYPEDEF, "bool", 0, c_bool, &[]),
        long,
        notifier: btf.pointer_to("mmu_notifier"),
        interval: btf.pointer_to("mmu_interval_notifier"),
        range: btf.pointer(const_range),
        finish,
        finish_pointer: btf.pointer(finish),
    }
}

/// Adds a function for each callback, and some that are none.
fn functions(btf: &mut Builder, t: &Types) {
    btf.function("my_start", t.int, &[t.notifier, t.range]);
    btf.function("my_end", 0, &[t.notifier, t.range]);
    btf.function("my_invalidate", t.bool, &[t.interval, t.range, t.long]);
    btf.function(
        "my_pass",
        t.bool,
        &[t.interval, t.range, t.long, t.finish_pointer],
    );
    btf.function("my_finish", 0, &[t.finish]);
    // The core's, a release, and one with too few, too many and other parameters.
    btf.function("__mmu_notifier_invalidate_range_start", t.int, &[t.range]);
    btf.function("my_release", 0, &[t.notifier, t.finish]);
    btf.function("no_parameters", t.int, &[]);
    btf.function(
        "too_many",
        t.bool,
        &[t.interval, t.range, t.long, t.finish_pointer, t.int],
    );
    btf.function("other_parameters", t.bool, &[t.interval, t.range, t.int]);
    btf.function("other_result", t.long, &[t.notifier, t.range]);
    // Variable arguments.
    btf.function("printk", t.int, &[t.notifier, 0]);
}

fn expected(prefix: &str) -> Vec<Candidate> {
    [
        (MNCK_PREARM_START, "my_start"),
        (MNCK_PREARM_END, "my_end"),
        (MNCK_PREARM_INVALIDATE, "my_invalidate"),
        (MNCK_PREARM_INVALIDATE_START, "my_pass"),
        (MNCK_PREARM_INVALIDATE_FINISH, "my_finish"),
    ]
    .map(|(callback, name)| Candidate {
        callback,
        function: format!("{prefix}{name}"),
    })
    .to_vec()
}

fn found_in(files: &[(&str, Vec<u8>)]) -> Candidates {
    candidates_in(
        files
            .iter()
            .map(|(name, bytes)| ((*name).into(), Ok(bytes.clone())))
            .collect(),
    )
}

#[test]
fn callbacks_of_the_kernel_are_found() {
    let mut base = Builder::base();
    let t = types(&mut base);
    functions(&mut base, &t);

    let found = found_in(&[("vmlinux", base.bytes())]);
    assert_eq!(expected(""), found.functions);
    assert!(found.skipped.is_empty(), "{:?}", found.skipped);
}

#[test]
fn callbacks_of_a_module_are_found_by_types_of_the_kernel() {
    let mut base = Builder::base();
    let t = types(&mut base);
    let mut module = Builder::split(&base);
    functions(&mut module, &t);

    // Nothing is said of mnck.
    let files = [
        ("driver", module.bytes()),
        ("mnck", module.bytes()),
        ("vmlinux", base.bytes()),
    ];
    let found = found_in(&files);
    assert_eq!(expected("driver:"), found.functions);
    assert!(found.skipped.is_empty(), "{:?}", found.skipped);
}

#[test]
fn a_module_may_have_types_of_its_own() {
    let mut base = Builder::base();
    base.add(KIND_INT, "char", 0, 1, &[8]);
    let mut module = Builder::split(&base);
    // As clang has them.
    let int = module.add(KIND_INT, "int", 0, 4, &[0x0100_0020]);
    let long = module.add(KIND_INT, "unsigned long", 0, 8, &[64]);
    let c_bool = module.add(KIND_INT, "_Bool", 0, 1, &[0x0400_0008]);
    let declared = module.add(KIND_FWD, "mmu_notifier_range", 0, 0, &[]);
    let t = Types {
        int,
        bool: c_bool,
        long,
        notifier: module.pointer_to("mmu_notifier"),
        interval: module.pointer_to("mmu_interval_notifier"),
        range: module.pointer(declared),
        finish: module.pointer_to("mmu_interval_notifier_finish"),
        finish_pointer: 0,
    };
    let finish_pointer = module.pointer(t.finish);
    let t = Types {
        finish_pointer,
        ..t
    };
    functions(&mut module, &t);

    let found = found_in(&[("vmlinux", base.bytes()), ("driver", module.bytes())]);
    assert_eq!(expected("driver:"), found.functions);
}

/// Adds a type of each kind that no callback needs.
fn other_kinds(btf: &mut Builder) {
    btf.add(KIND_ARRAY, "", 0, 0, &[1, 1, 4]);
    btf.add(KIND_UNION, "u", 2, 8, &[0, 1, 0, 0, 1, 0]);
    btf.add(KIND_ENUM, "e", 2, 4, &[0, 0, 0, 1]);
    btf.add(KIND_VOLATILE, "", 0, 1, &[]);
    btf.add(KIND_RESTRICT, "", 0, 1, &[]);
    let variable = btf.add(KIND_VAR, "v", 0, 1, &[0]);
    btf.add(KIND_DATASEC, ".data", 1, 8, &[variable, 0, 8]);
    btf.add(KIND_FLOAT, "double", 0, 8, &[]);
    btf.add(KIND_DECL_TAG, "tag", 0, 1, &[0xffff_ffff]);
    btf.add(KIND_TYPE_TAG, "user", 0, 1, &[]);
    btf.add(KIND_ENUM64, "e64", 1, 8, &[0, 1, 1]);
}

#[test]
fn types_of_other_kinds_are_skipped() {
    let mut base = Builder::base();
    other_kinds(&mut base);
    let t = types(&mut base);
    functions(&mut base, &t);

    assert_eq!(
        expected(""),
        found_in(&[("vmlinux", base.bytes())]).functions
    );
}

#[test]
fn a_kind_of_a_later_kernel_is_skipped_if_the_layout_has_it() {
    let mut base = Builder::base();
    base.add(20, "later", 2, 0, &[1, 2, 3, 4, 5]);
    let t = types(&mut base);
    functions(&mut base, &t);

    let found = found_in(&[("vmlinux", base.bytes())]);
    assert!(found.functions.is_empty());
    assert_eq!(
        ["/sys/kernel/btf/vmlinux: kind 20 of types is not known"],
        found.skipped[..]
    );

    base.layout = vec![0; 80];
    base.layout.extend([4, 8, 0, 0]);
    assert_eq!(
        expected(""),
        found_in(&[("vmlinux", base.bytes())]).functions
    );
}

#[test]
fn a_circle_of_types_ends() {
    let mut base = Builder::base();
    base.add(KIND_CONST, "", 0, 2, &[]);
    base.add(KIND_VOLATILE, "", 0, 1, &[]);
    base.function("f", 0, &[1]);

    assert!(found_in(&[("vmlinux", base.bytes())]).functions.is_empty());
}

#[test]
fn a_module_that_cant_be_read_is_skipped() {
    let mut base = Builder::base();
    let t = types(&mut base);
    functions(&mut base, &t);
    let mut cut = base.bytes();
    cut.pop();
    let mut files: BTreeMap<_, _> = [
        ("vmlinux".into(), Ok(base.bytes())),
        ("cut".into(), Ok(cut)),
    ]
    .into();
    files.insert(
        "forbidden".into(),
        Err(io::ErrorKind::PermissionDenied.into()),
    );
    files.insert("empty".into(), Ok(vec![]));

    let found = candidates_in(files);
    assert_eq!(expected(""), found.functions);
    assert_eq!(
        [
            "/sys/kernel/btf/cut: a section is cut off",
            "/sys/kernel/btf/empty: this is not BTF of this machine",
            "/sys/kernel/btf/forbidden: permission denied",
        ],
        found.skipped[..]
    );
}

#[test]
fn without_the_kernels_types_nothing_is_found() {
    let found = found_in(&[("driver", Builder::base().bytes())]);

    assert!(found.functions.is_empty());
    assert_eq!(
        ["/sys/kernel/btf/vmlinux: the file is missing"],
        found.skipped[..]
    );
}

proptest! {
    #[test]
    fn any_bytes_do_no_harm(
        kernel in proptest::collection::vec(any::<u8>(), 0..300),
        module in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        found_in(&[("vmlinux", kernel), ("driver", module)]);
    }

    #[test]
    fn any_change_does_no_harm(changes in proptest::collection::vec(any::<(u16, u8)>(), 1..8)) {
        let mut base = Builder::base();
        let t = types(&mut base);
        other_kinds(&mut base);
        let mut module = Builder::split(&base);
        functions(&mut module, &t);
        let (mut kernel, mut module) = (base.bytes(), module.bytes());

        for (at, byte) in changes {
            // Each byte of both is as likely, and the magic is kept.
            let at = usize::from(at) % (kernel.len() + module.len());
            match at.checked_sub(kernel.len()) {
                Some(at) if at >= 4 => module[at] = byte,
                None if at >= 4 => kernel[at] = byte,
                _ => {}
            }
        }
        found_in(&[("vmlinux", kernel), ("driver", module)]);
    }
}
