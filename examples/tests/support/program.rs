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
    let Ok(built) = fs::metadata(program).and_then(|metadata| metadata.modified()) else { return false };
    let sources =
        ["wazuh-alert", "ioc-extract", "opencti-client", "enricher", "bin-integration", "examples/demo"];
    sources.iter().all(|folder| newest(&workspace().join(folder)) < built)
}

/// When a file below a folder was last changed.
fn newest(folder: &Path) -> SystemTime {
    let mut latest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        let time = match kind.is_dir() {
            // Neither goes into the binary.
            true if matches!(entry.file_name().to_str(), Some("tests" | "fuzz" | "target")) => continue,
            true => newest(&entry.path()),
            false => entry.metadata().unwrap().modified().unwrap(),
        };
        latest = latest.max(time);
    }
    latest
}

fn build(profile: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace()).args([
        "build",
        "--locked",
        "--package",
        "bin-integration",
        "--target-dir",
    ]);
    command.arg(profile.parent().unwrap());
    match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(name) => _ = command.args(["--profile", name]),
    }
    let status = command.status().unwrap();
    assert!(status.success(), "custom-opencti could not be built: {status}");
}
