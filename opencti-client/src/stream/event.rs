//! Events, from frames.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::event_id::EventId;
use crate::sse::Frame;
use crate::text;

/// Longest foreign name or reason kept, in characters.
const MAX_TEXT: usize = 200;

/// What the stream tells.
///
/// What happened is in the name of the server-sent event and not in its data: an object that no longer meets the
/// filter of the collection is a [`Delete`](Self::Delete) here, though OpenCTI calls it an update within.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The first event of every connection.
    Connected(Connected),
    /// A sign of life, every five seconds.
    Heartbeat {
        /// How far OpenCTI has read the stream for us, whether it had something to send or not; by the clock of the
        /// API's host when the stream is idle.
        id: Option<EventId>,
    },
    /// An object was created or changed, or was there before: it is now as given.
    Upsert {
        /// Its place.
        id: EventId,
        /// The whole object.
        object: StixObject,
        /// Why it comes.
        delivery: Delivery,
    },
    /// An object was deleted, or does not meet the collection's filter any more.
    Delete {
        /// Its place.
        id: EventId,
        /// The object as it was last, or as it is without meeting the filter.
        object: StixObject,
    },
    /// Objects were merged into one: that is now as given, and the others are no more.
    Merge {
        /// Its place.
        id: EventId,
        /// The object that is left.
        object: StixObject,
        /// Those that are gone.
        sources: Vec<StixObject>,
    },
    /// An event of another name, such as newer platforms send.
    Unknown {
        /// Its place, if it has a readable one.
        id: Option<EventId>,
        /// Its name, cut and freed of control characters.
        name: String,
    },
    /// An event that was too large to be kept, see [`StreamBuilder::max_frame`](crate::StreamBuilder::max_frame).
    Oversized {
        /// Its place, if it was seen and is readable.
        id: Option<EventId>,
        /// Its name, as far as it was seen, cut and freed of control characters.
        name: String,
        /// Its size, in bytes.
        size: u64,
    },
    /// An event that cannot be read. Those behind it are not affected.
    Garbage {
        /// Its place, if it has a readable one.
        id: Option<EventId>,
        /// What is wrong with it, in one line.
        reason: String,
    },
}

impl StreamEvent {
    /// Its place in the stream. None for [`Connected`](Self::Connected), and for others where it cannot be read.
    #[must_use]
    pub fn id(&self) -> Option<EventId> {
        match self {
            Self::Connected(_) => None,
            Self::Upsert { id, .. } | Self::Delete { id, .. } | Self::Merge { id, .. } => Some(*id),
            Self::Heartbeat { id }
            | Self::Unknown { id, .. }
            | Self::Oversized { id, .. }
            | Self::Garbage { id, .. } => *id,
        }
    }

    /// A short word from a fixed set, fit as the label of a metric.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Connected(_) => "connected",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Upsert { .. } => "upsert",
            Self::Delete { .. } => "delete",
            Self::Merge { .. } => "merge",
            Self::Unknown { .. } => "unknown",
            Self::Oversized { .. } => "oversized",
            Self::Garbage { .. } => "garbage",
        }
    }

    /// Reads a frame. Whatever it holds, it is an event.
    #[must_use]
    pub fn from_frame(frame: Frame) -> Self {
        match frame {
            Frame::Event { id, name, data } => read(id.parse().ok(), &name, &data),
            Frame::Oversized { id, name, size } => {
                Self::Oversized { id: id.parse().ok(), name: text::clean(&name, MAX_TEXT), size }
            }
        }
    }
}

/// What OpenCTI says of its stream when a connection is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Connected {
    /// The oldest event OpenCTI still has. Older ones are lost for whoever has not read them.
    #[serde(deserialize_with = "readable")]
    pub first_event_id: Option<EventId>,
    /// The newest event.
    #[serde(deserialize_with = "readable")]
    pub last_event_id: Option<EventId>,
    /// How many events OpenCTI has, over all collections.
    pub stream_size: Option<u64>,
    /// The connection, as OpenCTI's log names it.
    pub connection_id: Option<String>,
}

/// Why an object comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// It has just been created or changed, or comes to meet the collection's filter.
    Live,
    /// It comes out of the database, since a recovery was asked for.
    Recovery,
    /// The next object refers to it. It need not meet the collection's filter, and has the id of that object.
    Dependency,
}

/// A STIX 2.1 object as OpenCTI sends it.
///
/// Only what every object has is read; [`read`](Self::read) gives the rest in any form.
#[derive(Clone)]
pub struct StixObject {
    id: String,
    stix_type: String,
    internal_id: Option<String>,
    json: Box<RawValue>,
}

