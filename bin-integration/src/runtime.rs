//! Running asynchronous code on this one thread.

use std::future::Future;
use std::io;

/// Runs a future to its end. A name look-up that still hangs then is left behind: waiting for it could take longer
/// than integratord waits for us.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let output = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_hanging_look_up_is_left_behind() {
        let begun = Instant::now();
        let (stop, hang) = std::sync::mpsc::channel::<()>();
        let output = block_on(async {
            // As the resolver does it; it ends when `stop` goes.
            drop(tokio::task::spawn_blocking(move || hang.recv_timeout(Duration::from_secs(60))));
            7
        });
        assert_eq!(output.unwrap(), 7);
        assert!(begun.elapsed() < Duration::from_secs(30));
        drop(stop);
    }
}
