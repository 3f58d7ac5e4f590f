//! A tower layer that opens a scope for every HTTP request. What comes in: requests and responses. What goes out: the same,
//! and scopes that end. Never touches a body.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{FutureExt as _, WithContext};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::context::current_context;
use super::request::Scope;
use super::subscriber::SubscriberSpan;

/// Reads a value from the head of a request.
type HeadReader = Arc<dyn for<'a> Fn(&'a Parts) -> Option<Cow<'a, str>> + Send + Sync>;

/// Opens a [`Scope`] for every request to a [`Service`] over HTTP, under the caller's trace if it sends a
/// `traceparent`. The response 5xx fails it with the error type `http_503` and so on, an error of the service
/// with `service_error`; any other response is ok. A caller that goes away before the response's head is
/// there, so that the server drops the future, ends it as [cancelled](Scope::cancel). The time runs to the response's head.
///
/// ```
/// use mapwarden::ScopeLayer;
///
/// let layer = ScopeLayer::request("checkout")
///     .user_header("x-user")
///     .tenant_header("x-tenant")
///     .region_header("x-region");
/// ```
#[derive(Clone)]
pub struct ScopeLayer {
    name: HeadReader,
    user: Option<HeadReader>,
    tenant: Option<HeadReader>,
    region: Option<HeadReader>,
}

impl ScopeLayer {
    /// Returns a layer for which all requests are one scope.
    pub fn request(name: impl Into<String>) -> Self {
        let name = name.into();
        Self::request_by(move |_| Some(name.clone()))
    }

    /// Returns a layer that names the scope of each request; a request without a name is passed on and not counted. A process has
    /// counters for 256 names, so name scopes after routes, never after raw paths.
    pub fn request_by(name: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { name: owned(name), user: None, tenant: None, region: None }
    }

    /// Takes the user's id from this header.
    ///
    /// # Panics
    /// If the name is not a lower-case header name, as [`HeaderName::from_static`].
    #[must_use]
    pub fn user_header(mut self, name: &'static str) -> Self {
        self.user = Some(header(HeaderName::from_static(name)));
        self
    }

    /// Takes the user's id from where the service keeps it, e.g. an extension set by its authentication.
    #[must_use]
    pub fn user_by(mut self, user: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.user = Some(owned(user));
        self
    }

    /// Takes the tenant's id from this header.
    ///
    /// # Panics
    /// If the name is not a lower-case header name, as [`HeaderName::from_static`].
    #[must_use]
    pub fn tenant_header(mut self, name: &'static str) -> Self {
        self.tenant = Some(header(HeaderName::from_static(name)));
        self
    }

    /// Takes the tenant's id from where the service keeps it, e.g. a claim that its authentication checked.
    #[must_use]
    pub fn tenant_by(mut self, tenant: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.tenant = Some(owned(tenant));
        self
    }

    /// Takes the region from this header. Use one that your own edge sets: clients who can choose it can use up the 64
    /// regions for which a scope has counters.
    ///
    /// # Panics
    /// If the name is not a lower-case header name, as [`HeaderName::from_static`].
    #[must_use]
    pub fn region_header(mut self, name: &'static str) -> Self {
        self.region = Some(header(HeaderName::from_static(name)));
        self
    }

    /// Takes the region from where the service keeps it.
    #[must_use]
    pub fn region_by(mut self, region: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.region = Some(owned(region));
        self
    }

    fn scope(&self, head: &Parts) -> Option<Scope> {
        let name = (self.name)(head)?;
        let region = self.region.as_ref().and_then(|read| read(head)).unwrap_or_default();
        let mut scope = Scope::request(&name).region(&region);
        if let Some(user) = self.user.as_ref().and_then(|read| read(head)) {
            scope = scope.user(&user);
        }
        if let Some(tenant) = self.tenant.as_ref().and_then(|read| read(head)) {
            scope = scope.tenant(&tenant);
        }
        if head.headers.contains_key("traceparent") {
            let caller = Headers(&head.headers);
            scope =
                scope.parent(TraceContextPropagator::new().extract_with_context(&Context::new(), &caller));
        }
        Some(scope.start())
    }
}

fn owned(read: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> HeadReader {
    Arc::new(move |head| read(head).map(Cow::Owned))
}

fn header(name: HeaderName) -> HeadReader {
    Arc::new(move |head| head.headers.get(&name)?.to_str().ok().map(Cow::Borrowed))
}

impl fmt::Debug for ScopeLayer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ScopeLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for ScopeLayer {
    type Service = ScopeService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ScopeService { inner, layer: self.clone() }
    }
}

/// A service under a [`ScopeLayer`].
#[derive(Clone, Debug)]
pub struct ScopeService<S> {
    inner: S,
    layer: ScopeLayer,
}

impl<S, B, R> Service<Request<B>> for ScopeService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, poller: &mut Poller<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(poller)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (head, body) = request.into_parts();
        let scope = self.layer.scope(&head);
        let context = scope.as_ref().map_or_else(|| current_context().unwrap_or_default(), Scope::context);
        let entered = context.clone().attach();
        let subscriber_span = scope.as_ref().map_or_else(SubscriberSpan::default, Scope::subscriber_span);
        let within = subscriber_span.enter();
        let response = self.inner.call(Request::from_parts(head, body));
        drop((within, entered));
        ResponseFuture { inner: response.with_context(context), subscriber_span, scope }
    }
}

pin_project! {
    /// The future of a response, polled within its scope.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: WithContext<F>,
        subscriber_span: SubscriberSpan,
        scope: Option<Scope>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        /// The server dropped the future: its client has gone away, or the server shuts down.
        fn drop(this: Pin<&mut Self>) {
            if let Some(scope) = this.project().scope.take() {
                // A scope that is dropped during a panic counts as failed with the error type `panic` by itself.
                if !std::thread::panicking() {
                    scope.cancel();
                }
            }
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Held here, it ends by a panic of the service even where a layer above catches that.
        let scope = this.scope.take();
        let polled = {
            let _within = this.subscriber_span.enter();
            this.inner.poll(poller)
        };
        let Poll::Ready(result) = polled else {
            *this.scope = scope;
            return Poll::Pending;
        };
        *this.subscriber_span = SubscriberSpan::default();
        if let Some(scope) = scope {
            match result.as_ref().map(Response::status) {
                Ok(status) if status.is_server_error() => scope.fail(&error_type(status)),
                Ok(_) => scope.ok(),
                Err(_) => scope.fail("service_error"),
            }
        }
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ResponseFuture").field("scope", &self.scope).finish_non_exhaustive()
    }
}

fn error_type(status: StatusCode) -> String {
    format!("http_{}", status.as_u16())
}

/// Headers as a propagator reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
