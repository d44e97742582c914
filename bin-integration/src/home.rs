//! Where Wazuh lives: every relative path of the configuration is below it.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where the packages install Wazuh.
const DEFAULT: &str = "/var/ossec";

/// Wazuh's home:
///
/// 1. `WAZUH_HOME`, when set and not empty;
/// 2. from where the binary lies (`/proc/self/exe`, since `argv[0]` is meaningless): above `integrations/`,
///    `active-response/bin/`, `wodles/…/` and `bin/`;
/// 3. `/var/ossec`.
pub(crate) fn locate() -> PathBuf {
    find(std::env::var_os("WAZUH_HOME"), std::env::current_exe().ok().as_deref())
}

fn find(variable: Option<OsString>, exe: Option<&Path>) -> PathBuf {
    variable
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
        .or_else(|| exe.and_then(above).map(Path::to_path_buf))
        .unwrap_or_else(|| PathBuf::from(DEFAULT))
}

fn above(exe: &Path) -> Option<&Path> {
    let folder = exe.parent()?;
    if let Some(wodles) = folder.ancestors().find(|part| part.file_name() == Some(OsStr::new("wodles"))) {
        return wodles.parent();
    }
    let parent = folder.parent()?;
    match folder.file_name()?.to_str()? {
        "integrations" => Some(parent),
        "bin" if parent.file_name() == Some(OsStr::new("active-response")) => parent.parent(),
        // Many folders are called `bin`: in `/usr/local/bin` the program is a tool, and Wazuh is elsewhere.
        "bin" if parent.join("queue").is_dir() || parent.join("etc/ossec.conf").exists() => Some(parent),
        _ => None,
    }
}

/// Gives what root has just made to the owner and group of the folder that holds it. A run by hand as root would
/// otherwise leave files that the user wazuh cannot write. For other users there is nothing to do.
pub(crate) fn adopt(path: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    if let Some(folder) = path.parent().and_then(|folder| std::fs::metadata(folder).ok()) {
        // At worst the later run says that it cannot write.
        let _ = std::os::unix::fs::lchown(path, Some(folder.uid()), Some(folder.gid()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_exe(exe: &str) -> PathBuf {
        find(None, Some(Path::new(exe)))
    }

    #[test]
    fn the_variable_wins() {
        let exe = Some(Path::new("/opt/wazuh/integrations/custom-opencti"));
        assert_eq!(find(Some("/srv/w".into()), exe), PathBuf::from("/srv/w"));
        assert_eq!(find(Some("".into()), exe), PathBuf::from("/opt/wazuh"));
    }

    #[test]
    fn the_binary_lies_in_it() {
        assert_eq!(from_exe("/opt/w/integrations/custom-opencti"), PathBuf::from("/opt/w"));
        assert_eq!(from_exe("/opt/w/active-response/bin/custom-opencti"), PathBuf::from("/opt/w"));
        assert_eq!(from_exe("/opt/w/wodles/custom-opencti"), PathBuf::from("/opt/w"));
        assert_eq!(from_exe("/opt/w/wodles/opencti/custom-opencti"), PathBuf::from("/opt/w"));
    }

    #[test]
    fn a_bin_folder_counts_only_inside_wazuh() {
        let home = tempfile::tempdir().unwrap();
        let exe = home.path().join("bin/custom-opencti");
        assert_eq!(find(None, Some(&exe)), PathBuf::from(DEFAULT));
        std::fs::create_dir(home.path().join("queue")).unwrap();
        assert_eq!(find(None, Some(&exe)), home.path());
    }

    #[test]
    fn otherwise_the_packages_place() {
        assert_eq!(from_exe("/home/me/target/release/custom-opencti"), PathBuf::from(DEFAULT));
        assert_eq!(find(None, None), PathBuf::from(DEFAULT));
    }
}
