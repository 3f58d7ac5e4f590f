//! What comes in: the name of an objective, a correction or a map. What goes out: parts of the [`View`] as JSON, lists
//! newest first or by name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::query::{Parameters, choice};
use super::refusal::{PathNames, ambiguous, not_found};
use super::shared::Shared;
use crate::output::explain::explain;
use crate::problem::ProblemDocument;
use crate::view::AttributionView;
use crate::view::{MapView, SloView, Slos, SourceView, View};
use mapwarden_engine::ledger::AuditLine;
use mapwarden_engine::observation::Change;

pub(super) async fn slos(State(shared): State<Shared>) -> Json<Slos> {
    Json(shared.view().slos.clone())
}

pub(super) async fn slo(
    State(shared): State<Shared>,
    PathNames((service, name)): PathNames<(String, String)>,
    parameters: Parameters,
) -> Result<Response, ProblemDocument> {
    let detail = slo_detail(parameters)?;
    let view = shared.view();
    Ok(answer(&view, &of_service(&view, &service, &name)?, detail))
}

pub(super) async fn slo_by_name(
    State(shared): State<Shared>,
    PathNames(name): PathNames<String>,
    parameters: Parameters,
) -> Result<Response, ProblemDocument> {
    let detail = slo_detail(parameters)?;
    let view = shared.view();
    let found: Vec<SloView> =
        view.slos.those(|id| id.ends_with(&*name)).filter(|slo| *slo.name == *name).collect();
    match found.as_slice() {
        [slo] => Ok(answer(&view, slo, detail)),
        [] => Err(no_slo(&name, &view.slos)),
        several => Err(ambiguous(
            &format!("several services have an objective `{name}`"),
            several.iter().map(|slo| slo.id.as_str()),
        )),
    }
}

pub(super) async fn attribution(
    State(shared): State<Shared>,
    PathNames((service, name)): PathNames<(String, String)>,
) -> Result<Json<Vec<AttributionView>>, ProblemDocument> {
    let view = shared.view();
    Ok(Json(of_service(&view, &service, &name)?.ledger.attribution))
}

pub(super) async fn corrections(State(shared): State<Shared>) -> Json<Arc<[AuditLine]>> {
    Json(shared.view().corrections.clone())
}

pub(super) async fn correction(
    State(shared): State<Shared>,
    PathNames(id): PathNames<String>,
) -> Result<Json<AuditLine>, ProblemDocument> {
    let view = shared.view();
    let found = view.corrections.iter().find(|line| line.entry.id == id);
    found.cloned().map(Json).ok_or_else(|| {
        let known = view.corrections.iter().map(|line| line.entry.id.as_str());
        not_found(&format!("there is no correction `{id}` among the active and the last thousand"), known)
    })
}

fn of_service(view: &View, service: &str, name: &str) -> Result<SloView, ProblemDocument> {
    let id = format!("{service}/{name}");
    let found =
        view.slos.those(|known| known == id).find(|slo| *slo.service == *service && *slo.name == *name);
    found.ok_or_else(|| no_slo(&id, &view.slos))
}

/// How much `?explain=` asks for.
#[derive(Clone, Copy)]
enum SloDetail {
    /// The numbers of the objective.
    Numbers,
    /// The numbers and the formula of each.
    Formulas,
}

fn slo_detail(parameters: Parameters) -> Result<SloDetail, ProblemDocument> {
    use SloDetail::{Formulas, Numbers};
    let [explain] = parameters.values(["explain"])?;
    let accepted = [("0", Numbers), ("1", Formulas), ("false", Numbers), ("true", Formulas), ("", Formulas)];
    Ok(choice("explain", explain.as_deref(), accepted)?.unwrap_or(Numbers))
}

fn answer(view: &View, slo: &SloView, detail: SloDetail) -> Response {
    match detail {
        SloDetail::Numbers => Json(slo).into_response(),
        SloDetail::Formulas => Json(explain(view, slo)).into_response(),
    }
}

fn no_slo(name: &str, slos: &Slos) -> ProblemDocument {
    not_found(&format!("there is no objective `{name}`"), slos.ids())
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
    PathNames((service, name)): PathNames<(String, String)>,
) -> Result<Json<MapView>, ProblemDocument> {
    let view = shared.view();
    let found = view.maps.iter().find(|map| map.service == service && map.name == name);
    found.cloned().map(Json).ok_or_else(|| no_map(&format!("{service}/{name}"), &view.maps))
}

pub(super) async fn map_by_name(
    State(shared): State<Shared>,
    PathNames(name): PathNames<String>,
) -> Result<Json<MapView>, ProblemDocument> {
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

fn no_map(name: &str, maps: &[MapView]) -> ProblemDocument {
    not_found(&format!("there is no map `{name}`"), maps.iter().map(full_name))
}

fn full_name(map: &MapView) -> String {
    format!("{}/{}", map.service, map.name)
}
