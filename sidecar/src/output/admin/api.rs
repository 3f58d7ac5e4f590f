//! What comes in: a name, a filter, a format. What goes out: parts of the [`View`](crate::output::View) as JSON,
//! lists newest first or by name, and single notices in every form.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::page::CONTENT_SECURITY_POLICY;
use super::refusal::{Asked, Named, ambiguous, not_found, not_understood};
use crate::accept::Change;
use crate::notice::{self, Notice};
use crate::output::render::Form;
use crate::output::{MapView, SloView, SourceView};
use crate::problem::Problem;

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

pub(super) async fn slos(State(shared): State<Shared>) -> Json<Vec<SloView>> {
    Json(shared.view().slos.clone())
}

pub(super) async fn slo(
    State(shared): State<Shared>,
    Named((service, name)): Named<(String, String)>,
) -> Result<Json<SloView>, Problem> {
    let view = shared.view();
    let found = view.slos.iter().find(|slo| slo.service == service && slo.name == name);
    found.cloned().map(Json).ok_or_else(|| no_slo(&format!("{service}/{name}"), &view.slos))
}

pub(super) async fn slo_by_name(
    State(shared): State<Shared>,
    Named(name): Named<String>,
) -> Result<Json<SloView>, Problem> {
    let view = shared.view();
    let found: Vec<&SloView> = view.slos.iter().filter(|slo| slo.name == name).collect();
    match found.as_slice() {
        [slo] => Ok(Json((*slo).clone())),
        [] => Err(no_slo(&name, &view.slos)),
        several => Err(ambiguous(
            &format!("several services have an objective `{name}`"),
            several.iter().map(|slo| slo.id.as_str()),
        )),
    }
}

fn no_slo(name: &str, slos: &[SloView]) -> Problem {
    not_found(&format!("there is no objective `{name}`"), slos.iter().map(|slo| slo.id.as_str()))
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
