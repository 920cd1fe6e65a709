//! A room imports nothing from a higher floor (DESIGN.md, Floors). Read from the sources' text:
//! every `crate::…` and `beamlink::…` path outside comments, through the root's re-exports too.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: &[(u8, &[&str])] = &[
    (1, &["term", "name", "secret"]),
    (2, &["gossip", "epmd", "dist"]),
    (3, &["runtime"]),
    (4, &["otp"]),
    (5, &["node", "cluster", "doctor"]),
    (6, &["cli", "http", "otel", "main"]),
];

fn floor(room: &str) -> Option<u8> {
    let row = FLOORS.iter().find(|(_, rooms)| rooms.contains(&room));
    row.map(|(floor, _)| *floor)
}

#[test]
fn no_room_imports_from_a_higher_floor() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let root = root_items(&fs::read_to_string(src.join("lib.rs")).unwrap());
    let mut faults = Vec::new();
    let mut seen = 0;
    for path in rust_files(&src) {
        let inside = path.strip_prefix(&src).unwrap();
        let room = room_of(inside);
        if room == "lib" {
            continue;
        }
        seen += 1;
        let source = fs::read_to_string(&path).unwrap();
        let found = faults_in(&room, &source, &root);
        faults.extend(
            found
                .into_iter()
                .map(|fault| format!("src/{}: {fault}", inside.display())),
        );
    }
    assert!(
        seen > 5,
        "only {seen} files found: is the test looking in the right place?"
    );
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// What is wrong with the imports of one file of `room`.
fn faults_in(room: &str, source: &str, root: &HashMap<String, String>) -> Vec<String> {
    let Some(own) = floor(room) else {
        return vec![format!(
            "room {room} stands on no floor: add it to FLOORS and to DESIGN.md"
        )];
    };
    let mut faults = Vec::new();
    for item in imported(&without_comments(source)) {
        let target = root.get(&item).unwrap_or(&item);
        match floor(target) {
            Some(theirs) if theirs > own => {
                faults.push(format!(
                    "{room} (floor {own}) imports {item} of {target} (floor {theirs})"
                ));
            }
            Some(_) => {}
            None => faults.push(format!("{item} is neither a room nor an item of the root")),
        }
    }
    faults
}

/// The first segment behind every `crate::` and `beamlink::`, groups opened.
fn imported(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for prefix in ["crate::", "beamlink::"] {
        for (at, _) in source.match_indices(prefix) {
            let before = source[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | ':' | '"')) {
                continue;
            }
            found.extend(heads(&source[at + prefix.len()..]));
        }
    }
    found
}

/// `term::Atom` → term; `{dist::{Flags, self}, name}` → dist, name; `*` → nothing.
fn heads(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        return Some(identifier(path))
            .filter(|head| !head.is_empty())
            .into_iter()
            .collect();
    };
    let mut heads = vec![identifier(group)];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => heads.push(identifier(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads.retain(|head| !head.is_empty() && head != "self");
    heads
}

fn identifier(text: &str) -> String {
    let word = text.trim_start().chars();
    word.take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn without_comments(source: &str) -> String {
    let code = source.lines().map(|line| match line.split_once("//") {
        Some((code, _)) => code,
        None => line,
    });
    code.collect::<Vec<_>>().join("\n")
}

/// `pub use name::{NodeName, NodeNameError};` in lib.rs → each item's room; macros stand in the root.
fn root_items(lib: &str) -> HashMap<String, String> {
    let lib = without_comments(lib);
    let mut items = HashMap::new();
    for statement in lib.split(';') {
        let Some((_, path)) = statement.split_once("pub use ") else {
            continue;
        };
        let Some((room, rest)) = path.split_once("::") else {
            continue;
        };
        let names = rest
            .trim_start_matches('{')
            .trim_end_matches('}')
            .split(',');
        for name in names {
            let last = name.rsplit([' ', ':']).next().unwrap_or(name);
            items.insert(identifier(last), room.trim().to_owned());
        }
    }
    items
}

fn room_of(inside: &Path) -> String {
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

mod the_test_can_fail {
    use super::*;

    fn faults(room: &str, source: &str) -> Vec<String> {
        let root = root_items("pub use node::{Node, StartError as Bad};\npub use name::NodeName;");
        faults_in(room, source, &root)
    }

    #[test]
    fn on_each_way_to_write_an_import() {
        for source in [
            "use crate::node::Node;",
            "use crate::Node;",
            "use crate::Bad;",
            "use crate::{\n    term::{Atom, Term},\n    node,\n};",
            "fn f() { crate::cluster::start() }",
            "pub(crate) use crate::runtime::{self};",
            "use crate::nowhere::X;",
        ] {
            assert_eq!(faults("dist", source).len(), 1, "{source}");
        }
        assert_eq!(
            faults("term", "use crate::dist::Flags;"),
            ["term (floor 1) imports dist of dist (floor 2)"]
        );
        assert_eq!(faults("attic", "").len(), 1);
    }

    #[test]
    fn and_passes_what_is_allowed() {
        for source in [
            "use crate::term::Atom;\nuse crate::NodeName;",
            "use crate::{dist::{frame, control}, epmd};",
            "//! [`crate::node::Node`]\n/// crate::cluster::x\nlet a = 1; // crate::otp::b",
            "$crate::node::x; mycrate::node::y; pub(crate) fn f() {}",
        ] {
            assert_eq!(faults("dist", source), Vec::<String>::new(), "{source}");
        }
        assert!(faults("cli", "use beamlink::{Node, NodeName};").is_empty());
        assert_eq!(faults("name", "use beamlink::Node;").len(), 1);
    }
}
