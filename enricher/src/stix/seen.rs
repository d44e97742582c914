//! What one alert saw, in the form that patterns are evaluated on.

use std::borrow::Cow;

use super::evaluation::How;
use super::like::like_fold;
use super::normal::{Key, Kind, Step, canonical_type, kind_of};
use super::program::Text;
use super::regexes::nfc;

/// How far references are followed: `process:image_ref.parent_directory_ref.path` takes two.
const MAX_REFERENCES: usize = 3;
/// Names on the way from an object to its property; one that lies deeper is not seen.
const MAX_NAMES: usize = 6;
/// Properties kept of one alert, those reached through references included. What lies beyond is not seen.
const MAX_PROPERTIES: usize = 4096;

/// What one alert saw: one observation, with objects and their properties.
///
/// Built with a [`SeenBuilder`]; see there for an example.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The canonical type of each object.
    pub(super) objects: Vec<SeenObject>,
    pub(super) values: Vec<Value>,
    /// In the order of their keys.
    pub(super) properties: Vec<Property>,
}

#[derive(Debug, Clone)]
pub(super) struct SeenObject {
    pub(super) object_type: Box<str>,
    pub(super) type_key: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) data: Data,
    /// `None` for what the object is rather than what the alert told: its type.
    pub(super) ioc: Option<u32>,
    /// Set when the value is wider than what the alert saw.
    pub(super) wider: Option<How>,
}

#[derive(Debug, Clone)]
pub(super) enum Data {
    Text { raw: Box<str>, text: Text, kind: Kind, forms: Option<Box<Forms>> },
    Integer(i64),
    Boolean(bool),
}

/// What else a text is compared in; each only where it is another than the text or its normal form.
#[derive(Debug, Clone, Default)]
pub(super) struct Forms {
    /// Composed, for `MATCHES`.
    composed: Option<Box<str>>,
    /// As written but for case, for `LIKE`.
    folded: Option<Box<str>>,
}

impl Data {
    fn text(raw: Box<str>, kind: Kind) -> Self {
        let text = Text::new(kind, &raw);
        let composed = match nfc(&raw) {
            Cow::Owned(composed) => Some(composed.into()),
            Cow::Borrowed(_) => None,
        };
        let folded = like_fold(&raw);
        let folded = (*folded != *text.or(&raw)).then(|| folded.into());
        let any = composed.is_some() || folded.is_some();
        Self::Text { forms: any.then(|| Box::new(Forms { composed, folded })), raw, text, kind }
    }

    /// The texts to hold a regular expression against: as written, and in normal form where that is another.
    pub(super) fn composed(&self) -> Option<(&str, Option<&str>)> {
        let Self::Text { raw, text, forms, .. } = self else { return None };
        let written = forms.as_ref().and_then(|forms| forms.composed.as_deref()).unwrap_or(raw);
        Some((written, text.plain().filter(|normal| *normal != written)))
    }

