//! Any bytes as a stream, in pieces: the same frames as in one piece, never more than the limit, each of them an event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opencti_client::StreamEvent;
use opencti_client::sse::{Frame, Parser};

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (limit, piece, bytes) = input;
    let limit = usize::from(limit) * 4;
    let whole = Parser::with_limit(limit).push(bytes);
    let mut parser = Parser::with_limit(limit);
    let pieces: Vec<Frame> =
        bytes.chunks(usize::from(piece).max(1)).flat_map(|piece| parser.push(piece)).collect();
    assert_eq!(whole, pieces);
    for frame in whole {
        if let Frame::Event { data, .. } = &frame {
            // One byte that is not UTF-8 becomes three.
            assert!(data.len() <= 3 * limit);
        }
        match StreamEvent::from_frame(frame) {
            StreamEvent::Garbage { reason: text, .. } | StreamEvent::Unknown { name: text, .. } => {
                assert!(!text.contains(char::is_control), "{text:?}");
            }
            StreamEvent::Upsert { object, .. } => {
                let _ = object.read::<serde_json::Value>();
            }
            _ => {}
        }
    }
});
