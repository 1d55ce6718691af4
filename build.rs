//! Writes the registry of endpoints from what stands in `src/endpoint/`, so that adding one touches no
//! shared list.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=src/endpoint");
    println!("cargo::rerun-if-changed=migrations");
    let mut names: Vec<String> = fs::read_dir("src/endpoint")
        .expect("src/endpoint is part of the source")
        .map(|entry| entry.expect("a folder entry is readable").path())
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();

    let mut text = String::from("/// Every endpoint of the source, in this build or not.\n");
    writeln!(text, "pub const KNOWN: &[&str] = &{names:?};\n").expect("a string takes all");
    text.push_str("/// The endpoints of this build.\npub const KINDS: &[Kind] = &[\n");
    for name in &names {
        writeln!(text, "    #[cfg(feature = \"{name}\")]\n    {name}::KIND,")
            .expect("a string takes all");
    }
    text.push_str("];\n");
    let target = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("registry.rs");
    fs::write(target, text).expect("OUT_DIR is writable");
    check_stores();
}

fn check_stores() {
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if !has("SQLITE") && !has("POSTGRES") {
        println!(
            "cargo::error=choose a store: build with `--features sqlite` or `--features postgres`"
        );
    }
}