    /// The texts to hold `LIKE` against, folded: as written, and in normal form where that is another.
    pub(super) fn folded(&self) -> Option<(&str, Option<&str>)> {
        let Self::Text { raw, text, forms, .. } = self else { return None };
        Some(match forms.as_ref().and_then(|forms| forms.folded.as_deref()) {
            Some(folded) => (folded, text.plain()),
            None => (text.or(raw), None),
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    pub(super) key: u64,
    pub(super) object: u32,
    pub(super) value: u32,
    /// The property holds this one inside, and has itself no value to compare.
    pub(super) container: bool,
}

impl Seen {
    /// The properties that a key names.
    pub(super) fn with_key(&self, key: u64) -> &[Property] {
        let from = self.properties.partition_point(|property| property.key < key);
        let len = self.properties[from..].iter().take_while(|property| property.key == key).count();
        &self.properties[from..from + len]
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// An object of a [`SeenBuilder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectId(u32);

/// A property's value. Made from text, whole numbers and booleans.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SeenValue<'a> {
    /// Text as the alert has it; upper case and odd spellings are for the evaluation to look past.
    Text(Cow<'a, str>),
    /// A whole number, such as a port or a size.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
}

impl<'a> From<&'a str> for SeenValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for SeenValue<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for SeenValue<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u16> for SeenValue<'_> {
    fn from(number: u16) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for SeenValue<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

/// Collects what an alert saw.
///
/// ```
/// use enricher::stix::{How, Pattern, SeenBuilder};
///
/// let mut seen = SeenBuilder::new();
/// let file = seen.object("file");
/// seen.set(file, "name", "Invoice.EXE", 0);
/// seen.set(file, "hashes.MD5", "0cc175b9c0f1b6a831c399e269772661", 1);
/// let address = seen.object("ipv4-addr");
/// seen.set(address, "value", "203.0.113.7", 2);
/// let traffic = seen.object("network-traffic");
/// seen.refer(traffic, "dst_ref", address);
/// let seen = seen.build();
///
/// let pattern = Pattern::parse("[network-traffic:dst_ref.value = '203.0.113.0/24']")?;
/// let evaluation = pattern.evaluate(&seen, None);
/// assert!(evaluation.whole);
/// assert_eq!((evaluation.hits[0].ioc, evaluation.hits[0].how), (2, How::Cidr));
/// # Ok::<_, enricher::stix::PatternError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SeenBuilder {
    objects: Vec<SeenObject>,
    values: Vec<Value>,
    own: Vec<Own>,
    references: Vec<Reference>,
}

#[derive(Debug, Clone)]
struct Own {
    object: u32,
    path: Path,
    value: u32,
}

/// The way from an object to its property, by the hashes of the names.
#[derive(Debug, Clone, Copy)]
struct Path {
    steps: [Step; MAX_NAMES],
    len: usize,
    /// The step that names a hash, when one does.
    hash: Option<usize>,
}

impl Path {
    fn new(names: &[&str]) -> Self {
        let mut path = Self { steps: [Step::ANY_HASH; MAX_NAMES], len: names.len(), hash: None };
        let mut after_hashes = false;
        for (i, (step, name)) in path.steps.iter_mut().zip(names).enumerate() {
            *step = if after_hashes { Step::hash(name) } else { Step::name(name) };
            path.hash = if after_hashes { Some(i) } else { path.hash };
            after_hashes = *name == "hashes";
        }
        path
    }

    fn steps(&self) -> &[Step] {
        &self.steps[..self.len]
    }
}

#[derive(Debug, Clone)]
struct Reference {
    from: u32,
    name: Step,
    to: u32,
}

impl SeenBuilder {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an object of a STIX type. Comparisons in one bracket that name one type must hold of one object, so what
    /// belongs together (name and hashes of one file) goes into one object, and what does not into several.
    pub fn object(&mut self, object_type: &str) -> ObjectId {
        let id = u32::try_from(self.objects.len()).unwrap_or(u32::MAX);
        let type_key = Key::of_type(canonical_type(object_type)).value();
        self.objects.push(SeenObject { object_type: object_type.into(), type_key });
        ObjectId(id)
    }

    /// Gives an object a property. `path` is written as in a pattern (`hashes.'SHA-256'`; indices are of no account), and
    /// the quotes may be left out. `ioc` is the caller's number for the value and comes back in
    /// [`Hit::ioc`](super::Hit::ioc). A property set twice has both values.
    pub fn set<'v>(&mut self, object: ObjectId, path: &str, value: impl Into<SeenValue<'v>>, ioc: u32) {
        self.add(object, path, value.into(), Some(ioc), None);
    }

    /// As [`Self::set`], for a value wider than what was seen: the parent of a domain, the beginning of a URL. It can
    /// make a pattern partly true, with this `how`, and never wholly.
    pub fn set_wider(&mut self, object: ObjectId, path: &str, value: &str, ioc: u32, how: How) {
        self.add(object, path, value.into(), Some(ioc), Some(how));
    }

    /// Makes one object refer to another: `refer(traffic, "dst_ref", address)`. The other's properties are then found by
    /// way of the first (`network-traffic:dst_ref.value`), its type too (`dst_ref.type`).
    pub fn refer(&mut self, from: ObjectId, name: &str, to: ObjectId) {
        self.references.push(Reference { from: from.0, name: Step::name(name), to: to.0 });
    }

    fn add(
        &mut self,
        object: ObjectId,
        path: &str,
        value: SeenValue<'_>,
        ioc: Option<u32>,
        wider: Option<How>,
    ) {
        let Some(known) = self.objects.get(object.0 as usize) else {
            return;
        };
        let mut all_names = names(path);
        let mut buffer = [""; MAX_NAMES];
        let mut len = 0;
        for (place, name) in buffer.iter_mut().zip(&mut all_names) {
            *place = name;
            len += 1;
        }
        let names = &buffer[..len];
        if names.is_empty() || all_names.next().is_some() || self.own.len() >= MAX_PROPERTIES {
            return;
        }
        let data = match value {
            SeenValue::Text(text) => {
                let kind = kind_of(canonical_type(&known.object_type), names.iter(), &text);
                Data::text(text.into(), kind)
            }
            SeenValue::Integer(number) => Data::Integer(number),
            SeenValue::Boolean(value) => Data::Boolean(value),
        };
        let at = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(Value { data, ioc, wider });
        self.own.push(Own { object: object.0, path: Path::new(names), value: at });
    }

    /// Follows the references and makes everything ready for evaluation.
    #[must_use]
    pub fn build(mut self) -> Seen {
        let mut properties = Vec::with_capacity(self.own.len() * 2);
        for own in &self.own {
            let key = Key::of_type(canonical_type(&self.objects[own.object as usize].object_type));
            push_properties(&mut properties, key, own.object, own);
        }
        let referred: Vec<u32> = self.references.iter().map(|reference| reference.to).collect();
        let types = self.add_types(&referred);
        for root in 0..self.objects.len() {
            let key = Key::of_type(canonical_type(&self.objects[root].object_type));
            let root = u32::try_from(root).unwrap_or(u32::MAX);
            self.follow(&mut properties, &types, root, key, root, MAX_REFERENCES);
        }
        properties.truncate(MAX_PROPERTIES);
        properties.sort_unstable_by_key(|property| (property.key, property.value, property.object));
        Seen { objects: self.objects, values: self.values, properties }
    }

    /// Adds the type of each referred object as a value.
    fn add_types(&mut self, referred: &[u32]) -> Vec<Own> {
        let mut types: Vec<Own> = Vec::new();
        for object in referred {
            if types.iter().any(|known| known.object == *object) || types.len() >= MAX_PROPERTIES {
                continue;
            }
            let Some(known) = self.objects.get(*object as usize) else { continue };
            let raw = known.object_type.clone();
            let data = Data::text(raw, Kind::CaseText);
            let value = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
            self.values.push(Value { data, ioc: None, wider: None });
            types.push(Own { object: *object, path: Path::new(&["type"]), value });
        }
        types
    }

    /// Adds, under `root`, what the references of `object` lead to.
    fn follow(
        &self,
        properties: &mut Vec<Property>,
        types: &[Own],
        root: u32,
        key: Key,
        object: u32,
        depth: usize,
    ) {
        for reference in self.references.iter().filter(|reference| reference.from == object) {
            if depth == 0 || properties.len() >= MAX_PROPERTIES {
                return;
            }
            let key = key.step(reference.name);
            for own in self.own.iter().chain(types).filter(|own| own.object == reference.to) {
                push_properties(properties, key, root, own);
            }
            self.follow(properties, types, root, key, reference.to, depth - 1);
        }
    }
}

/// Adds a property of an object under the key that leads to the object: by its own name, by `hashes[*]` for a hash, and
/// by what contains it.
fn push_properties(properties: &mut Vec<Property>, mut key: Key, object: u32, own: &Own) {
    for (i, step) in own.path.steps().iter().enumerate() {
        if own.path.hash == Some(i) {
            let key = key.step(Step::ANY_HASH).value();
            properties.push(Property { key, object, value: own.value, container: false });
        }
        key = key.step(*step);
        let container = i + 1 < own.path.len;
        properties.push(Property { key: key.value(), object, value: own.value, container });
    }
}

/// The names of a path: without quotes, escapes and indices.
pub(super) fn names(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = path;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(['.', ' ']);
            if let Some(index) = rest.strip_prefix('[') {
                rest = index.split_once(']').map_or("", |(_, after)| after);
                continue;
            }
            if let Some(quoted) = rest.strip_prefix('\'') {
                let (name, after) = quoted.split_once('\'').unwrap_or((quoted, ""));
                rest = after;
                return Some(name);
            }
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            rest = after;
            return (!name.is_empty()).then_some(name);
        }
    })
}
