//! Reading single STIX objects into the types in which OpenCTI's API gives them.

use std::collections::HashMap;

use opencti_client::{Hash, Identity, Indicator, KillChainPhase, Marking, Observable, Report, Threat};
use serde_json::{Map, Value};

/// The STIX extension in which OpenCTI keeps its own attributes of an object.
const OPENCTI_EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";
/// The STIX extension in which OpenCTI keeps its own attributes of an observable.
const OPENCTI_SCO_EXTENSION: &str = "extension-definition--f93e2c80-4231-4f9a-af8b-95c9bd566a82";

/// The ids that the STIX standard gives to the levels of TLP; bundles refer to them without defining them.
const TLP_IDS: &[(&str, &str)] = &[
    ("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "TLP:CLEAR"),
    ("marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "TLP:CLEAR"),
    ("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "TLP:GREEN"),
    ("marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "TLP:GREEN"),
    ("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "TLP:AMBER"),
    ("marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "TLP:AMBER"),
    ("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "TLP:AMBER+STRICT"),
    ("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "TLP:RED"),
    ("marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "TLP:RED"),
];

/// The marking that one of the standard's own ids stands for.
pub(crate) fn tlp_marking(id: &str) -> Option<Marking> {
    let (_, definition) = TLP_IDS.iter().find(|(known, _)| *known == id)?;
    Some(Marking {
        definition_type: Some("TLP".to_owned()),
        definition: Some((*definition).to_owned()),
        ..Marking::default()
    })
}

/// Objects that others refer to by id.
#[derive(Default)]
pub(crate) struct Names<'a> {
    pub(crate) markings: HashMap<&'a str, Marking>,
    pub(crate) authors: HashMap<&'a str, Identity>,
    pub(crate) threats: HashMap<&'a str, Threat>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(objects: &'a [Value]) -> Self {
        let mut names = Self::default();
        names.markings.extend(TLP_IDS.iter().filter_map(|(id, _)| Some((*id, tlp_marking(id)?))));
        for object in objects.iter().filter_map(Object::of) {
            if let Some(marking) = object.marking() {
                names.markings.insert(object.id, marking);
            } else if let Some(author) = object.identity() {
                names.authors.insert(object.id, author);
            } else if let Some(threat) = object.threat() {
                names.threats.insert(object.id, threat);
            }
        }
        names
    }
}

/// One STIX object.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    pub(crate) kind: &'a str,
    pub(crate) id: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        let map = value.as_object()?;
        Some(Self { kind: map.get("type")?.as_str()?, id: map.get("id")?.as_str()?, map })
    }

    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.map.get(key)?.as_str()
    }

    fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    fn list(&self, key: &str) -> Vec<String> {
        let items = self.map.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// An attribute that OpenCTI adds: in its extension, or as `x_opencti_…` on the object itself.
    fn added(&self, name: &str) -> Option<&'a Value> {
        let extensions = self.map.get("extensions").and_then(Value::as_object);
        let in_extension = |id: &str| extensions?.get(id)?.get(name);
        in_extension(OPENCTI_EXTENSION)
            .or_else(|| in_extension(OPENCTI_SCO_EXTENSION))
            .or_else(|| self.map.get(&format!("x_opencti_{name}")))
    }

    pub(crate) fn internal_id(&self) -> String {
        self.added("id").and_then(Value::as_str).unwrap_or(self.id).to_owned()
    }

    fn mitre_id(&self) -> Option<String> {
        let references = self.map.get("external_references").and_then(Value::as_array).into_iter().flatten();
        let mut mitre =
            references.filter(|r| r.get("source_name").and_then(Value::as_str) == Some("mitre-attack"));
        let id = mitre.find_map(|r| r.get("external_id")?.as_str()).or_else(|| self.text("x_mitre_id"));
        id.map(str::to_owned)
    }

    /// The marking that the object defines.
    pub(crate) fn marking(&self) -> Option<Marking> {
        if self.kind != "marking-definition" {
            return None;
        }
        let definition = self.text("name").or_else(|| self.text("x_opencti_definition"))?;
        Some(Marking {
            definition_type: self.owned("definition_type"),
            definition: Some(definition.to_owned()),
            ..Marking::default()
        })
    }

    /// The author that the object is.
    pub(crate) fn identity(&self) -> Option<Identity> {
        (self.kind == "identity").then(|| Identity {
            id: self.internal_id(),
            standard_id: Some(self.id.to_owned()),
            identity_class: self.owned("identity_class"),
            name: self.owned("name"),
        })
    }

    /// The threat that the object is.
    pub(crate) fn threat(&self) -> Option<Threat> {
        Some(Threat {
            entity_type: threat_type(self.kind)?.to_owned(),
            id: self.internal_id(),
            name: self.owned("name"),
            aliases: self.list("aliases"),
            mitre_id: self.mitre_id(),
        })
    }

    /// The ids of the markings it bears.
    pub(crate) fn marking_refs(&self) -> Vec<String> {
        self.list("object_marking_refs")
    }

    /// The id of its author.
    pub(crate) fn author_ref(&self) -> Option<&'a str> {
        self.text("created_by_ref").or_else(|| self.added("created_by_ref")?.as_str())
    }

    /// The ends of a relationship: internal ids where OpenCTI gives them, since those are stable.
    pub(crate) fn ends(&self) -> Option<(&'a str, &'a str)> {
        let end = |key| self.added(key).and_then(Value::as_str).or_else(|| self.text(key));
        Some((end("source_ref")?, end("target_ref")?))
    }

    fn markings(&self, names: &Names<'_>) -> Vec<Marking> {
        let ids = self.marking_refs();
        ids.iter().filter_map(|id| names.markings.get(id.as_str()).cloned()).collect()
    }

    fn labels(&self) -> Vec<String> {
        let mut labels = self.list("labels");
        let added = self.added("labels").and_then(Value::as_array).into_iter().flatten();
        labels.extend(added.filter_map(Value::as_str).map(str::to_owned));
        labels
    }

    fn author(&self, names: &Names<'_>) -> Option<Identity> {
        names.authors.get(self.author_ref()?).cloned()
    }

    pub(crate) fn indicator(&self, names: &Names<'_>) -> Indicator {
        let phases = self.map.get("kill_chain_phases").and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Indicator {
            id: self.internal_id(),
            standard_id: Some(self.id.to_owned()),
            entity_type: Some("Indicator".to_owned()),
            name: self.owned("name"),
            description: self.owned("description"),
            pattern: self.owned("pattern"),
            pattern_type: self.owned("pattern_type"),
            valid_from: self.owned("valid_from"),
            valid_until: self.owned("valid_until"),
            revoked: self.map.get("revoked").and_then(Value::as_bool),
            confidence: self.map.get("confidence").and_then(Value::as_i64),
            x_opencti_score: self.added("score").and_then(Value::as_i64),
            x_opencti_detection: self.added("detection").and_then(Value::as_bool),
            x_opencti_main_observable_type: self
                .added("main_observable_type")
                .and_then(Value::as_str)
                .map(str::to_owned),
            x_mitre_platforms: self.list("x_mitre_platforms"),
            indicator_types: self.list("indicator_types"),
            created_at: self.owned("created"),
            updated_at: self.owned("modified"),
            created_by: self.author(names),
            markings: self.markings(names),
            labels: self.labels(),
            kill_chain_phases: phases
                .map(|p| KillChainPhase {
                    kill_chain_name: text(p, "kill_chain_name"),
                    phase_name: text(p, "phase_name"),
                })
                .collect(),
            // A bundle has the score, but not the rule by which it sinks.
            ..Indicator::default()
        }
    }

    pub(crate) fn observable(&self, names: &Names<'_>) -> Observable {
        let hashes: Vec<Hash> = match self.map.get("hashes").and_then(Value::as_object) {
            Some(map) => map
                .iter()
                .filter_map(|(algorithm, hash)| {
                    Some(Hash { algorithm: algorithm.clone(), hash: hash.as_str()?.to_owned() })
                })
                .collect(),
            None => Vec::new(),
        };
        let keys =
            ["value", "name", "key", "path", "command_line", "account_login", "subject", "serial_number"];
        let best_hash = ["SHA-256", "SHA-512", "SHA-1", "MD5"]
            .iter()
            .find_map(|a| hashes.iter().find(|h| h.algorithm == *a))
            .map(|h| h.hash.clone());
        let value = best_hash.or_else(|| keys.iter().find_map(|key| self.owned(key)));
        Observable {
            id: self.internal_id(),
            standard_id: Some(self.id.to_owned()),
            entity_type: entity_type(self.kind).map(str::to_owned),
            value,
            name: self.owned("name"),
            hashes,
            x_opencti_score: self.added("score").and_then(Value::as_i64),
            description: self.added("description").and_then(Value::as_str).map(str::to_owned),
            created_at: self.added("created_at").and_then(Value::as_str).map(str::to_owned),
            updated_at: self.added("updated_at").and_then(Value::as_str).map(str::to_owned),
            created_by: self.author(names),
            markings: self.markings(names),
            labels: self.labels(),
            ..Observable::default()
        }
    }

    /// `internal_id` gives the internal id for a STIX id, where the bundle has that object.
    pub(crate) fn report(&self, internal_id: impl Fn(&str) -> Option<String>) -> Report {
        Report {
            id: self.internal_id(),
            standard_id: Some(self.id.to_owned()),
            name: self.owned("name"),
            published: self.owned("published"),
            object_ids: self
                .list("object_refs")
                .into_iter()
                .map(|id| internal_id(&id).unwrap_or(id))
                .collect(),
            ..Report::default()
        }
    }
}

/// Types of observables: STIX's name, and OpenCTI's. Where STIX has two, the first is the one that OpenCTI writes.
const OBSERVABLE_TYPES: &[(&str, &str)] = &[
    ("ipv4-addr", "IPv4-Addr"),
    ("ipv6-addr", "IPv6-Addr"),
    ("domain-name", "Domain-Name"),
    ("hostname", "Hostname"),
    ("x-opencti-hostname", "Hostname"),
    ("url", "Url"),
    ("email-addr", "Email-Addr"),
    ("file", "StixFile"),
    ("artifact", "Artifact"),
    ("windows-registry-key", "Windows-Registry-Key"),
    ("mac-addr", "Mac-Addr"),
    ("mutex", "Mutex"),
    ("user-account", "User-Account"),
    ("user-agent", "User-Agent"),
    ("x-opencti-user-agent", "User-Agent"),
    ("x509-certificate", "X509-Certificate"),
    ("autonomous-system", "Autonomous-System"),
    ("process", "Process"),
    ("software", "Software"),
    ("directory", "Directory"),
    ("cryptocurrency-wallet", "Cryptocurrency-Wallet"),
    ("x-opencti-cryptocurrency-wallet", "Cryptocurrency-Wallet"),
];

/// OpenCTI's name for a type of observable.
pub(crate) fn entity_type(stix: &str) -> Option<&'static str> {
    OBSERVABLE_TYPES.iter().find(|(name, _)| *name == stix).map(|(_, entity_type)| *entity_type)
}

/// STIX's name for a type of observable.
pub(crate) fn stix_type(entity_type: &str) -> Option<&'static str> {
    OBSERVABLE_TYPES.iter().find(|(_, name)| *name == entity_type).map(|(stix, _)| *stix)
}

/// OpenCTI's name for a type that indicators indicate.
fn threat_type(stix: &str) -> Option<&'static str> {
    Some(match stix {
        "malware" => "Malware",
        "intrusion-set" => "Intrusion-Set",
        "threat-actor" => "Threat-Actor-Group",
        "campaign" => "Campaign",
        "attack-pattern" => "Attack-Pattern",
        "tool" => "Tool",
        "infrastructure" => "Infrastructure",
        "incident" => "Incident",
        "vulnerability" => "Vulnerability",
        _ => return None,
    })
}
