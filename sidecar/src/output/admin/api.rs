//! What comes in: a name, a filter, a format. What goes out: parts of the [`View`](crate::output::View) as JSON,
//! lists newest first or by name, and single notices in every form.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::page::CONTENT_SECURITY_POLICY;
use super::refusal::{Asked, Named, ambiguous, not_found, not_understood};
use crate::output::explain::explain;
use crate::output::render::Form;
use crate::problem::Problem;
use crate::view::ledger::AttributionView;
use crate::view::{MapView, SloView, Slos, SourceView, View};
use mapwarden_engine::ledger::Line;
use mapwarden_engine::notice::{self, Notice};
use mapwarden_engine::observation::Change;

/// Which notices are asked for.
#[derive(Debug, Deserialize)]
pub(super) struct NoticeFilter {
    state: Option<String>,
}

/// The form that a notice is asked for in.
#[derive(Debug, Deserialize)]
pub(super) struct FormChoice {
    format: Option<String>,
}

/// Whether numbers are to be explained.
#[derive(Debug, Deserialize)]
pub(super) struct Explain {
    explain: Option<String>,
}

pub(super) async fn slos(State(shared): State<Shared>) -> Json<Slos> {
    Json(shared.view().slos.clone())
}

pub(super) async fn slo(
    State(shared): State<Shared>,
    Named((service, name)): Named<(String, String)>,
    Asked(asked): Asked<Explain>,
) -> Result<Response, Problem> {
    let view = shared.view();
    asked.answer(&view, &of_service(&view, &service, &name)?)
}

pub(super) async fn slo_by_name(
    State(shared): State<Shared>,
    Named(name): Named<String>,
    Asked(asked): Asked<Explain>,
) -> Result<Response, Problem> {
    let view = shared.view();
    let found: Vec<SloView> =
        view.slos.those(|id| id.ends_with(&*name)).filter(|slo| *slo.name == *name).collect();
    match found.as_slice() {
        [slo] => asked.answer(&view, slo),
        [] => Err(no_slo(&name, &view.slos)),
        several => Err(ambiguous(
            &format!("several services have an objective `{name}`"),
            several.iter().map(|slo| slo.id.as_str()),
        )),
    }
}

pub(super) async fn attribution(
    State(shared): State<Shared>,
    Named((service, name)): Named<(String, String)>,
) -> Result<Json<Vec<AttributionView>>, Problem> {
    let view = shared.view();
    Ok(Json(of_service(&view, &service, &name)?.ledger.attribution))
}

pub(super) async fn corrections(State(shared): State<Shared>) -> Json<Arc<[Line]>> {
    Json(shared.view().corrections.clone())
}

pub(super) async fn correction(
    State(shared): State<Shared>,
    Named(id): Named<String>,
) -> Result<Json<Line>, Problem> {
    let view = shared.view();
    let found = view.corrections.iter().find(|line| line.entry.id == id);
    found.cloned().map(Json).ok_or_else(|| {
        let known = view.corrections.iter().map(|line| line.entry.id.as_str());
        not_found(&format!("there is no correction `{id}` among those that act and the last thousand"), known)
    })
}

fn of_service(view: &View, service: &str, name: &str) -> Result<SloView, Problem> {
    let id = format!("{service}/{name}");
    let found =
        view.slos.those(|known| known == id).find(|slo| *slo.service == *service && *slo.name == *name);
    found.ok_or_else(|| no_slo(&id, &view.slos))
}

impl Explain {
    fn answer(&self, view: &View, slo: &SloView) -> Result<Response, Problem> {
        match self.explain.as_deref() {
            None | Some("0" | "false") => Ok(Json(slo).into_response()),
            Some("" | "1" | "true") => Ok(Json(explain(view, slo)).into_response()),
            Some(other) => Err(not_understood(&format!("explain `{other}` is not known"), ["0", "1"])),
        }
    }
}

fn no_slo(name: &str, slos: &Slos) -> Problem {
    not_found(&format!("there is no objective `{name}`"), slos.ids())
}

pub(super) async fn notices(
    State(shared): State<Shared>,
    Asked(filter): Asked<NoticeFilter>,
) -> Result<Json<Vec<Notice>>, Problem> {
    let state = match filter.state.as_deref() {
        None => None,
        Some("open") => Some(notice::State::Open),
        Some("resolved") => Some(notice::State::Resolved),
        Some(other) => {
            return Err(not_understood(&format!("state `{other}` is not known"), ["open", "resolved"]));
        }
    };
    let view = shared.view();
    let asked = view.notices.iter().filter(|notice| state.is_none_or(|state| notice.state == state));
    Ok(Json(asked.cloned().collect()))
}

pub(super) async fn notice(
    State(shared): State<Shared>,
    Named(id): Named<String>,
    Asked(choice): Asked<FormChoice>,
) -> Result<Response, Problem> {
    let view = shared.view();
    let notice = view.notices.iter().find(|notice| notice.id == id).ok_or_else(|| {
        let known = view.notices.iter().map(|notice| notice.id.as_str());
        not_found(&format!("there is no notice `{id}` among the open and the last resolved"), known)
    })?;
    let form = match choice.format.as_deref() {
        None | Some("json") => return Ok(Json(notice).into_response()),
        Some(name) => Form::ALL.into_iter().find(|form| form.name() == name).ok_or_else(|| {
            let accepted = std::iter::once("json").chain(Form::ALL.map(Form::name));
            not_understood(&format!("format `{name}` is not known"), accepted)
        })?,
    };
    let text = shared.admin.templates.render(notice, form).map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("template `{}`: {error:#}", form.template()))
    })?;
    let headers = [
        (header::CONTENT_TYPE, form.content_type()),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    Ok((headers, text).into_response())
}

pub(super) async fn deploys(State(shared): State<Shared>) -> Json<Vec<Change>> {
    Json(shared.view().changes.clone())
}

pub(super) async fn maps(State(shared): State<Shared>) -> Json<Vec<MapView>> {
    Json(shared.view().maps.clone())
}

pub(super) async fn sources(State(shared): State<Shared>) -> Json<Vec<SourceView>> {
    Json(shared.view().sources.clone())
}

pub(super) async fn map(
    State(shared): State<Shared>,
    Named((service, name)): Named<(String, String)>,
) -> Result<Json<MapView>, Problem> {
    let view = shared.view();
    let found = view.maps.iter().find(|map| map.service == service && map.name == name);
    found.cloned().map(Json).ok_or_else(|| no_map(&format!("{service}/{name}"), &view.maps))
}

pub(super) async fn map_by_name(
    State(shared): State<Shared>,
    Named(name): Named<String>,
) -> Result<Json<MapView>, Problem> {
    let view = shared.view();
    let found: Vec<&MapView> = view.maps.iter().filter(|map| map.name == name).collect();
    match found.as_slice() {
        [map] => Ok(Json((*map).clone())),
        [] => Err(no_map(&name, &view.maps)),
        several => Err(ambiguous(
            &format!("several services have a map `{name}`"),
            several.iter().map(|map| full_name(map)),
        )),
    }
}

fn no_map(name: &str, maps: &[MapView]) -> Problem {
    not_found(&format!("there is no map `{name}`"), maps.iter().map(full_name))
}

fn full_name(map: &MapView) -> String {
    format!("{}/{}", map.service, map.name)
}
