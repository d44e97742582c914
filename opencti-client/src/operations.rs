//! The GraphQL operations, and their answers as the models.
//!
//! `graphql_client` writes the types of variables and answers from the documents in `graphql/`. Each document holds one
//! operation, since the whole file is sent and OpenCTI counts uses of a root field over the whole document.

use graphql_client::GraphQLQuery;

use crate::model;

/// RFC 3339 text.
type DateTime = String;

// The derive takes only literals here, so the attributes cannot come from one macro.

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/ioc_lookup.graphql",
    variable_types("crate::filter::FilterGroup", "crate::filter::FilterGroup"),
    fragments_other_variant = "true"
)]
pub(crate) struct IocLookup;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/observable_context.graphql",
    fragments_other_variant = "true"
)]
pub(crate) struct ObservableContext;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/based_on.graphql",
    fragments_other_variant = "true"
)]
pub(crate) struct BasedOn;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/threat_context.graphql",
    variable_types("crate::filter::FilterGroup"),
    fragments_other_variant = "true"
)]
pub(crate) struct ThreatContext;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/self_check.graphql",
    fragments_other_variant = "true"
)]
pub(crate) struct SelfCheck;

/// What the data of an answer holds.
pub(crate) struct Outcome<T> {
    pub(crate) value: T,
    /// Root fields that were asked for but have no data.
    pub(crate) missing: Vec<&'static str>,
    /// Whether any root field has data.
    pub(crate) any: bool,
}

