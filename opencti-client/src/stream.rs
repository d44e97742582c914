//! The live stream: what changes on the platform, as it changes.

mod connection;
mod error;
mod event;
mod event_id;
mod follow;

pub use connection::{CollectionId, EventStream, StreamBuilder};
pub use error::StreamError;
pub use event::{Connected, Delivery, StixObject, StreamEvent};
pub use event_id::{EventId, NotAnEventId};
pub use follow::{Follower, Update};
