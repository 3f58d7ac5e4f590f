//! Soon.
/// Soon.
pub async fn run(
    _sinks: Vec<crate::config::Sink>,
    mut events: tokio::sync::mpsc::Receiver<super::NoticeEvent>,
    _view: tokio::sync::watch::Receiver<std::sync::Arc<super::View>>,
    _templates: super::render::Templates,
    _stop: tokio_util::sync::CancellationToken,
) {
    while events.recv().await.is_some() {}
}
