//! The program `custom-opencti`: everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    bin_integration::run()
}