impl<T> Outcome<T> {
    /// `fields`: each root field that was asked for, and whether it has data.
    fn new(value: T, fields: &[(&'static str, bool)]) -> Self {
        Self {
            value,
            missing: fields.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect(),
            any: fields.iter().any(|(_, there)| *there),
        }
    }
}

/// A list without its gaps.
fn list<T>(list: Option<Vec<Option<T>>>) -> impl Iterator<Item = T> {
    list.into_iter().flatten().flatten()
}

/// The nodes of a connection, without gaps.
macro_rules! nodes {
    ($connection:expr) => {
        list($connection.and_then(|connection| connection.edges)).filter_map(|edge| edge.node)
    };
}

/// Whether a connection had more than it sent. A page that is exactly full claims a next one, so the count decides.
macro_rules! is_cut {
    ($connection:expr) => {
        $connection.as_ref().is_some_and(|connection| {
            let sent = connection.edges.as_ref().map_or(0, Vec::len);
            connection.page_info.as_ref().is_some_and(|page| {
                page.has_next_page == Some(true)
                    && page
                        .global_count
                        .is_none_or(|count| usize::try_from(count).is_ok_and(|count| count > sent))
            })
        })
    };
}

/// `graphql_client` writes a type of its own for every document, even for the same fragment.
macro_rules! convert_common {
    ($($module:ident),*) => {$(
        impl From<$module::AuthorFields> for model::Identity {
            fn from(author: $module::AuthorFields) -> Self {
                Self {
                    id: author.id.unwrap_or_default(),
                    standard_id: author.standard_id,
                    identity_class: author.identity_class,
                    name: author.name,
                }
            }
        }

        convert_marking!($module);
    )*};
}

macro_rules! convert_marking {
    ($module:ident) => {
        impl From<$module::MarkingFields> for model::Marking {
            fn from(marking: $module::MarkingFields) -> Self {
                Self {
                    definition_type: marking.definition_type,
                    definition: marking.definition,
                    order: marking.x_opencti_order,
                }
            }
        }
    };
}

macro_rules! convert_indicator {
    ($($module:ident),*) => {$(
        impl From<$module::IndicatorFields> for model::Indicator {
            fn from(indicator: $module::IndicatorFields) -> Self {
                Self {
                    id: indicator.id,
                    standard_id: indicator.standard_id,
                    entity_type: indicator.entity_type,
                    name: indicator.name,
                    description: indicator.description,
                    pattern: indicator.pattern,
                    pattern_type: indicator.pattern_type,
                    valid_from: indicator.valid_from,
                    valid_until: indicator.valid_until,
                    revoked: indicator.revoked,
                    confidence: indicator.confidence,
                    x_opencti_score: indicator.x_opencti_score,
                    decay_base_score: indicator.decay_base_score,
                    decay_base_score_date: indicator.decay_base_score_date,
                    decay_applied_rule: indicator.decay_applied_rule.map(|rule| model::DecayRule {
                        lifetime: rule.decay_lifetime,
                        pound: rule.decay_pound,
                    }),
                    x_opencti_detection: indicator.x_opencti_detection,
                    x_opencti_main_observable_type: indicator.x_opencti_main_observable_type,
                    x_mitre_platforms: list(indicator.x_mitre_platforms).collect(),
                    indicator_types: list(indicator.indicator_types).collect(),
                    created_at: indicator.created_at,
                    updated_at: indicator.updated_at,
                    created_by: indicator.created_by.map(Into::into),
                    markings: list(indicator.object_marking).map(Into::into).collect(),
                    labels: list(indicator.object_label).filter_map(|label| label.value).collect(),
                    kill_chain_phases: list(indicator.kill_chain_phases)
                        .map(|phase| model::KillChainPhase {
                            kill_chain_name: phase.kill_chain_name,
                            phase_name: phase.phase_name,
                        })
                        .collect(),
                }
            }
        }
    )*};
}

convert_common!(ioc_lookup, observable_context, based_on, threat_context);
convert_marking!(self_check);
convert_indicator!(ioc_lookup, observable_context, based_on);

macro_rules! hashes {
    ($hashes:expr) => {
        list($hashes)
            .filter_map(|hash| Some(model::Hash { algorithm: hash.algorithm?, hash: hash.hash? }))
            .collect()
    };
}

macro_rules! convert_observable {
    ($($module:ident),*) => {$(
        impl From<$module::ObservableFields> for model::Observable {
            fn from(observable: $module::ObservableFields) -> Self {
                use $module::ObservableFieldsOn as On;
                let (name, additional_names, hashes) = match observable.on {
                    On::StixFile(file) => {
                        (file.name, list(file.x_opencti_additional_names).collect(), hashes!(file.hashes))
                    }
                    On::Artifact(artifact) => {
                        (None, list(artifact.x_opencti_additional_names).collect(), hashes!(artifact.hashes))
                    }
                    On::X509Certificate(certificate) => (None, Vec::new(), hashes!(certificate.hashes)),
                    _ => (None, Vec::new(), Vec::new()),
                };
                Self {
                    id: observable.id,
                    standard_id: observable.standard_id,
                    entity_type: observable.entity_type,
                    value: observable.observable_value,
                    name,
                    additional_names,
                    hashes,
                    x_opencti_score: observable.x_opencti_score,
                    description: observable.x_opencti_description,
                    created_at: observable.created_at,
                    updated_at: observable.updated_at,
                    created_by: observable.created_by.map(Into::into),
                    markings: list(observable.object_marking).map(Into::into).collect(),
                    labels: list(observable.object_label).filter_map(|label| label.value).collect(),
                }
            }
        }
    )*};
}

convert_observable!(ioc_lookup);

/// `observables`, `indicators`: whether that side was asked for.
pub(crate) fn lookup(
    data: ioc_lookup::ResponseData,
    observables: bool,
    indicators: bool,
) -> Outcome<model::Lookup> {
    let mut fields = Vec::with_capacity(2);
    if observables {
        fields.push(("stixCyberObservables", data.stix_cyber_observables.is_some()));
    }
    if indicators {
        fields.push(("indicators", data.indicators.is_some()));
    }
    let truncated = is_cut!(data.stix_cyber_observables) || is_cut!(data.indicators);
    let value = model::Lookup {
        observables: nodes!(data.stix_cyber_observables).map(Into::into).collect(),
        indicators: nodes!(data.indicators).map(Into::into).collect(),
        truncated,
    };
    Outcome::new(value, &fields)
}

/// An indicator that the user may not see, or that is gone, comes as null and is left out.
macro_rules! based_on_nodes {
    ($connection:expr, $from:path) => {
        nodes!($connection)
            .filter_map(|relation| match relation.from {
                Some($from(indicator)) => {
                    Some(model::BasedOn { indicator: indicator.into(), observable_id: relation.to_id })
                }
                _ => None,
            })
            .collect()
    };
}

pub(crate) fn based_on(data: based_on::ResponseData) -> Outcome<model::ObservableContext> {
    use based_on::BasedOnStixCoreRelationshipsEdgesNodeFrom as From;
    let fields = [("stixCoreRelationships", data.stix_core_relationships.is_some())];
    let truncated = is_cut!(data.stix_core_relationships);
    let based_on = based_on_nodes!(data.stix_core_relationships, From::Indicator);
    Outcome::new(model::ObservableContext { based_on, truncated, ..Default::default() }, &fields)
}

/// One end of a relation as an observable; `None` for anything else, or for what the user may not see.
macro_rules! end {
    ($end:expr, $type:ident: $($variant:ident)*) => {
        match $end {
            $(Some(observable_context::$type::$variant(end)) => Some(model::Observable {
                id: end.id,
                entity_type: end.entity_type,
                value: end.observable_value,
                ..Default::default()
            }),)*
            _ => None,
        }
    };
}

/// As [`end`], for every type that the document selects.
macro_rules! observable_end {
    ($end:expr, $type:ident) => {
        end!($end, $type: AutonomousSystem Directory DomainName EmailAddr Artifact StixFile X509Certificate IPv4Addr
            IPv6Addr MacAddr Mutex Process Software Url UserAccount WindowsRegistryKey WindowsRegistryValueType
            CryptocurrencyWallet Hostname Text UserAgent NetworkTraffic)
    };
}

/// `is_asked`: whether an id is one of those asked for.
pub(crate) fn observable_context(
    data: observable_context::ResponseData,
    is_asked: impl Fn(&str) -> bool,
) -> Outcome<model::ObservableContext> {
    use observable_context::ObservableContextBasedOnEdgesNodeFrom as From;
    let fields = [("basedOn", data.based_on.is_some()), ("related", data.related.is_some())];
    let truncated = is_cut!(data.based_on) || is_cut!(data.related);
    let based_on = based_on_nodes!(data.based_on, From::Indicator);
    let related = nodes!(data.related)
        .filter_map(|relation| {
            let other = if is_asked(&relation.from_id) {
                observable_end!(relation.to, ObservableContextRelatedEdgesNodeTo)
            } else {
                observable_end!(relation.from, ObservableContextRelatedEdgesNodeFrom)
            };
            Some(model::Related {
                from_id: relation.from_id,
                to_id: relation.to_id,
                relationship_type: relation.relationship_type.unwrap_or_default(),
                other: other?,
            })
        })
        .collect();
    Outcome::new(model::ObservableContext { based_on, related, truncated }, &fields)
}

/// `only`: the one indicator asked for, when it is one; then every report contains it.
pub(crate) fn threat_context(
    data: threat_context::ResponseData,
    only: Option<&str>,
) -> Outcome<model::ThreatContext> {
    use threat_context::ThreatContextReportsEdgesNodeObjectsEdgesNode as Object;
    let fields = [
        ("stixCoreRelationships", data.stix_core_relationships.is_some()),
        ("reports", data.reports.is_some()),
    ];
    let truncated = is_cut!(data.stix_core_relationships);
    let indicates = nodes!(data.stix_core_relationships)
        .filter_map(|relation| {
            Some(model::Indicates {
                indicator_id: relation.from_id,
                confidence: relation.confidence,
                target: threat(relation.to?)?,
            })
        })
        .collect();
    let reports = nodes!(data.reports)
        .map(|report| model::Report {
            object_ids: only
                .map(str::to_owned)
                .into_iter()
                .chain(nodes!(report.objects).filter_map(|object| match object {
                    Object::Indicator(indicator) => Some(indicator.id),
                    _ => None,
                }))
                .collect(),
            id: report.id,
            standard_id: report.standard_id,
            name: report.name,
            description: report.description,
            published: report.published,
            report_types: list(report.report_types).collect(),
            confidence: report.confidence,
            created_by: report.created_by.map(Into::into),
            markings: list(report.object_marking).map(Into::into).collect(),
            labels: list(report.object_label).filter_map(|label| label.value).collect(),
            external_references: nodes!(report.external_references)
                .map(|reference| model::ExternalReference {
                    source_name: reference.source_name,
                    url: reference.url,
                    external_id: reference.external_id,
                })
                .collect(),
        })
        .collect();
    Outcome::new(model::ThreatContext { indicates, reports, truncated }, &fields)
}

macro_rules! threat {
    ($target:expr, $kind:literal) => {
        model::Threat {
            entity_type: $target.entity_type.unwrap_or_else(|| $kind.to_owned()),
            id: $target.id,
            name: $target.name,
            aliases: list($target.aliases).collect(),
            mitre_id: None,
        }
    };
}

/// The end of a relation as a threat; `None` for anything else.
macro_rules! convert_threat {
    ($name:ident, $module:ident::$type:ident) => {
        fn $name(target: $module::$type) -> Option<model::Threat> {
            use $module::$type as To;
            Some(match target {
                To::Malware(target) => threat!(target, "Malware"),
                To::IntrusionSet(target) => threat!(target, "Intrusion-Set"),
                To::ThreatActorGroup(target) => threat!(target, "Threat-Actor-Group"),
                To::ThreatActorIndividual(target) => threat!(target, "Threat-Actor-Individual"),
                To::Campaign(target) => threat!(target, "Campaign"),
                To::AttackPattern(target) => {
                    model::Threat { mitre_id: target.x_mitre_id.clone(), ..threat!(target, "Attack-Pattern") }
                }
                To::Tool(target) => threat!(target, "Tool"),
                To::Infrastructure(target) => threat!(target, "Infrastructure"),
                To::Incident(target) => threat!(target, "Incident"),
                To::Vulnerability(target) => model::Threat {
                    entity_type: target.entity_type.unwrap_or_else(|| "Vulnerability".to_owned()),
                    id: target.id,
                    name: target.name,
                    ..Default::default()
                },
                _ => return None,
            })
        }
    };
}

convert_threat!(threat, threat_context::ThreatContextStixCoreRelationshipsEdgesNodeTo);

pub(crate) fn self_check(data: self_check::ResponseData) -> Outcome<model::SelfCheck> {
    let fields = [("about", data.about.is_some()), ("me", data.me.is_some())];
    let user = data.me.map(|me| model::User {
        id: me.id.unwrap_or_default(),
        name: me.name,
        email: me.user_email,
        capabilities: list(me.capabilities).filter_map(|capability| capability.name).collect(),
        allowed_markings: list(me.allowed_marking).map(Into::into).collect(),
        max_confidence: me.effective_confidence_level.and_then(|level| level.max_confidence),
    });
    Outcome::new(model::SelfCheck { version: data.about.and_then(|about| about.version), user }, &fields)
}

pub(crate) mod export;