impl StixObject {
    /// Its STIX id. That of an indicator changes with its pattern.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its STIX type, such as `indicator`, `ipv4-addr` or `relationship`.
    #[must_use]
    pub fn stix_type(&self) -> &str {
        &self.stix_type
    }

    /// OpenCTI's internal id, the only one that is stable. `None` when OpenCTI's extension is missing.
    #[must_use]
    pub fn internal_id(&self) -> Option<&str> {
        self.internal_id.as_deref()
    }

    /// The whole object as JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        self.json.get()
    }

    /// The whole object in a form of the caller's.
    ///
    /// # Errors
    ///
    /// When it does not have that form.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.json.get())
    }

    fn from_json(json: &RawValue) -> Result<Self, String> {
        // A sequence would be read as a struct, too.
        if !json.get().trim_ascii_start().starts_with('{') {
            return Err("the object is no JSON object".to_owned());
        }
        let head: Head<'_> = serde_json::from_str(json.get())
            .map_err(|error| text::clean(&format!("the object: {error}"), MAX_TEXT))?;
        let extensions: Option<Extensions> =
            head.extensions.and_then(|extensions| serde_json::from_str(extensions.get()).ok());
        Ok(Self {
            id: head.id.into_owned(),
            stix_type: head.stix_type.into_owned(),
            internal_id: extensions.and_then(|extensions| extensions.opencti).and_then(|opencti| opencti.id),
            json: json.to_owned(),
        })
    }
}

impl PartialEq for StixObject {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for StixObject {}

impl fmt::Debug for StixObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StixObject")
            .field("id", &self.id)
            .field("internal_id", &self.internal_id)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    stix_type: Cow<'a, str>,
    #[serde(borrow, default)]
    extensions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Extensions {
    #[serde(rename = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba")]
    opencti: Option<OpenctiExtension>,
}

#[derive(Deserialize)]
struct OpenctiExtension {
    id: Option<String>,
}

/// Parts whose shape matters only to some events stay unread.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    origin: Option<&'a RawValue>,
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Origin<'a> {
    #[serde(borrow, default)]
    referer: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct MergeContext<'a> {
    #[serde(borrow, default)]
    sources: Vec<&'a RawValue>,
}

fn read(id: Option<EventId>, name: &str, data: &str) -> StreamEvent {
    let result = match name {
        "heartbeat" => return StreamEvent::Heartbeat { id },
        "connected" => connected(data),
        "create" | "update" | "delete" | "merge" => match id {
            Some(id) => change(id, name, data),
            None => Err("it has no readable id".to_owned()),
        },
        _ => return StreamEvent::Unknown { id, name: text::clean(name, MAX_TEXT) },
    };
    result.unwrap_or_else(|reason| StreamEvent::Garbage { id, reason: format!("{name}: {reason}") })
}

fn connected(data: &str) -> Result<StreamEvent, String> {
    if !data.trim_ascii_start().starts_with('{') {
        return Err("the data is no JSON object".to_owned());
    }
    serde_json::from_str(data).map(StreamEvent::Connected).map_err(|error| unreadable(&error))
}

fn change(id: EventId, name: &str, data: &str) -> Result<StreamEvent, String> {
    if !data.trim_ascii_start().starts_with('{') {
        return Err("the data is no JSON object".to_owned());
    }
    let envelope: Envelope<'_> = serde_json::from_str(data).map_err(|error| unreadable(&error))?;
    let object = StixObject::from_json(envelope.data.ok_or("it holds no object")?)?;
    Ok(match name {
        "delete" => StreamEvent::Delete { id, object },
        "merge" => {
            let sources = match envelope.context {
                Some(context) => serde_json::from_str::<MergeContext<'_>>(context.get())
                    .map_err(|error| unreadable(&error))?
                    .sources
                    .into_iter()
                    .map(StixObject::from_json)
                    .collect::<Result<_, _>>()?,
                None => return Err("it does not say what was merged".to_owned()),
            };
            StreamEvent::Merge { id, object, sources }
        }
        _ => StreamEvent::Upsert { id, object, delivery: delivery(envelope.origin) },
    })
}

/// An origin of another shape is one that says nothing.
fn delivery(origin: Option<&RawValue>) -> Delivery {
    let origin = origin.and_then(|origin| serde_json::from_str::<Origin<'_>>(origin.get()).ok());
    match origin.and_then(|origin| origin.referer).as_deref() {
        Some("init-dependencies") => Delivery::Dependency,
        Some("init-create") => Delivery::Recovery,
        _ => Delivery::Live,
    }
}

/// An id, if it is one.
fn readable<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<EventId>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

fn unreadable(error: &serde_json::Error) -> String {
    text::clean(&error.to_string(), MAX_TEXT)
}

#[cfg(test)]
mod tests;
