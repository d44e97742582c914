//! A Wazuh home in a temporary folder, and the program run in it as integratord runs it.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::case::Queue;
use super::{TOKEN, program};

/// A run that takes longer hangs: it is killed, and the test fails.
const AT_MOST: Duration = Duration::from_secs(60);

/// Where the token lies when it is not in `<api_key>`.
const TOKEN_FILE: &str = "etc/opencti.token";

/// Wazuh's home, removed when dropped.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    queue: Option<UnixDatagram>,
    runs: AtomicU32,
}

/// How integratord calls: reference of its arguments in `bin_integration`'s `args`.
pub(crate) struct Call<'a> {
    /// What stands in the alert file; `None` when integratord could not write one.
    pub(crate) alert: Option<&'a [u8]>,
    /// Whether `<api_key>` names a file that holds the token, rather than holding it.
    pub(crate) token_file: bool,
    pub(crate) hook_url: &'a str,
    pub(crate) options: Option<&'a serde_json::Value>,
    pub(crate) timeout_s: u32,
    pub(crate) retries: u32,
    pub(crate) debug: bool,
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    /// Standard output and standard error, which integratord reads through one pipe.
    pub(crate) output: String,
    pub(crate) took: Duration,
}

impl Ended {
    /// The only line that integratord logs.
    pub(crate) fn last_line(&self) -> &str {
        self.output.lines().last().unwrap_or_default()
    }
}

impl Home {
    pub(crate) fn new(queue: Queue) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["integrations", "etc", "logs", "var", "tmp", "queue/sockets"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let installed = folder.path().join("integrations/custom-opencti");
        // A link is quicker, where both lie on one file system.
        if fs::hard_link(program::path(), &installed).is_err() {
            fs::copy(program::path(), &installed).unwrap();
        }
        let mut home = Self { folder, queue: None, runs: AtomicU32::new(0) };
        if queue != Queue::Missing {
            home.open_queue();
        }
        if queue == Queue::Full {
            home.fill_queue();
        }
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// analysisd starts.
    pub(crate) fn open_queue(&mut self) {
        let queue = UnixDatagram::bind(self.path().join("queue/sockets/queue")).unwrap();
        queue.set_nonblocking(true).unwrap();
        self.queue = Some(queue);
    }

    /// Others have sent more than analysisd reads.
    fn fill_queue(&self) {
        let other = UnixDatagram::unbound().unwrap();
        other.set_nonblocking(true).unwrap();
        other.connect(self.path().join("queue/sockets/queue")).unwrap();
        while other.send(b"1:other:full").is_ok() {}
    }

    /// The lines that this program has sent since the last call. Every event is sent before the program ends, so
    /// nothing has to be waited for.
    pub(crate) fn datagrams(&self) -> Vec<String> {
        let Some(queue) = &self.queue else { return Vec::new() };
        let mut lines = Vec::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match queue.recv(&mut buffer) {
                Ok(length) => lines.push(String::from_utf8(buffer[..length].to_vec()).unwrap()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        lines.retain(|line| line != "1:other:full");
        lines
    }

    /// One run, from the alert file being written to its removal.
    pub(crate) fn run(&self, call: &Call<'_>) -> Ended {
        // integratord's number is random and may be negative.
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let file = |kind| self.path().join(format!("tmp/custom-opencti-1780315200--{number}.{kind}"));
        let write = |kind, bytes: &[u8]| {
            fs::write(file(kind), bytes).unwrap();
            file(kind)
        };
        let alert = call.alert.map_or_else(PathBuf::new, |bytes| write("alert", bytes));
        let options =
            call.options.map_or_else(PathBuf::new, |json| write("options", format!("{json}\n").as_bytes()));

        let mut command = Command::new("integrations/custom-opencti");
        command.arg0("integrations").env_clear().current_dir(self.path()).stdin(Stdio::null());
        let api_key = if call.token_file { format!("file:{TOKEN_FILE}") } else { TOKEN.to_owned() };
        command.arg(&alert).arg(api_key).args([call.hook_url, if call.debug { "debug" } else { "" }]);
        command.arg(&options);
        command.args([call.timeout_s.to_string(), call.retries.to_string()]);
        if !call.debug {
            command.arg("> /dev/null 2>&1");
        }
        if call.token_file {
            fs::write(self.path().join(TOKEN_FILE), format!("{TOKEN}\n")).unwrap();
        }
        let ended = run(command);
        for path in [alert, options, self.path().join(TOKEN_FILE)].iter().filter(|path| path.is_file()) {
            fs::remove_file(path).unwrap();
        }
        ended
    }

    /// Runs a subcommand and returns its standard output.
    pub(crate) fn tool(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("integrations/custom-opencti");
        command.env_clear().current_dir(self.path()).stdin(Stdio::null()).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Kept entries of a kind, `alert` or `line`.
    pub(crate) fn kept(&self, kind: &str) -> usize {
        let Ok(files) = fs::read_dir(self.path().join("var/custom-opencti/pending")) else { return 0 };
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|ext| ext == kind)).count()
    }

    /// The program's log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("logs/custom-opencti.log")).unwrap_or_default()
    }

    /// Fails when the token stands in a file below the home.
    pub(crate) fn check_no_token(&self) {
        check_folder(self.path());
    }
}

fn check_folder(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            check_folder(&path);
        } else if kind.is_file() && !path.ends_with("integrations/custom-opencti") {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains(TOKEN), "the token stands in {}", path.display());
        }
    }
}

/// Runs a command with standard output and standard error in one pipe, and reads that to its end.
fn run(mut command: Command) -> Ended {
    let (mut pipe, writer) = std::io::pipe().unwrap();
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let begun = Instant::now();
    let mut child = spawn(&mut command);
    // Its copies of the pipe's end would keep the pipe open.
    drop(command);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut output = String::new();
        let read = pipe.read_to_string(&mut output).map(|_| output);
        sender.send(read)
    });
    let Ok(output) = receiver.recv_timeout(AT_MOST) else {
        child.kill().unwrap();
        panic!("custom-opencti still ran after {AT_MOST:?}");
    };
    let status = child.wait().unwrap();
    let took = begun.elapsed();
    let code = status.code().unwrap_or_else(|| panic!("it died by a signal: {status}"));
    Ended { code, output: output.unwrap(), took }
}

/// Starts it. Where the program was copied, a process that another test has just forked may still hold the copy open
/// for writing.
fn spawn(command: &mut Command) -> Child {
    let begun = Instant::now();
    loop {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && begun.elapsed() < AT_MOST => {
                std::thread::yield_now();
            }
            result => return result.unwrap(),
        }
    }
}
