//! What comes in: a state or the id of a notice, and a format. What goes out: the notices of the
//! [`View`](crate::view::View), newest first, as JSON or in a form for people.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mapwarden_engine::notice::{self, Notice};

use super::page::CONTENT_SECURITY_POLICY;
use super::query::{Parameters, choice};
use super::refusal::{PathNames, not_found};
use super::shared::Shared;
use crate::output::render::{NoticeForm, RenderError};
use crate::problem::ProblemDocument;

/// What `?format=` accepts, JSON first.
const FORMATS: [(&str, Option<NoticeForm>); 5] = [
    ("json", None),
    (NoticeForm::Yaml.name(), Some(NoticeForm::Yaml)),
    (NoticeForm::Markdown.name(), Some(NoticeForm::Markdown)),
    (NoticeForm::Html.name(), Some(NoticeForm::Html)),
    (NoticeForm::Text.name(), Some(NoticeForm::Text)),
];

/// What `?state=` accepts.
const STATES: [(&str, notice::NoticeState); 2] =
    [("open", notice::NoticeState::Open), ("resolved", notice::NoticeState::Resolved)];

pub(super) async fn list(
    State(shared): State<Shared>,
    parameters: Parameters,
) -> Result<Response, ProblemDocument> {
    let [state, format] = parameters.values(["state", "format"])?;
    let state = choice("state", state.as_deref(), STATES)?;
    let form = choice("format", format.as_deref(), FORMATS)?.flatten();
    let view = shared.view();
    let notices = view.notices.iter().filter(|notice| state.is_none_or(|state| notice.state == state));
    let notices: Vec<&Notice> = notices.collect();
    let Some(form) = form else { return Ok(Json(notices).into_response()) };
    let none = match state {
        None => "No notice is open, and none was resolved recently.",
        Some(notice::NoticeState::Open) => "No notice is open.",
        Some(notice::NoticeState::Resolved) => "No notice was resolved recently.",
    };
    answer(form, shared.admin.templates.render_list(&notices, form, none, view.at))
}

pub(super) async fn one(
    State(shared): State<Shared>,
    PathNames(id): PathNames<String>,
    parameters: Parameters,
) -> Result<Response, ProblemDocument> {
    let [format] = parameters.values(["format"])?;
    let form = choice("format", format.as_deref(), FORMATS)?.flatten();
    let view = shared.view();
    let notice = view.notices.iter().find(|notice| notice.id == id).ok_or_else(|| {
        let known = view.notices.iter().map(|notice| notice.id.as_str());
        not_found(&format!("there is no notice `{id}` among the open and the last resolved"), known)
    })?;
    let Some(form) = form else { return Ok(Json(notice).into_response()) };
    answer(form, shared.admin.templates.render(notice, form))
}

fn answer(form: NoticeForm, rendered: Result<String, RenderError>) -> Result<Response, ProblemDocument> {
    let text = rendered.map_err(|error| {
        ProblemDocument::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("template `{}`: {error:#}", form.template()),
        )
    })?;
    let headers = [
        (header::CONTENT_TYPE, form.content_type()),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    Ok((headers, text).into_response())
}
