//! A program of the size of a phone's library without the TUF client; see docs/performance.md.

#[path = "size/phone.rs"]
mod phone;

use std::process::ExitCode;

fn main() -> ExitCode {
    let text = phone::input();
    if phone::phone(&text).is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
