// SPDX-License-Identifier: GPL-2.0

//! Makes the Rust declarations of the module's interface from its header.

use std::{env, path::PathBuf, process::Command};

const HEADER: &str = "../../src/device/mnck_uapi.h";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("uapi.rs");
    let status = Command::new("bindgen")
        .args([
            "--allowlist-item",
            "mnck_.*|MNCK_.*",
            "--no-prepend-enum-name",
            "--no-layout-tests",
        ])
        // Records are read as bytes.
        .args([
            "--with-derive-custom-struct",
            "mnck_.*=bytemuck::Pod,bytemuck::Zeroable",
        ])
        .arg(HEADER)
        .arg("--output")
        .arg(&out)
        .status()
        .expect("bindgen is in the build root: run `make tool`");
    assert!(status.success(), "bindgen could not read {HEADER}");
    println!("cargo:rerun-if-changed={HEADER}");
    println!("cargo:rerun-if-changed=build.rs");
}
