//! The operations that read all there is, page by page.

use graphql_client::GraphQLQuery;

use super::{DateTime, Outcome, list};
use crate::export::{ObjectId, Page, Relation, ReportObject, StreamCollection};
use crate::model;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/export_indicators.graphql",
    variable_types("crate::filter::FilterGroup"),
    fragments_other_variant = "true"
)]
pub(crate) struct ExportIndicators;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/export_observables.graphql",
    variable_types("crate::filter::FilterGroup"),
    fragments_other_variant = "true"
)]
pub(crate) struct ExportObservables;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/export_relations.graphql",
    variable_types("crate::filter::FilterGroup"),
    fragments_other_variant = "true"
)]
pub(crate) struct ExportRelations;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/export_reports.graphql",
    variable_types("crate::filter::FilterGroup"),
    fragments_other_variant = "true"
)]
pub(crate) struct ExportReports;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/export_report_objects.graphql",
    fragments_other_variant = "true"
)]
pub(crate) struct ExportReportObjects;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/export_indicator_ids.graphql",
    fragments_other_variant = "true"
)]
pub(crate) struct ExportIndicatorIds;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/export_observable_ids.graphql",
    fragments_other_variant = "true"
)]
pub(crate) struct ExportObservableIds;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/export_relation_ids.graphql",
    fragments_other_variant = "true"
)]
pub(crate) struct ExportRelationIds;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.graphql",
    query_path = "graphql/stream_collections.graphql",
    fragments_other_variant = "true"
)]
pub(crate) struct StreamCollections;

convert_common!(export_indicators, export_observables, export_reports);
convert_indicator!(export_indicators);
convert_observable!(export_observables);
convert_threat!(threat, export_relations::ExportRelationsStixCoreRelationshipsEdgesNodeTo);

/// A page of a connection. What a node is turned into may be nothing: it has still been sent.
macro_rules! page {
    ($field:literal, $connection:expr, $convert:expr) => {{
        let connection = $connection;
        let is_there = connection.is_some();
        let mut page = Page { items: Vec::new(), next: None, problems: Vec::new(), received: 0, gaps: 0 };
        if let Some(connection) = connection {
            let edges = connection.edges.unwrap_or_default();
            page.received = edges.len();
            let nodes: Vec<_> = edges.into_iter().flatten().filter_map(|edge| edge.node).collect();
            page.gaps = page.received - nodes.len();
            page.items = nodes.into_iter().filter_map($convert).collect();
            page.next = connection
                .page_info
                .filter(|info| info.has_next_page == Some(true))
                .and_then(|info| info.end_cursor)
                .filter(|cursor| !cursor.is_empty());
        }
        Outcome::new(page, &[($field, is_there)])
    }};
}

pub(crate) fn indicators(data: export_indicators::ResponseData) -> Outcome<Page<model::Indicator>> {
    page!("indicators", data.indicators, |node| Some(node.into()))
}

pub(crate) fn observables(data: export_observables::ResponseData) -> Outcome<Page<model::Observable>> {
    page!("stixCyberObservables", data.stix_cyber_observables, |node| Some(node.into()))
}

pub(crate) fn relations(data: export_relations::ResponseData) -> Outcome<Page<Relation>> {
    page!("stixCoreRelationships", data.stix_core_relationships, |node| Some(Relation {
        id: node.id,
        relationship_type: node.relationship_type.unwrap_or_default(),
        confidence: node.confidence,
        updated_at: node.updated_at,
        from_id: node.from_id,
        from_type: node.from_type,
        to_id: node.to_id,
        to_type: node.to_type,
        target: node.to.and_then(threat),
    }))
}

pub(crate) fn reports(data: export_reports::ResponseData) -> Outcome<Page<model::Report>> {
    page!("reports", data.reports, |report| Some(model::Report {
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
        external_references: Vec::new(),
        object_ids: Vec::new(),
    }))
}

pub(crate) fn report_objects(data: export_report_objects::ResponseData) -> Outcome<Page<ReportObject>> {
    use export_report_objects::ExportReportObjectsStixRefRelationshipsEdgesNodeFrom as From;
    use export_report_objects::ExportReportObjectsStixRefRelationshipsEdgesNodeTo as To;
    // An end that the user may not see comes as null.
    page!("stixRefRelationships", data.stix_ref_relationships, |node| match (node.from, node.to) {
        (Some(From::Report(report)), Some(To::Indicator(indicator))) => {
            Some(ReportObject { report_id: report.id, indicator_id: indicator.id })
        }
        _ => None,
    })
}

pub(crate) fn indicator_ids(data: export_indicator_ids::ResponseData) -> Outcome<Page<ObjectId>> {
    page!("indicators", data.indicators, |node| Some(ObjectId { id: node.id, updated_at: node.updated_at }))
}

pub(crate) fn observable_ids(data: export_observable_ids::ResponseData) -> Outcome<Page<ObjectId>> {
    page!("stixCyberObservables", data.stix_cyber_observables, |node| Some(ObjectId {
        id: node.id,
        updated_at: node.updated_at
    }))
}

pub(crate) fn relation_ids(data: export_relation_ids::ResponseData) -> Outcome<Page<ObjectId>> {
    page!("stixCoreRelationships", data.stix_core_relationships, |node| Some(ObjectId {
        id: node.id,
        updated_at: node.updated_at
    }))
}

pub(crate) fn stream_collections(data: stream_collections::ResponseData) -> Outcome<Vec<StreamCollection>> {
    let fields = [("streamCollections", data.stream_collections.is_some())];
    let collections = nodes!(data.stream_collections)
        .map(|collection| StreamCollection {
            id: collection.id,
            name: collection.name,
            description: collection.description,
            filters: collection.filters,
            is_live: collection.stream_live,
            is_public: collection.stream_public,
        })
        .collect();
    Outcome::new(collections, &fields)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::*;

    /// The same object must look the same whichever operation it came by, since it may be asked for by one and stored
    /// by another. The documents cannot share a fragment, so each has a copy.
    #[test]
    fn copies_of_a_fragment_are_equal() {
        let mut copies = BTreeMap::<&str, Vec<&str>>::new();
        for document in [
            ioc_lookup::QUERY,
            observable_context::QUERY,
            based_on::QUERY,
            threat_context::QUERY,
            self_check::QUERY,
            super::export_indicators::QUERY,
            super::export_observables::QUERY,
            super::export_reports::QUERY,
        ] {
            for fragment in document.split("\nfragment ").skip(1) {
                copies.entry(fragment.split(' ').next().unwrap()).or_default().push(fragment.trim_end());
            }
        }
        let counts: Vec<_> = copies.iter().map(|(name, copies)| (*name, copies.len())).collect();
        assert_eq!(
            counts,
            [("AuthorFields", 7), ("IndicatorFields", 4), ("MarkingFields", 8), ("ObservableFields", 2)]
        );
        for (name, copies) in copies {
            assert!(copies.windows(2).all(|pair| pair[0] == pair[1]), "{name} differs");
        }
        // The ends of relations that are threats are selected in place.
        let ends = |document: &'static str| {
            let start = document.find("... on Malware").unwrap();
            let text = &document[start..start + document[start..].find("... on Vulnerability").unwrap()];
            text.split_whitespace().collect::<Vec<_>>()
        };
        assert_eq!(ends(threat_context::QUERY), ends(super::export_relations::QUERY));
    }
}
