//! The binary `custom-opencti`, built when it is not up to date.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Where the binary lies: beside the folder of this test's executable, `target/PROFILE/`.
///
/// Cargo hands no path of another package's binary to a test. `cargo test --workspace` has built it by the time tests
/// run; `cargo test -p examples` has not, so it is built here when it is missing or older than a source file.
pub(crate) fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let program = profile.join("custom-opencti");
        if !is_up_to_date(&program) {
            build(profile);
        }
        program
    })
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn is_up_to_date(program: &Path) -> bool {
    let Ok(built) = modified(program) else { return false };
    let sources =
        ["Cargo.toml", "wazuh-alert", "ioc-extract", "opencti-client", "enricher", "bin-integration"];
    sources.iter().chain(&["examples/demo"]).all(|source| newest(&workspace().join(source)) < built)
}

/// When a file, or the newest file below a folder, was last changed.
fn newest(path: &Path) -> SystemTime {
    if !path.is_dir() {
        return modified(path).unwrap();
    }
    // These do not go into the binary.
    let counts = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        !matches!(name, Some("tests" | "snapshots" | "benches" | "fuzz" | "examples" | "target"))
    };
    let paths = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(counts).map(|path| newest(&path)).max().unwrap_or(SystemTime::UNIX_EPOCH)
}

fn modified(path: &Path) -> std::io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

fn build(profile: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace()).args(["build", "--locked", "--package", "bin-integration"]);
    command.arg("--target-dir").arg(profile.parent().unwrap());
    match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(name) => _ = command.args(["--profile", name]),
    }
    let status = command.status().unwrap();
    assert!(status.success(), "custom-opencti could not be built: {status}");
}
