//! Requests for pages.

use std::time::SystemTime;

use super::{ObjectId, Page, Relation, ReportObject, StreamCollection};
use crate::error::Error;
use crate::filter::{Filter, FilterGroup, Mode};
use crate::model::{Indicator, Observable, Report};
use crate::operations::export as operations;
use crate::request::{OBSERVABLE_TYPES, RELATIONS, Request};
use crate::stream::EventId;

/// Stream collections asked for, at most.
const COLLECTIONS: i64 = 1000;

/// Which page: objects changed since, after a cursor, so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) since: Option<SystemTime>,
    pub(crate) after: Option<String>,
    pub(crate) first: usize,
}

impl Place {
    fn filters(&self) -> Option<FilterGroup> {
        let date = EventId::at(self.since?).date();
        Some(FilterGroup::new(Mode::And, Filter::at_least("updated_at", date)))
    }

    fn first(&self) -> i64 {
        i64::try_from(self.first).unwrap_or(i64::MAX)
    }
}

impl Request<Page<Indicator>> {
    pub(crate) fn export(place: &Place) -> Result<Self, Error> {
        let variables = operations::export_indicators::Variables {
            filters: place.filters(),
            first: place.first(),
            after: place.after.clone(),
        };
        Self::new::<operations::ExportIndicators>(variables, operations::indicators)
    }
}

impl Request<Page<Observable>> {
    pub(crate) fn export(place: &Place) -> Result<Self, Error> {
        let variables = operations::export_observables::Variables {
            filters: place.filters(),
            first: place.first(),
            after: place.after.clone(),
        };
        Self::new::<operations::ExportObservables>(variables, operations::observables)
    }
}

impl Request<Page<Relation>> {
    pub(crate) fn export(place: &Place) -> Result<Self, Error> {
        let variables = operations::export_relations::Variables {
            relations: relation_types(),
            from_types: types(&[&["Indicator"], OBSERVABLE_TYPES]),
            filters: place.filters(),
            first: place.first(),
            after: place.after.clone(),
        };
        Self::new::<operations::ExportRelations>(variables, operations::relations)
    }
}

impl Request<Page<Report>> {
    pub(crate) fn export(place: &Place) -> Result<Self, Error> {
        let variables = operations::export_reports::Variables {
            filters: place.filters(),
            first: place.first(),
            after: place.after.clone(),
        };
        Self::new::<operations::ExportReports>(variables, operations::reports)
    }
}

impl Request<Page<ReportObject>> {
    pub(crate) fn export(place: &Place) -> Result<Self, Error> {
        let variables =
            operations::export_report_objects::Variables { first: place.first(), after: place.after.clone() };
        Self::new::<operations::ExportReportObjects>(variables, operations::report_objects)
    }
}

impl Request<Page<ObjectId>> {
    pub(crate) fn indicator_ids(place: &Place) -> Result<Self, Error> {
        let variables =
            operations::export_indicator_ids::Variables { first: place.first(), after: place.after.clone() };
        Self::new::<operations::ExportIndicatorIds>(variables, operations::indicator_ids)
    }

    pub(crate) fn observable_ids(place: &Place) -> Result<Self, Error> {
        let variables =
            operations::export_observable_ids::Variables { first: place.first(), after: place.after.clone() };
        Self::new::<operations::ExportObservableIds>(variables, operations::observable_ids)
    }

    pub(crate) fn relation_ids(place: &Place) -> Result<Self, Error> {
        let variables = operations::export_relation_ids::Variables {
            relations: relation_types(),
            from_types: types(&[&["Indicator"], OBSERVABLE_TYPES]),
            first: place.first(),
            after: place.after.clone(),
        };
        Self::new::<operations::ExportRelationIds>(variables, operations::relation_ids)
    }
}

impl Request<Vec<StreamCollection>> {
    /// The request for the live streams that the platform offers.
    ///
    /// # Errors
    ///
    /// When the body cannot be written, which does not happen.
    pub fn stream_collections() -> Result<Self, Error> {
        let variables = operations::stream_collections::Variables { first: COLLECTIONS };
        Self::new::<operations::StreamCollections>(variables, operations::stream_collections)
    }
}

fn relation_types() -> Option<Vec<Option<String>>> {
    types(&[&["based-on", "indicates"], RELATIONS])
}

fn types(lists: &[&[&str]]) -> Option<Vec<Option<String>>> {
    Some(lists.concat().into_iter().map(|text| Some(text.to_owned())).collect())
}
