//! All there is, page by page: how a copy is made and kept without the live stream.

mod pages;
mod request;

use serde::{Deserialize, Serialize};

use crate::answer::Problem;
use crate::model::Threat;

pub use pages::Pages;

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The objects, by the time of their last change. May be empty though others follow.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this one is the last. Opaque.
    pub next: Option<String>,
    /// Parts of the objects that are missing, and why. No object as a whole is.
    pub problems: Vec<Problem>,
    /// How many entries OpenCTI sent, usable or not.
    pub(crate) received: usize,
    /// Entries without an object.
    pub(crate) gaps: usize,
}

/// An object that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectId {
    /// OpenCTI's internal id.
    pub id: String,
    /// When it last changed on the platform, RFC 3339.
    pub updated_at: Option<String>,
}

/// A relation between two objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Relation {
    /// OpenCTI's internal id of the relation itself.
    pub id: String,
    /// Its type: `based-on`, `indicates`, `resolves-to`, …
    pub relationship_type: String,
    /// How sure the source is of it, 0 to 100.
    pub confidence: Option<i64>,
    /// When it last changed on the platform, RFC 3339. A change of one of its ends is none of its own.
    pub updated_at: Option<String>,
    /// Internal id of the object it goes out from.
    pub from_id: String,
    /// Type of that object with OpenCTI's spelling.
    pub from_type: Option<String>,
    /// Internal id of the object it leads to.
    pub to_id: String,
    /// Type of that object with OpenCTI's spelling.
    pub to_type: Option<String>,
    /// The object it leads to, if that is a threat, as for `indicates`. `None` for others and for one that the user
    /// may not see.
    pub target: Option<Threat>,
}

/// An indicator that a report contains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportObject {
    /// Internal id of the report.
    pub report_id: String,
    /// Internal id of the indicator.
    pub indicator_id: String,
}

/// A live stream that the platform offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamCollection {
    /// Its id, see [`CollectionId`](crate::CollectionId).
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// What it lets through, as a filter group of OpenCTI in JSON. `None` or empty for everything.
    pub filters: Option<String>,
    /// Whether it is started.
    pub is_live: Option<bool>,
    /// Whether everybody may read it.
    pub is_public: Option<bool>,
}
